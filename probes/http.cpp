// http.get and http.post: a page or an interface over HTTP, timed phase by phase up to the body's last byte.

#include <charconv>
#include <iterator>
#include <utility>

#include "probes/io/engine.hpp"
#include "probes/io/http_client.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {
namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

// What both share; http.post adds two.
#define SLIMTAX_HTTP_PARAMETERS                                                                               \
    {.name = "url",                                                                                           \
     .required = true,                                                                                        \
     .help = "The address, http or https; without \"://\" http is meant. The target fills it when omitted.",  \
     .example = "\"https://${target}/\""},                                                                    \
        {.name = "headers",                                                                                   \
         .type = ParameterType::text_map,                                                                     \
         .help = "More header lines of the request.",                                                         \
         .example = "{ Accept = \"text/html\" }"},                                                            \
        {.name = "status",                                                                                    \
         .fallback = "\"2xx\"",                                                                               \
         .help = "The statuses that are right: numbers, ranges and classes, with commas.",                    \
         .example = "\"200, 301-303, 4xx\""},                                                                 \
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

constexpr Parameter get_parameters[] = {SLIMTAX_HTTP_PARAMETERS};

constexpr Parameter post_parameters[] = {
    SLIMTAX_HTTP_PARAMETERS,
    {.name = "body", .help = "What is sent.", .example = "\"user=probe&password=${secret:web-probe}\""},
    {.name = "content_type",
     .fallback = "\"application/x-www-form-urlencoded\"",
     .help = "What the body is.",
     .example = "\"application/json\""},
};

#undef SLIMTAX_HTTP_PARAMETERS

constexpr Output outputs[] = {
    {"status", OutputType::number, "The status of the (last) answer."},
    {"body", OutputType::text, "The body, at most its first 1 MB."},
    {"bytes", OutputType::number, "The length of the whole body."},
    {"url", OutputType::text, "The address that answered, after redirects."},
    {"redirects", OutputType::number, "How many were followed."},
    {"content_type", OutputType::text, "The Content-Type of the answer."},
    {"headers", OutputType::text, "The headers of the answer, a line each, names in lower case; for header(\"name\")."},
    {"location", OutputType::text, "Where a redirect that was not followed leads."},
    {"time.lookup", OutputType::duration, "Looking names up."},
    {"time.connect", OutputType::duration, "Making the TCP connections."},
    {"time.tls", OutputType::duration, "The TLS handshakes."},
    {"time.first_byte", OutputType::duration, "From the request to the first byte of its answer."},
    {"time.body", OutputType::duration, "From there to the answer's end."},
    {"cert.days", OutputType::number, "Days until the server's certificate ends; only with https."},
};

/// The cookies of a run, in curl's form.
struct Cookies {
    std::vector<std::string> lines;
};

/// True when `status` is one of "200, 301-303, 4xx"; an error when the text is nothing like that.
tl::expected<bool, std::string> is_wanted(int status, std::string_view wanted) {
    const auto bad = [&] {
        return tl::unexpected("status is \"" + std::string(wanted) +
                              "\": expected, for example, \"200, 301-303, 4xx\"");
    };
    bool found = false;
    std::string_view rest = wanted;
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        std::string_view word = rest.substr(0, comma);
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        word.remove_prefix(std::min(word.find_first_not_of(' '), word.size()));
        word = word.substr(0, word.find_last_not_of(' ') + 1);
        if (word.size() == 3 && word.substr(1) == "xx" && word[0] >= '1' && word[0] <= '5') {
            found = found || status / 100 == word[0] - '0';
            continue;
        }
        int first = 0;
        const char* const end = word.data() + word.size();
        auto parsed = std::from_chars(word.data(), end, first);
        int last = first;
        if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '-') {
            parsed = std::from_chars(parsed.ptr + 1, end, last);
        }
        if (parsed.ec != std::errc() || parsed.ptr != end || first < 100 || last > 999 || first > last) {
            return bad();
        }
        found = found || (status >= first && status <= last);
    }
    return wanted.empty() ? tl::expected<bool, std::string>(bad()) : found;
}

HttpRequest request_of(std::string method, const Arguments& arguments) {
    const std::string& url = arguments.text("url");
    HttpRequest request(std::move(method), url.find("://") == std::string::npos ? "http://" + url : url);
    request.headers = arguments.map("headers");
    request.user = arguments.text("user");
    request.password = arguments.text("password");
    request.redirects = static_cast<int>(arguments.integer("redirects"));
    request.max_body = static_cast<std::uint64_t>(arguments.integer("max_body"));
    request.verify = arguments.flag("verify");
    request.ca_file = arguments.text("ca_file");
    return request;
}

std::string lines_of(const std::vector<std::pair<std::string, std::string>>& headers) {
    std::string lines;
    for (const auto& [name, value] : headers) {
        lines += name + ": " + value + "\n";
    }
    return lines;
}

void leave_report(const HttpResponse& response, StepContext& context) {
    StepReport& report = context.report;
    const HttpTimes& times = response.times;
    const std::pair<const char*, schemas::Duration> phases[] = {{"lookup", times.lookup},
                                                                {"connect", times.connect},
                                                                {"tls", times.tls},
                                                                {"first_byte", times.first_byte},
                                                                {"body", times.body}};
    for (const auto& [name, took] : phases) {
        report.timing(name, took);
        report.output(std::string("time.") + name, schemas::to_seconds(took));
    }
    report.response(times.total());
    report.output("status", static_cast<double>(response.status));
    report.output("body", response.body);
    report.output("bytes", static_cast<double>(response.bytes));
    report.output("url", response.url);
    report.output("redirects", static_cast<double>(response.redirects));
    report.output("content_type", std::string(response.header("content-type")));
    report.output("headers", lines_of(response.headers));
    report.output("location", std::string(response.header("location")));
    if (response.certificate_until) {
        const auto left = std::chrono::floor<std::chrono::days>(*response.certificate_until - context.wall_now);
        report.output("cert.days", static_cast<double>(left.count()));
    }
    report.note(response.server + " (" + response.peer + ") answered " + std::to_string(response.status) + " with " +
                std::to_string(response.bytes) + " bytes" +
                (response.redirects == 0 ? "" : " after " + std::to_string(response.redirects) + " redirects"));
}

/// Whether the answer is the one that was wanted.
Outcome judge(const HttpResponse& response, const Arguments& arguments) {
    const auto wanted = is_wanted(response.status, arguments.text("status"));
    if (!wanted) {
        return Outcome::fault(wanted.error());
    }
    if (!*wanted) {
        const std::string phrase = response.phrase.empty() ? "" : " " + quotable(response.phrase, {}, 60);
        return Outcome::failed(response.server + " answered " + std::to_string(response.status) + phrase +
                               ", expected " + arguments.text("status"));
    }
    const schemas::Pattern* const match = arguments.pattern("match");
    if (match != nullptr && !match->found_in(response.body)) {
        return Outcome::failed("the page of " + response.server + " does not hold '" + match->text() + "' (" +
                               std::to_string(response.bytes) + " bytes came)");
    }
    const schemas::Pattern* const no_match = arguments.pattern("no_match");
    if (no_match != nullptr && no_match->found_in(response.body)) {
        return Outcome::failed("the page of " + response.server + " holds '" + no_match->text() +
                               "', which it must not");
    }
    return Outcome::ok();
}

Task<Outcome> fetch(StepContext& context, HttpRequest request) {
    if (context.arguments.flag("cookies")) {
        Cookies* jar = context.session.find<Cookies>();
        request.cookies = &(jar != nullptr ? *jar : context.session.put(std::make_shared<Cookies>())).lines;
    }
    const auto response = co_await context.engine.http().fetch(std::move(request), context.deadline);
    if (!response) {
        co_return outcome_of(response.error());
    }
    leave_report(*response, context);
    co_return judge(*response, context.arguments);
}

Task<Outcome> run_get(StepContext& context) {
    return fetch(context, request_of("GET", context.arguments));
}

Task<Outcome> run_post(StepContext& context) {
    HttpRequest request = request_of("POST", context.arguments);
    request.body = context.arguments.text("body");
    request.headers.emplace_back("Content-Type", context.arguments.text("content_type"));
    return fetch(context, std::move(request));
}

constexpr Operation rows[] = {
    {.info = {.name = "http.get",
              .levels = "A1 A2 A3",
              .summary = "fetches a page over HTTP or HTTPS and checks status and body",
              .parameters = get_parameters,
              .outputs = outputs,
              .target_parameter = "url",
              .example = "do     = \"http.get\"\n"
                         "url    = \"https://${target}/\"\n"
                         "match  = 'Sign in'\n"
                         "within = \"2s\"\n"
                         "expect = \"time.first_byte < 500ms and cert.days >= 14\"",
              .text_output = "body"},
     .run = run_get},
    {.info = {.name = "http.post",
              .levels = "A2 A3",
              .summary = "sends a form or another body over HTTP or HTTPS and checks the answer",
              .parameters = post_parameters,
              .outputs = outputs,
              .target_parameter = "url",
              .example = "do    = \"http.post\"\n"
                         "url   = \"https://${target}/login\"\n"
                         "body  = \"user=probe&password=${secret:web-probe}\"\n"
                         "match = 'Welcome'",
              .text_output = "body"},
     .run = run_post},
};

}  // namespace

std::span<const Operation> http_operations() {
    return rows;
}

}  // namespace slimtax::probes
