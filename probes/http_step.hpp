// What the http operations share: the parameters of a request, and the judgement of its answer.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "probes/io/http_client.hpp"
#include "probes/operation.hpp"

// The parameters of every request, for an operation's table. A macro, since a table is one constant expression.
#define SLIMTAX_HTTP_PARAMETERS                                                                               \
    {.name = "url",                                                                                           \
     .required = true,                                                                                        \
     .help = "The address, http or https; without \"://\" http is meant. The target fills it when omitted.",  \
     .example = "\"https://${target}/\"",                                                                     \
     .flaw = &http_url_flaw},                                                                                 \
        {.name = "headers",                                                                                   \
         .type = ParameterType::text_map,                                                                     \
         .help = "More header lines of the request.",                                                         \
         .example = "{ Accept = \"text/html\" }"},                                                            \
        {.name = "status",                                                                                    \
         .fallback = "\"2xx\"",                                                                               \
         .help = "The statuses that are right: numbers, ranges and classes, with commas.",                    \
         .example = "\"200, 301-303, 4xx\"",                                                                  \
         .flaw = &http_status_flaw},                                                                          \
        {.name = "match",                                                                                     \
         .type = ParameterType::pattern,                                                                      \
         .help = "Must be found in the body (in its first 1 MB).",                                            \
         .example = "'Sign in'"},                                                                             \
        {.name = "no_match",                                                                                  \
         .type = ParameterType::pattern,                                                                      \
         .help = "Must not be found in the body (in its first 1 MB).",                                        \
         .example = "'(?i)internal error'"},                                                                  \
        {.name = "redirects",                                                                                 \
         .type = ParameterType::integer,                                                                      \
         .fallback = "5",                                                                                     \
         .help = "Follow at most so many redirects; 0: a redirect is the answer.",                            \
         .most = 20},                                                                                         \
        {.name = "user", .help = "Log in by HTTP Basic as this user."},                                       \
        {.name = "password", .help = "The user's password.", .example = "\"${secret:web-probe}\""},           \
        {.name = "verify",                                                                                    \
         .type = ParameterType::boolean,                                                                      \
         .fallback = "true",                                                                                  \
         .help = "Whether the certificate must be valid, for that name, and signed by a trusted authority."}, \
        {.name = "ca_file",                                                                                   \
         .help = "PEM file with the authorities to trust for this step, instead of the usual ones."},         \
        {.name = "max_body",                                                                                  \
         .type = ParameterType::integer,                                                                      \
         .fallback = "10000000",                                                                              \
         .help = "A body of more bytes than this is a failure.",                                              \
         .least = 1,                                                                                          \
         .most = 1'000'000'000'000},                                                                          \
    {                                                                                                         \
        .name = "cookies", .type = ParameterType::boolean, .fallback = "true",                                \
        .help = "Whether cookies are kept from step to step of a run."                                        \
    }

namespace slimtax::probes {

/// What is wrong with a text as an address, or as a list of statuses; empty: nothing.
[[nodiscard]] std::string http_url_flaw(std::string_view url);
[[nodiscard]] std::string http_status_flaw(std::string_view statuses);

/// The cookies of a run, in curl's form.
struct Cookies {
    std::vector<std::string> lines;
};

/// The run's cookies when the step keeps them, or null.
[[nodiscard]] std::vector<std::string>* cookies_of(StepContext& context);

/// The request that a step's arguments ask for, without cookies and body.
[[nodiscard]] HttpRequest http_request_of(std::string method, const Arguments& arguments);

/// Leaves the phases of the time, and says in the transcript what was answered.
void leave_http_times(const HttpResponse& response, StepReport& report);

/// Leaves status, body and all else that an answer has as outputs.
void leave_http_answer(HttpResponse response, StepContext& context);

/// Whether the answer is the one that was wanted.
[[nodiscard]] Outcome judge_http(const HttpResponse& response, const Arguments& arguments);

}  // namespace slimtax::probes
