// grpc.health: what a gRPC server says of its own health, by the protocol that all of them share
// (grpc.health.v1.Health/Check, https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "probes/endpoint.hpp"
#include "probes/grpc_message.hpp"
#include "probes/io/http_client.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

// An answer is a handful of bytes.
constexpr std::uint64_t most_body = 65536;

constexpr auto parameters =
    joined(std::array{host_parameter, port_parameter("", "The server's port; omitted: 443 with tls, else 50051."),
                      tls_flag_parameter,
                      Parameter{.name = "service",
                                .help = "The service whose health is asked for; omitted: the server as a whole.",
                                .example = R"("campus.library.Loans")"},
                      Parameter{.name = "metadata",
                                .type = ParameterType::text_map,
                                .help = "More metadata (header lines) of the call.",
                                .example = R"({ authorization = "Bearer ${secret:loans}" })"}},
           trust_parameters);

constexpr auto outputs =
    joined(connection_outputs, tls_outputs,
           std::array{
               Output{"health", OutputType::text, "SERVING, NOT_SERVING, UNKNOWN or SERVICE_UNKNOWN."},
               Output{"code", OutputType::number, "The status of the call (grpc-status): 0 when it was answered."},
               Output{"time.call", OutputType::duration, "From the call to the end of its answer."},
               Output{"time.server", OutputType::duration,
                      "The server's own time as it states it (header Server-Timing); a share of the call's."},
           });

// Codes of https://grpc.github.io/grpc/core/md_doc_statuscodes.html, by number.
constexpr std::array<std::string_view, 17> codes{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

constexpr std::array<std::string_view, 4> healths{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};

/// grpc-message is percent-encoded.
std::string decoded(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned byte = 0;
        const char* const digits = text.data() + i + 1;
        if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
            plain += static_cast<char>(byte);
            i += 2;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

/// One call, for sentences.
struct Call {
    const Arguments& arguments;
    std::string server;  ///< "gRPC server im1:50051"

    [[nodiscard]] std::string said(std::string_view text) const {
        std::string clean(text);
        for (const auto& line : arguments.map("metadata")) {
            const std::string& value = line.second;
            // "Bearer TOKEN" is a secret, and so is TOKEN; short words would star out half of what is said.
            for (const std::string& part : {value, value.substr(value.rfind(' ') + 1)}) {
                clean = part.size() < 6 ? clean : quotable(clean, part, 4096);
            }
        }
        return quotable(clean);
    }
    [[nodiscard]] std::string whom() const {
        const std::string& service = arguments.text("service");
        return service.empty() ? "the server as a whole" : fmt::format("the service \"{}\"", quotable(service));
    }
};

/// The server took the call and refused it.
std::string refusal(const Call& call, unsigned code, const std::string& message) {
    const std::string status =
        fmt::format(" (gRPC status {}{}{}){}{}", code, code < codes.size() ? ", " : "",
                    code < codes.size() ? codes[code] : "", message.empty() ? "" : ": ", call.said(message));
    switch (code) {
        case 5: return fmt::format("{} does not know {}{}", call.server, call.whom(), status);
        case 12:
            return fmt::format("{} does not offer the health service grpc.health.v1.Health{}", call.server, status);
        case 7:
        case 16: return fmt::format("{} refused the call{}; it may want a log-in (`metadata`)", call.server, status);
        default: return fmt::format("{} refused the call{}", call.server, status);
    }
}

Outcome judge(const Call& call, const HttpResponse& response, StepReport& report) {
    const std::string_view status = response.header("grpc-status");
    const std::string type(response.header("content-type"));
    if (status.empty() && (response.status != 200 || !type.starts_with("application/grpc"))) {
        return Outcome::failed(fmt::format("{} does not speak gRPC here: it answered with HTTP status {} and {}",
                                           call.server, response.status,
                                           type.empty() ? "no content-type" : "the content-type " + call.said(type)));
    }
    if (status.empty()) {
        return Outcome::failed(call.server +
                               " ended its answer without a grpc-status: it broke off, or a proxy on the way drops "
                               "HTTP/2 trailers");
    }
    unsigned code = 0;
    if (const auto read = std::from_chars(status.data(), status.data() + status.size(), code);
        read.ec != std::errc() || read.ptr != status.data() + status.size()) {
        return Outcome::failed(
            fmt::format("{} gave \"{}\" as grpc-status, which is none", call.server, call.said(status)));
    }
    report.output("code", static_cast<double>(code));
    if (code != 0) {
        return Outcome::failed(refusal(call, code, decoded(response.header("grpc-message"))));
    }
    const auto health = grpc::health_in(response.body);
    if (!health || *health >= healths.size()) {
        return Outcome::failed(call.server + " answered the health check with bytes that are no answer to it");
    }
    report.output("health", std::string(healths[*health]));
    report.note(fmt::format("{} is {}", call.whom(), healths[*health]));
    return *health == 1 ? Outcome::ok()
                        : Outcome::failed(fmt::format("{} says {} of {}", call.server, healths[*health], call.whom()));
}

void leave_times(StepContext& context, const HttpResponse& response, bool tls) {
    const HttpTimes& times = response.times;
    leave_timing(context.report, "lookup", times.lookup);
    leave_timing(context.report, "connect", times.connect);
    if (tls) {
        leave_timing(context.report, "tls", times.tls);
    }
    leave_timing(context.report, "call", times.first_byte + times.body);
    if (times.server) {
        leave_timing(context.report, "server", *times.server);
    }
    context.report.response(times.total());
    context.report.output("address", response.peer);
    if (response.certificate_until) {
        const auto left = std::chrono::floor<std::chrono::days>(*response.certificate_until - context.wall_now);
        context.report.output("cert.days", static_cast<double>(left.count()));
    }
}

Task<Outcome> run(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const bool tls = arguments.flag("tls");
    const std::string& host = arguments.text("host");
    if (host.find_first_of("/?#@ ") != std::string::npos) {
        co_return Outcome::fault(fmt::format("host = \"{}\" is none: only a name or an address", quotable(host)));
    }
    const auto port = static_cast<std::uint16_t>(arguments.has("port") ? arguments.integer("port") : tls ? 443 : 50051);
    const std::string address = host_and_port(host, port);
    HttpRequest request("POST", (tls ? "https://" : "http://") + address + "/grpc.health.v1.Health/Check");
    request.http2 = true;
    request.headers = arguments.map("metadata");
    request.headers.emplace_back("Content-Type", "application/grpc");
    request.headers.emplace_back("TE", "trailers");
    request.body = grpc::health_request(arguments.text("service"));
    request.max_body = most_body;
    request.keep_body = most_body;
    request.verify = arguments.flag("verify");
    request.ca_file = arguments.text("ca_file");
    request.server_name = arguments.text("server_name");
    const auto response = co_await context.engine.http().fetch(std::move(request), context.deadline);
    if (!response) {
        co_return outcome_of(response.error());
    }
    leave_times(context, *response, tls);
    const Call call{arguments, "gRPC server " + address};
    co_return judge(call, *response, context.report);
}

constexpr Operation rows[] = {
    {.info = {.name = "grpc.health",
              .levels = "A1 A2",
              .summary = "asks a gRPC server for its health, or for that of one of its services",
              .parameters = parameters,
              .outputs = outputs,
              .target_parameter = "host",
              .example = R"(do      = "grpc.health"
port    = 50051
service = "campus.library.Loans"
)"},
     .run = run},
};

}  // namespace

std::span<const Operation> grpc_operations() {
    return rows;
}

}  // namespace slimtax::probes
