// imap.login: a user's mail program signs in, looks at the inbox and signs out.
#include <array>

#include <fmt/format.h>

#include "probes/imap_client.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr auto parameters = joined(
    std::array{host_parameter, port_parameter("", "The server's port; omitted: 993 for tls = \"implicit\", else 143."),
               tls_parameter(R"("implicit")")},
    trust_parameters, account_parameters,
    std::array{
        Parameter{.name = "inbox",
                  .type = ParameterType::boolean,
                  .fallback = "true",
                  .help = "Whether to count the messages of the inbox, which the server must open for it."},
    });

constexpr auto outputs =
    joined(connection_outputs, tls_outputs,
           std::array{
               Output{"messages", OutputType::number, "How many messages are in the inbox; only with `inbox`."},
               Output{"unseen", OutputType::number, "How many of them are unseen; only with `inbox`."},
               Output{"time.greeting", OutputType::duration, "Until the server's greeting."},
               Output{"time.authenticate", OutputType::duration, "The log-in itself."},
               Output{"time.inbox", OutputType::duration, "Counting the messages; only with `inbox`."},
               Output{"time.logout", OutputType::duration, "The log-out."},
           });

Task<Conversation::Result<void>> count_inbox(StepContext& context, ImapClient& client, const Patience& patience) {
    const auto status = co_await client.command("STATUS INBOX (MESSAGES UNSEEN)", "STATUS INBOX", patience);
    if (!status) {
        co_return tl::unexpected(status.error());
    }
    for (const std::string& line : status->lines) {
        const std::int64_t messages = number_after(line, "MESSAGES");
        const std::int64_t unseen = number_after(line, "UNSEEN");
        if (line.starts_with("STATUS") && messages >= 0 && unseen >= 0) {
            context.report.output("messages", static_cast<double>(messages));
            context.report.output("unseen", static_cast<double>(unseen));
            co_return Conversation::Result<void>();
        }
    }
    co_return tl::unexpected(client.conversation().wrong("did not tell how many messages are in the inbox"));
}

Task<Outcome> run_login(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    const Endpoint endpoint = Endpoint::of(arguments, "IMAP server", port_of(arguments, 143, 993));
    auto client = co_await ImapClient::open(context, endpoint, arguments.text("tls"), patience);
    if (!client) {
        co_return outcome_of(std::move(client.error()));
    }
    Stages stages(context.report, &client->conversation().stream());
    schemas::Duration response{};  // the log-out is no part of it
    auto done = co_await client->log_in(arguments.text("user"), arguments.text("password"), patience);
    if (done) {
        stages.ended("authenticate");
        if (arguments.flag("inbox")) {
            done = co_await count_inbox(context, *client, patience);
        }
    }
    if (done) {
        if (arguments.flag("inbox")) {
            stages.ended("inbox");
        }
        response = stages.response(patience);
        done = co_await client->log_out(patience);
    }
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    stages.ended("logout");
    context.report.response(response);
    co_return Outcome::ok();
}

constexpr std::array rows{
    Operation{.info = {.name = "imap.login",
                       .levels = "A2",
                       .summary = "logs in to a mailbox over IMAP, counts the messages of the inbox, logs out",
                       .parameters = parameters,
                       .outputs = outputs,
                       .target_parameter = "host",
                       .example = R"(do       = "imap.login"
user     = "probe"
password = "${secret:mail-probe}"
timeout  = "10s"
)"},
              .run = run_login},
};

}  // namespace

std::span<const Operation> imap_operations() {
    return rows;
}

}  // namespace slimtax::probes
