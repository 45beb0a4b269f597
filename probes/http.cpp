// http.get, http.post and the other methods: a page or an interface over HTTP, timed phase by phase up to the body's
// last byte.

#include <charconv>
#include <iterator>
#include <utility>

#include "probes/http_step.hpp"
#include "probes/io/engine.hpp"
#include "probes/io/http_client.hpp"
#include "probes/io/http_transfer.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {
namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr Parameter get_parameters[] = {SLIMTAX_HTTP_PARAMETERS};

constexpr Parameter post_parameters[] = {
    SLIMTAX_HTTP_PARAMETERS,
    {.name = "form",
     .type = ParameterType::text_map,
     .help = "What is sent, as a browser sends a form: names and values, encoded.",
     .example = "{ user = \"probe\", password = \"${secret:web-probe}\" }"},
    {.name = "body", .help = "What is sent, as it is; instead of a form.", .example = "'{ \"title\": \"probe\" }'"},
    {.name = "content_type",
     .fallback = "\"application/x-www-form-urlencoded\"",
     .help = "What the body is.",
     .example = "\"application/json\""},
};

constexpr std::string_view form_or_body[] = {"form", "body"};
constexpr schemas::Alternatives post_alternatives[] = {{.names = form_or_body}};

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
    {"time.server", OutputType::duration,
     "The server's own time as it states it (header Server-Timing: the metric total, or the sum of all); a share of "
     "first_byte and body."},
    {"cert.days", OutputType::number, "Days until the server's certificate ends; only with https."},
};

/// True when `status` is one of "200, 301-303, 4xx"; an error when the text is nothing like that.
tl::expected<bool, std::string> is_wanted(int status, std::string_view wanted) {
    const auto bad = [&] {
        return tl::unexpected("\"" + quotable(wanted) +
                              "\" is no list of statuses: write, for example, \"200, 301-303, 4xx\"");
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

std::string lines_of(const std::vector<std::pair<std::string, std::string>>& headers) {
    std::size_t size = 0;
    for (const auto& [name, value] : headers) {
        size += name.size() + value.size() + 3;
    }
    std::string lines;
    lines.reserve(size);
    for (const auto& [name, value] : headers) {
        lines.append(name).append(": ").append(value).append("\n");
    }
    return lines;
}

// As application/x-www-form-urlencoded has it (URL standard, 5.2).
std::string encoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '*' ||
                           c == '-' || c == '.' || c == '_';
        if (plain) {
            out += c;
        } else if (c == ' ') {
            out += '+';
        } else {
            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 15];
        }
    }
    return out;
}

Task<Outcome> fetch(StepContext& context, HttpRequest request) {
    request.cookies = cookies_of(context);
    auto response = co_await context.engine.http().fetch(std::move(request), context.deadline);
    if (!response) {
        co_return outcome_of(response.error());
    }
    Outcome judged = judge_http(*response, context.arguments);
    leave_http_answer(std::move(*response), context);
    co_return judged;
}

template <const char* method>
Task<Outcome> run(StepContext& context) {
    return fetch(context, http_request_of(method, context.arguments));
}

template <const char* method>
Task<Outcome> run_with_body(StepContext& context) {
    const Arguments& arguments = context.arguments;
    HttpRequest request = http_request_of(method, arguments);
    request.body = arguments.text("body");
    if (arguments.has("form") && !request.body.empty()) {
        co_return Outcome::fault("a step sends a form or a body, not both");
    }
    for (const auto& [name, value] : arguments.map("form")) {
        request.body += (request.body.empty() ? "" : "&") + encoded(name) + "=" + encoded(value);
    }
    request.headers.emplace_back("Content-Type", arguments.text("content_type"));
    co_return co_await fetch(context, std::move(request));
}

constexpr char get[] = "GET";
constexpr char post[] = "POST";
constexpr char put[] = "PUT";
constexpr char erase[] = "DELETE";
constexpr char head[] = "HEAD";
constexpr char options[] = "OPTIONS";

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
     .run = run<get>},
    {.info = {.name = "http.post",
              .levels = "A2 A3",
              .summary = "sends a form or another body over HTTP or HTTPS and checks the answer",
              .parameters = post_parameters,
              .outputs = outputs,
              .target_parameter = "url",
              .example = "do    = \"http.post\"\n"
                         "url   = \"https://${target}/login\"\n"
                         "form  = { user = \"probe\", password = \"${secret:web-probe}\" }\n"
                         "match = 'Welcome'",
              .text_output = "body",
              .alternatives = post_alternatives},
     .run = run_with_body<post>},
    {.info = {.name = "http.put",
              .levels = "A2 A3",
              .summary = "stores something over HTTP or HTTPS and checks the answer",
              .parameters = post_parameters,
              .outputs = outputs,
              .target_parameter = "url",
              .example = "do           = \"http.put\"\n"
                         "url          = \"https://${target}/notes/probe\"\n"
                         "body         = '{ \"text\": \"from the probe\" }'\n"
                         "content_type = \"application/json\"",
              .text_output = "body",
              .alternatives = post_alternatives},
     .run = run_with_body<put>},
    {.info = {.name = "http.delete",
              .levels = "A2 A3",
              .summary = "deletes something over HTTP or HTTPS and checks the answer",
              .parameters = get_parameters,
              .outputs = outputs,
              .target_parameter = "url",
              .example = "do     = \"http.delete\"\n"
                         "url    = \"https://${target}/notes/probe\"\n"
                         "always = true",
              .text_output = "body"},
     .run = run<erase>},
    {.info = {.name = "http.head",
              .levels = "A2 A3",
              .summary = "asks for the headers of a page only",
              .parameters = get_parameters,
              .outputs = outputs,
              .target_parameter = "url",
              .example = "do     = \"http.head\"\n"
                         "url    = \"https://${target}/catalogue.pdf\"\n"
                         "expect = 'header(\"content-type\") == \"application/pdf\"'",
              .text_output = "body"},
     .run = run<head>},
    {.info = {.name = "http.options",
              .levels = "A2 A3",
              .summary = "asks what may be done with an address",
              .parameters = get_parameters,
              .outputs = outputs,
              .target_parameter = "url",
              .example = "do     = \"http.options\"\n"
                         "url    = \"https://${target}/notes\"\n"
                         "expect = 'header(\"allow\") contains \"POST\"'",
              .text_output = "body"},
     .run = run<options>},
};

}  // namespace

std::vector<std::string>* cookies_of(StepContext& context) {
    if (!context.arguments.flag("cookies")) {
        return nullptr;
    }
    Cookies* jar = context.session.find<Cookies>();
    return &(jar != nullptr ? *jar : context.session.put(std::make_shared<Cookies>())).lines;
}

namespace {

/// Without a scheme http is meant.
std::string with_scheme(const std::string& url) {
    return url.find("://") == std::string::npos ? "http://" + url : url;
}

}  // namespace

std::string http_url_flaw(std::string_view url) {
    const auto target = parse_http_url(with_scheme(std::string(url)));
    return target ? std::string() : target.error();
}

std::string http_status_flaw(std::string_view statuses) {
    const auto wanted = is_wanted(200, statuses);
    return wanted ? std::string() : wanted.error();
}

HttpRequest http_request_of(std::string method, const Arguments& arguments) {
    HttpRequest request(std::move(method), with_scheme(arguments.text("url")));
    request.headers = arguments.map("headers");
    request.user = arguments.text("user");
    request.password = arguments.text("password");
    request.redirects = static_cast<int>(arguments.integer("redirects"));
    request.max_body = static_cast<std::uint64_t>(arguments.integer("max_body"));
    request.verify = arguments.flag("verify");
    request.ca_file = arguments.text("ca_file");
    return request;
}

void leave_http_times(const HttpResponse& response, StepReport& report) {
    const HttpTimes& times = response.times;
    const std::pair<const char*, schemas::Duration> phases[] = {{"lookup", times.lookup},
                                                                {"connect", times.connect},
                                                                {"tls", times.tls},
                                                                {"first_byte", times.first_byte},
                                                                {"body", times.body}};
    for (const auto& [name, took] : phases) {
        report.timing(name, took);
    }
    if (times.server) {
        report.timing("server", *times.server);
    }
    if (!report.keeps_notes) {
        return;
    }
    report.note(response.server + " (" + response.peer + ") answered " + std::to_string(response.status) + " with " +
                std::to_string(response.bytes) + " bytes" +
                (response.redirects == 0 ? "" : " after " + std::to_string(response.redirects) + " redirects"));
}

void leave_http_answer(HttpResponse response, StepContext& context) {
    StepReport& report = context.report;
    leave_http_times(response, report);
    for (const schemas::Timing& timing : report.timings) {
        report.output("time." + timing.name, schemas::to_seconds(timing.took));
    }
    report.response(response.times.total());
    report.output("status", static_cast<double>(response.status));
    report.output("body", std::move(response.body));
    report.output("bytes", static_cast<double>(response.bytes));
    report.output("url", std::move(response.url));
    report.output("redirects", static_cast<double>(response.redirects));
    report.output("content_type", std::string(response.header("content-type")));
    report.output("headers", lines_of(response.headers));
    report.output("location", std::string(response.header("location")));
    if (response.certificate_until) {
        const auto left = std::chrono::floor<std::chrono::days>(*response.certificate_until - context.wall_now);
        report.output("cert.days", static_cast<double>(left.count()));
    }
}

Outcome judge_http(const HttpResponse& response, const Arguments& arguments) {
    const auto wanted = is_wanted(response.status, arguments.text("status"));
    if (!wanted) {
        return Outcome::fault("status: " + wanted.error());
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

std::span<const Operation> http_operations() {
    return rows;
}

}  // namespace slimtax::probes
