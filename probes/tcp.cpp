// tcp.connect: whether a port accepts connections, and on request what it says first, in the clear or by TLS.

#include <utility>

#include "probes/io/engine.hpp"
#include "probes/io/stream.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {
namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

/// Of what the server says, so much is looked at.
constexpr std::size_t most_said = 65536;

constexpr Parameter parameters[] = {
    {.name = "host",
     .required = true,
     .help = "Name or address of the server; the target fills it when omitted.",
     .example = "\"${target}\""},
    {.name = "port",
     .type = ParameterType::integer,
     .required = true,
     .help = "The port.",
     .example = "5222",
     .least = 1,
     .most = 65535},
    {.name = "tls",
     .type = ParameterType::boolean,
     .fallback = "false",
     .help = "Whether TLS begins at once, as on ports 443, 636 and 993."},
    {.name = "verify",
     .type = ParameterType::boolean,
     .fallback = "true",
     .help = "Whether the certificate must be valid, for that name, and signed by a trusted authority."},
    {.name = "ca_file", .help = "PEM file with the authorities to trust for this step, instead of the usual ones."},
    {.name = "send", .help = "Text sent after connecting.", .example = "\"QUIT\\r\\n\""},
    {.name = "match",
     .type = ParameterType::pattern,
     .help = "Must be found in what the server says (in the first 64 KB).",
     .example = "'^220 '"},
};

constexpr Output outputs[] = {
    {"address", OutputType::text, "The address that accepted, with its port."},
    {"said", OutputType::text, "What the server said; only with `match`."},
    {"time.lookup", OutputType::duration, "Looking the name up."},
    {"time.connect", OutputType::duration, "Making the TCP connection."},
    {"time.tls", OutputType::duration, "The TLS handshake."},
    {"time.first_byte", OutputType::duration, "From the connection to the match; only with `match`."},
    {"cert.days", OutputType::number, "Days until the server's certificate ends; only with `tls`."},
};

void leave_timing(StepReport& report, const std::string& name, schemas::Duration took) {
    report.timing(name, took);
    report.output("time." + name, schemas::to_seconds(took));
}

/// Reads until the pattern is found. The outcome says why not.
Task<Outcome> wait_for_match(StepContext& context, Stream& stream, const std::string& peer,
                             const schemas::Pattern& pattern) {
    const TimePoint start = Loop::now();
    std::string said;
    while (!pattern.found_in(said)) {
        char room[4096];
        const std::span<char> free_room(room);
        const auto got = co_await stream.read_some(free_room, context.deadline);
        if (!got) {
            co_return outcome_of(got.error());
        }
        said.append(room, *got);
        if (*got == 0 || said.size() > most_said) {
            const std::string what = said.empty() ? "nothing" : "\"" + quotable(said, {}, 100) + "\"";
            co_return Outcome::failed(peer + " said " + what + ", which does not hold '" + pattern.text() + "'");
        }
    }
    leave_timing(context.report, "first_byte", std::chrono::duration_cast<schemas::Duration>(Loop::now() - start));
    context.report.note(peer + " said \"" + quotable(said, {}, 200) + "\"");
    context.report.output("said", std::move(said));
    co_return Outcome::ok();
}

Task<Outcome> run_connect(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const std::string& host = arguments.text("host");
    const auto port = static_cast<std::uint16_t>(arguments.integer("port"));
    const std::string peer = host_and_port(host, port);

    auto connected = co_await connect_tcp(context.engine, host, port, context.deadline);
    if (!connected) {
        co_return outcome_of(connected.error());
    }
    leave_timing(context.report, "lookup", connected->lookup);
    leave_timing(context.report, "connect", connected->connect);
    context.report.output("address", connected->peer.text());
    context.report.note("connected to " + connected->peer.text());

    Stream stream(context.engine, std::move(connected->socket), peer);
    if (arguments.flag("tls")) {
        TlsOptions options;
        options.server_name = host;
        options.verify = arguments.flag("verify");
        options.ca_file = arguments.text("ca_file");
        const auto secured = co_await stream.start_tls(options, context.deadline);
        if (!secured) {
            co_return outcome_of(secured.error());
        }
        leave_timing(context.report, "tls", *secured);
        if (const auto until = stream.certificate_until()) {
            const auto left = std::chrono::floor<std::chrono::days>(*until - context.wall_now);
            context.report.output("cert.days", static_cast<double>(left.count()));
        }
    }
    if (const std::string& text = arguments.text("send"); !text.empty()) {
        const auto sent = co_await stream.write_all(text, context.deadline);
        if (!sent) {
            co_return outcome_of(sent.error());
        }
    }
    if (const schemas::Pattern* const pattern = arguments.pattern("match")) {
        co_return co_await wait_for_match(context, stream, peer, *pattern);
    }
    co_return Outcome::ok();
}

constexpr Operation rows[] = {
    {.info = {.name = "tcp.connect",
              .levels = "A1 A2",
              .summary = "connects to a TCP port, with TLS if asked, and looks at what the server says",
              .parameters = parameters,
              .outputs = outputs,
              .target_parameter = "host",
              .example = "do    = \"tcp.connect\"\n"
                         "port  = 25\n"
                         "match = '^220 '"},
     .run = run_connect},
};

}  // namespace

std::span<const Operation> tcp_operations() {
    return rows;
}

}  // namespace slimtax::probes
