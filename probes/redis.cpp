// redis.ping: whether a Redis server takes the log-in and answers.
#include <array>

#include <fmt/format.h>

#include "probes/conversation.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;

template <class T>
using Result = Conversation::Result<T>;

constexpr ConversationLimits limits{.line = 8192, .total = 65536};

constexpr auto parameters = joined(
    std::array{host_parameter, port_parameter("6379"), tls_flag_parameter}, trust_parameters,
    std::array{
        Parameter{.name = "user", .help = "The user of the server's access list (ACL); omitted: the default user."},
        Parameter{.name = "password",
                  .help = "The password; write ${secret:NAME}. Omitted: nobody logs in.",
                  .example = R"("${secret:redis-probe}")"},
    });

constexpr auto outputs =
    joined(connection_outputs, tls_outputs,
           std::array{
               Output{"time.authenticate", OutputType::duration, "The log-in; only with `password`."},
               Output{"time.ping", OutputType::duration, "From PING to the answer."},
           });

// A command in the protocol's binary-safe form: an array of texts with their lengths.
std::string command_of(std::initializer_list<std::string_view> words) {
    std::string command = fmt::format("*{}\r\n", words.size());
    for (const std::string_view word : words) {
        command += fmt::format("${}\r\n{}\r\n", word.size(), word);
    }
    return command;
}

// Sends a command and waits for a simple answer, which must be `good`. `refusal` begins the sentence otherwise.
Task<Result<void>> ask(Conversation& conversation, std::string_view command, std::string_view name,
                       std::string_view good, std::string_view refusal, const Patience& patience) {
    const std::string action = fmt::format("answer {}", name);
    const Result<void> sent = co_await conversation.send(command, action, patience);
    if (!sent) {
        co_return sent;
    }
    const Result<std::string> line = co_await conversation.line(action, patience);
    if (!line) {
        co_return tl::unexpected(line.error());
    }
    if (*line == good) {
        co_return Result<void>();
    }
    const std::string said = conversation.quoted(line->starts_with('-') ? std::string_view(*line).substr(1) : *line);
    co_return tl::unexpected(conversation.wrong(line->starts_with('-')
                                                    ? fmt::format("{}: {}", refusal, said)
                                                    : fmt::format("answered {} with \"{}\"", name, said)));
}

std::string user_without_password(const schemas::WrittenParameters& written) {
    return written.has("user") && !written.has("password") ? "a user of Redis needs a password" : "";
}

Task<Outcome> run_ping(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    if (arguments.has("user") && !arguments.has("password")) {
        co_return Outcome::fault("a user of Redis needs a password");
    }
    const Endpoint endpoint = Endpoint::of(arguments, "Redis server", port_of(arguments, 6379, 6379));
    auto conversation = co_await open_conversation(context, endpoint, arguments.flag("tls"), patience, limits);
    if (!conversation) {
        co_return outcome_of(std::move(conversation.error()));
    }
    Stages stages(context.report, &conversation->stream());
    Result<void> done;
    if (arguments.has("password")) {
        const std::string& user = arguments.text("user");
        const std::string& password = arguments.text("password");
        conversation->hide(password);
        const std::string command =
            user.empty() ? command_of({"AUTH", password}) : command_of({"AUTH", user, password});
        const std::string refusal = "refused the log-in of " + (user.empty() ? "the default user" : quotable(user));
        done = co_await ask(*conversation, command, "AUTH", "+OK", refusal, patience);
        if (!done) {
            co_return outcome_of(std::move(done.error()));
        }
        stages.ended("authenticate");
    }
    const std::string ping = command_of({"PING"});
    done = co_await ask(*conversation, ping, "PING", "+PONG", "refused PING", patience);
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    stages.ended("ping");
    const schemas::Duration response = stages.response(patience);  // the log-out is no part of it
    const std::string quit = command_of({"QUIT"});
    done = co_await ask(*conversation, quit, "QUIT", "+OK", "refused QUIT", patience);
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    context.report.response(response);
    co_return Outcome::ok();
}

constexpr std::array rows{
    Operation{.info = {.name = "redis.ping",
                       .levels = "A1 A2",
                       .summary = "asks a Redis server whether it answers, after a log-in if that is wanted",
                       .parameters = parameters,
                       .outputs = outputs,
                       .target_parameter = "host",
                       .example = R"(do       = "redis.ping"
password = "${secret:redis-probe}"
within   = "50ms"
)",
                       .contradiction = &user_without_password},
              .run = run_ping},
};

}  // namespace

std::span<const Operation> redis_operations() {
    return rows;
}

}  // namespace slimtax::probes
