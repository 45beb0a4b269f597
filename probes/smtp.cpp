// smtp.login: a user's mail program signs in to send mail, and sends none.
#include <array>

#include "probes/smtp_client.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;

constexpr auto parameters = joined(
    std::array{host_parameter, port_parameter("", "The server's port; omitted: 465 for tls = \"implicit\", else 587."),
               tls_parameter(R"("starttls")")},
    trust_parameters, account_parameters);

constexpr auto outputs =
    joined(connection_outputs, tls_outputs,
           std::array{
               Output{"time.greeting", OutputType::duration, "Until the server's greeting and its answer to EHLO."},
               Output{"time.authenticate", OutputType::duration, "The log-in itself."},
               Output{"time.logout", OutputType::duration, "The log-out (QUIT)."},
           });

Task<Outcome> run_login(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    const Endpoint endpoint = Endpoint::of(arguments, "SMTP server", port_of(arguments, 587, 465));
    auto client = co_await SmtpClient::open(context, endpoint, arguments.text("tls"), patience);
    if (!client) {
        co_return outcome_of(std::move(client.error()));
    }
    Stages stages(context.report, &client->conversation().stream());
    schemas::Duration response{};  // the log-out is no part of it
    auto done = co_await client->log_in(arguments.text("user"), arguments.text("password"), patience);
    if (done) {
        stages.ended("authenticate");
        response = stages.response(patience);
        done = co_await client->quit(patience);
    }
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    stages.ended("logout");
    context.report.response(response);
    co_return Outcome::ok();
}

constexpr std::array rows{
    Operation{.info = {.name = "smtp.login",
                       .levels = "A2",
                       .summary = "logs in to a mail server as a program does that wants to send, and logs out",
                       .parameters = parameters,
                       .outputs = outputs,
                       .target_parameter = "host",
                       .example = R"(do       = "smtp.login"
user     = "probe"
password = "${secret:mail-probe}"
timeout  = "10s"
)"},
              .run = run_login},
};

}  // namespace

std::span<const Operation> smtp_operations() {
    return rows;
}

}  // namespace slimtax::probes
