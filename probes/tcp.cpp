// tcp.connect: whether a port accepts connections, and on request what it says first, in the clear or by TLS.
// tcp.exchange: whether a server says what it should to what it is told.

#include <array>
#include <utility>

#include "probes/exchange.hpp"

namespace slimtax::probes {
namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr auto connect_parameters = joined(
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
    trust_parameters);

constexpr auto parameters =
    joined(connect_parameters,
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

constexpr auto exchange_step_parameters = joined(connect_parameters, exchange_parameters);
constexpr auto exchange_step_outputs = joined(connection_outputs, tls_outputs, exchange_outputs);

// Connects as the step says, with TLS if asked.
Task<tl::expected<Conversation, Trouble>> connect(StepContext& context, const Patience& patience) {
    const Arguments& arguments = context.arguments;
    const Endpoint endpoint = Endpoint::of(arguments, "", static_cast<std::uint16_t>(arguments.integer("port")));
    co_return co_await open_conversation(context, endpoint, arguments.flag("tls"), patience, exchange_limits);
}

Task<Outcome> run_connect(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    auto conversation = co_await connect(context, patience);
    if (!conversation) {
        co_return outcome_of(std::move(conversation.error()));
    }
    Stages stages(context.report, &conversation->stream());
    const auto sent = co_await conversation->send(arguments.text("send"), "take what was sent", patience);
    if (!sent) {
        co_return outcome_of(sent.error());
    }
    if (const schemas::Pattern* const pattern = arguments.pattern("match")) {
        auto said = co_await hear(*conversation, *pattern, patience);
        if (!said) {
            co_return outcome_of(std::move(said.error()));
        }
        stages.ended("first_byte");
        context.report.response(patience.spent_until(conversation->stream().arrived()));
        context.report.output("said", std::move(*said));
    }
    co_return Outcome::ok();
}

Task<Outcome> run_tcp_exchange(StepContext& context) {
    const Patience patience = Patience::until(context.deadline);
    auto conversation = co_await connect(context, patience);
    if (!conversation) {
        co_return outcome_of(std::move(conversation.error()));
    }
    co_return co_await run_exchange(context, *conversation, patience);
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
                         "match = '^220 '",
              .text_output = "said"},
     .run = run_connect},
    {.info = {.name = "tcp.exchange",
              .levels = "A1 A2",
              .summary = "connects to a TCP port, with TLS if asked, sends texts and awaits replies",
              .parameters = exchange_step_parameters,
              .outputs = exchange_step_outputs,
              .target_parameter = "host",
              .example = R"(do       = "tcp.exchange"
port     = 25
greeting = '^220 '
send     = ["EHLO probe.campus.example\r\n", "QUIT\r\n"]
replies  = ['(?m)^250 ', '(?m)^221 ']
)",
              .text_output = "said",
              .contradiction = &exchange_contradiction},
     .run = run_tcp_exchange},
};

}  // namespace

std::span<const Operation> tcp_operations() {
    return rows;
}

}  // namespace slimtax::probes
