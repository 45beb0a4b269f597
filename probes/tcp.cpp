// tcp.connect: whether a port accepts connections, and on request what it says first, in the clear or by TLS.

#include <array>
#include <utility>

#include "probes/endpoint.hpp"

namespace slimtax::probes {
namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

/// Of what the server says, so much is looked at.
constexpr std::size_t most_said = 65536;

constexpr auto parameters = joined(
    std::array{
        host_parameter,
        Parameter{.name = "port",
                  .type = ParameterType::integer,
                  .required = true,
                  .help = "The port.",
                  .example = "5222",
                  .least = 1,
                  .most = 65535},
        tls_flag_parameter,
    },
    trust_parameters,
    std::array{
        Parameter{.name = "send", .help = "Text sent after connecting.", .example = "\"QUIT\\r\\n\""},
        Parameter{.name = "match",
                  .type = ParameterType::pattern,
                  .help = "Must be found in what the server says (in the first 64 KB).",
                  .example = "'^220 '"},
    });

constexpr auto outputs =
    joined(connection_outputs, tls_outputs,
           std::array{
               Output{"said", OutputType::text, "What the server said; only with `match`."},
               Output{"time.first_byte", OutputType::duration, "From the connection to the match; only with `match`."},
           });

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
    const Endpoint endpoint = Endpoint::of(arguments, "", static_cast<std::uint16_t>(arguments.integer("port")));
    const Patience patience = Patience::until(context.deadline);
    auto stream = co_await open_stream(context, endpoint);
    if (!stream) {
        co_return outcome_of(stream.error());
    }
    if (arguments.flag("tls")) {
        const auto secured = co_await secure(context, *stream, endpoint, patience);
        if (!secured) {
            co_return outcome_of(secured.error());
        }
    }
    if (const std::string& text = arguments.text("send"); !text.empty()) {
        const auto sent = co_await stream->write_all(text, context.deadline);
        if (!sent) {
            co_return outcome_of(sent.error());
        }
    }
    if (const schemas::Pattern* const pattern = arguments.pattern("match")) {
        co_return co_await wait_for_match(context, *stream, endpoint.server, *pattern);
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
