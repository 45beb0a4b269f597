// ftp.login: a user signs in to a file server, asks where it is, and signs out (RFC 959, RFC 4217).
#include <array>

#include "probes/coded_answer.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;

template <class T>
using Result = Conversation::Result<T>;

constexpr ConversationLimits limits{.line = 8192, .total = 1 << 20};

constexpr auto parameters = joined(
    std::array{host_parameter, port_parameter("", "The server's port; omitted: 990 for tls = \"implicit\", else 21."),
               tls_parameter(R"("starttls")")},
    trust_parameters, account_parameters);

constexpr auto outputs =
    joined(connection_outputs, tls_outputs,
           std::array{
               Output{"directory", OutputType::text, "Where the user is after the log-in, such as /."},
               Output{"time.greeting", OutputType::duration, "Until the server's greeting."},
               Output{"time.authenticate", OutputType::duration, "The log-in itself."},
               Output{"time.directory", OutputType::duration, "Asking for the directory (PWD)."},
               Output{"time.logout", OutputType::duration, "The log-out (QUIT)."},
           });

Task<Result<CodedAnswer>> ask(Conversation& conversation, std::string_view line, std::string_view name,
                              const Patience& patience) {
    co_return co_await ask_coded(conversation, "FTP", line, name, patience);
}

Task<Result<void>> greet(StepContext& context, Conversation& conversation, const Endpoint& endpoint,
                         const Patience& patience) {
    Stages stages(context.report, &conversation.stream());
    Result<CodedAnswer> answer = co_await coded_answer(conversation, "FTP", "send its greeting", patience);
    if (!answer) {
        co_return tl::unexpected(std::move(answer.error()));
    }
    if (!answer->good()) {
        co_return tl::unexpected(answer->refusal(conversation, "the connection"));
    }
    stages.ended("greeting");
    if (context.arguments.text("tls") != "starttls") {
        co_return Result<void>();
    }
    answer = co_await ask(conversation, "AUTH TLS", "AUTH TLS", patience);
    if (!answer) {
        co_return tl::unexpected(std::move(answer.error()));
    }
    if (answer->code != 234) {
        co_return tl::unexpected(answer->refusal(conversation, "TLS, which this step asks for"));
    }
    co_return co_await conversation.start_tls(context, endpoint, patience);
}

Task<Result<void>> log_in(Conversation& conversation, const Arguments& arguments, const Patience& patience) {
    const std::string& user = arguments.text("user");
    const std::string& password = arguments.text("password");
    conversation.hide(password);
    const std::string first = "USER " + user;
    Result<CodedAnswer> answer = co_await ask(conversation, first, "USER", patience);
    if (answer && answer->code == 331) {
        const std::string second = "PASS " + password;
        answer = co_await ask(conversation, second, "PASS", patience);
    }
    if (!answer) {
        co_return tl::unexpected(std::move(answer.error()));
    }
    if (answer->code == 332) {
        co_return tl::unexpected(conversation.wrong("wants an account (ACCT) beside user and password"));
    }
    if (!answer->good()) {
        co_return tl::unexpected(answer->refusal(conversation, "the log-in of " + quotable(user)));
    }
    co_return Result<void>();
}

// From `257 "/home/probe" is the current directory`; a quotation mark in it stands twice.
std::string directory_in(std::string_view text) {
    std::string directory;
    for (std::size_t at = text.find('"'); at != std::string_view::npos && ++at < text.size();) {
        const std::size_t end = text.find('"', at);
        directory += text.substr(at, end == std::string_view::npos ? end : end - at);
        if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != '"') {
            break;
        }
        directory += '"';
        at = end + 1;
    }
    return directory;
}

Task<Outcome> run_login(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    const Endpoint endpoint = Endpoint::of(arguments, "FTP server", port_of(arguments, 21, 990));
    auto conversation =
        co_await open_conversation(context, endpoint, arguments.text("tls") == "implicit", patience, limits);
    if (!conversation) {
        co_return outcome_of(std::move(conversation.error()));
    }
    Result<void> done = co_await greet(context, *conversation, endpoint, patience);
    Stages stages(context.report, &conversation->stream());
    if (done) {
        done = co_await log_in(*conversation, arguments, patience);
    }
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    stages.ended("authenticate");
    schemas::Duration response{};  // the log-out is no part of it
    Result<CodedAnswer> answer = co_await ask(*conversation, "PWD", "PWD", patience);
    if (answer && !answer->good()) {
        answer = tl::unexpected(answer->refusal(*conversation, "to tell the directory (PWD)"));
    }
    if (answer) {
        stages.ended("directory");
        context.report.output("directory", quotable(directory_in(answer->text), {}, 1024));
        response = stages.response(patience);
        answer = co_await ask(*conversation, "QUIT", "QUIT", patience);
    }
    if (!answer) {
        co_return outcome_of(std::move(answer.error()));
    }
    if (!answer->good()) {
        co_return outcome_of(answer->refusal(*conversation, "QUIT"));
    }
    stages.ended("logout");
    context.report.response(response);
    co_return Outcome::ok();
}

constexpr std::array rows{
    Operation{.info = {.name = "ftp.login",
                       .levels = "A2",
                       .summary = "logs in to an FTP server, asks for the directory, logs out; no file is moved",
                       .parameters = parameters,
                       .outputs = outputs,
                       .target_parameter = "host",
                       .example = R"(do       = "ftp.login"
user     = "probe"
password = "${secret:ftp-probe}"
expect   = 'directory == "/"'
)"},
              .run = run_login},
};

}  // namespace

std::span<const Operation> ftp_operations() {
    return rows;
}

}  // namespace slimtax::probes
