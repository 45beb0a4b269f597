// pop3.login: a user's mail program signs in, asks how much mail there is, and signs out (RFC 1939, RFC 2595).
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "probes/conversation.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;

template <class T>
using Result = Conversation::Result<T>;

constexpr ConversationLimits limits{.line = 8192, .total = 1 << 20};

constexpr auto parameters = joined(
    std::array{host_parameter, port_parameter("", "The server's port; omitted: 995 for tls = \"implicit\", else 110."),
               tls_parameter(R"("implicit")")},
    trust_parameters, account_parameters);

constexpr auto outputs = joined(connection_outputs, tls_outputs,
                                std::array{
                                    Output{"messages", OutputType::number, "How many messages are in the mailbox."},
                                    Output{"bytes", OutputType::number, "How large they are together."},
                                    Output{"time.greeting", OutputType::duration, "Until the server's greeting."},
                                    Output{"time.authenticate", OutputType::duration, "The log-in itself."},
                                    Output{"time.status", OutputType::duration, "Asking how much mail there is."},
                                    Output{"time.logout", OutputType::duration, "The log-out (QUIT)."},
                                });

// What a line says after +OK; `refusal` begins the sentence for -ERR.
Result<std::string> good(const Conversation& conversation, const std::string& line, std::string_view refusal) {
    if (line.starts_with("+OK")) {
        return line.substr(std::min<std::size_t>(line.size(), 4));
    }
    if (line.starts_with("-ERR")) {
        const std::string text = conversation.quoted(line.substr(std::min<std::size_t>(line.size(), 5)));
        return tl::unexpected(conversation.wrong(text.empty() ? fmt::format("{} without a reason", refusal)
                                                              : fmt::format("{}: {}", refusal, text)));
    }
    return tl::unexpected(
        conversation.wrong(fmt::format("answered something that is not POP3: \"{}\"", conversation.quoted(line, 60))));
}

Task<Result<std::string>> ask(Conversation& conversation, std::string_view line, std::string_view name,
                              std::string_view refusal, const Patience& patience) {
    const std::string action = fmt::format("answer {}", name);
    const Result<std::string> answer = co_await conversation.ask(line, action, patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    co_return good(conversation, *answer, refusal);
}

Task<Result<void>> greet(StepContext& context, Conversation& conversation, const Endpoint& endpoint,
                         const Patience& patience) {
    Stages stages(context.report, &conversation.stream());
    const Result<std::string> line = co_await conversation.line("send its greeting", patience);
    if (!line) {
        co_return tl::unexpected(line.error());
    }
    const Result<std::string> greeting = good(conversation, *line, "refused the connection");
    if (!greeting) {
        co_return tl::unexpected(greeting.error());
    }
    stages.ended("greeting");
    if (context.arguments.text("tls") == "starttls") {
        const Result<std::string> agreed =
            co_await ask(conversation, "STLS", "STLS", "does not start TLS (STLS), which this step asks for", patience);
        if (!agreed) {
            co_return tl::unexpected(agreed.error());
        }
        co_return co_await conversation.start_tls(context, endpoint, patience);
    }
    co_return Result<void>();
}

Task<Result<void>> log_in(Conversation& conversation, const Arguments& arguments, const Patience& patience) {
    const std::string& user = arguments.text("user");
    const std::string& password = arguments.text("password");
    conversation.hide(password);
    const std::string refusal = "refused the log-in of " + quotable(user);
    const std::string first = "USER " + user;
    const std::string second = "PASS " + password;
    Result<std::string> answer = co_await ask(conversation, first, "USER", refusal, patience);
    if (answer) {
        answer = co_await ask(conversation, second, "PASS", refusal, patience);
    }
    if (!answer) {
        co_return tl::unexpected(std::move(answer.error()));
    }
    co_return Result<void>();
}

// "+OK 3 1234".
Task<Result<void>> count(StepContext& context, Conversation& conversation, const Patience& patience) {
    const Result<std::string> answer = co_await ask(conversation, "STAT", "STAT", "refused STAT", patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    const char* const end = answer->data() + answer->size();
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    const auto first = std::from_chars(answer->data(), end, messages);
    const auto second = std::from_chars(std::min(first.ptr + 1, end), end, bytes);
    if (first.ec != std::errc() || second.ec != std::errc()) {
        co_return tl::unexpected(conversation.wrong(
            fmt::format("answered STAT without two numbers: \"{}\"", conversation.quoted(*answer, 60))));
    }
    context.report.output("messages", static_cast<double>(messages));
    context.report.output("bytes", static_cast<double>(bytes));
    co_return Result<void>();
}

Task<Outcome> run_login(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    const Endpoint endpoint = Endpoint::of(arguments, "POP3 server", port_of(arguments, 110, 995));
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
    if (done) {
        stages.ended("authenticate");
        done = co_await count(context, *conversation, patience);
    }
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    stages.ended("status");
    const schemas::Duration response = stages.response(patience);  // the log-out is no part of it
    const Result<std::string> left = co_await ask(*conversation, "QUIT", "QUIT", "refused QUIT", patience);
    if (!left) {
        co_return outcome_of(left.error());
    }
    stages.ended("logout");
    context.report.response(response);
    co_return Outcome::ok();
}

constexpr std::array rows{
    Operation{.info = {.name = "pop3.login",
                       .levels = "A2",
                       .summary = "logs in to a mailbox over POP3, asks how much mail there is, logs out",
                       .parameters = parameters,
                       .outputs = outputs,
                       .target_parameter = "host",
                       .example = R"(do       = "pop3.login"
user     = "probe"
password = "${secret:mail-probe}"
timeout  = "10s"
)"},
              .run = run_login},
};

}  // namespace

std::span<const Operation> pop3_operations() {
    return rows;
}

}  // namespace slimtax::probes
