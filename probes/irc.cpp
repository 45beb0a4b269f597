// irc.login: a chat user registers with an IRC server, is welcomed, and leaves (RFC 2812 §3.1).
#include <array>
#include <charconv>
#include <random>
#include <vector>

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

// Other names that are tried when the wished one is taken: by another prober, or by this one's last run.
constexpr int most_other_nicks = 3;

constexpr auto parameters =
    joined(std::array{host_parameter, port_parameter("", "The server's port; omitted: 6697 with tls, else 6667."),
                      tls_flag_parameter},
           trust_parameters,
           std::array{
               Parameter{.name = "nick",
                         .required = true,
                         .help = "The nickname; where it is taken, others that begin like it are tried.",
                         .example = R"("probe")"},
               Parameter{.name = "user", .help = "The user name; omitted: the nickname."},
               Parameter{.name = "password",
                         .help = "The server's password (PASS); write ${secret:NAME}. Omitted: none is sent.",
                         .example = R"("${secret:irc-probe}")"},
           });

constexpr auto outputs =
    joined(connection_outputs, tls_outputs,
           std::array{
               Output{"nick", OutputType::text, "The nickname that the server gave."},
               Output{"server", OutputType::text, "What the server calls itself."},
               Output{"time.register", OutputType::duration, "From the first command to the welcome (001)."},
               Output{"time.logout", OutputType::duration, "The log-out (QUIT)."},
           });

// One line of a server: "@tags :prefix COMMAND a b :the rest".
struct IrcMessage {
    std::string prefix;
    std::string command;
    std::vector<std::string> parameters;

    [[nodiscard]] std::string last() const { return parameters.empty() ? std::string() : parameters.back(); }
};

IrcMessage parse(std::string_view line) {
    const auto word = [&line] {
        const std::string_view first = line.substr(0, line.find(' '));
        line.remove_prefix(std::min(line.size(), first.size() + 1));
        return std::string(first);
    };
    IrcMessage message;
    if (line.starts_with('@')) {
        (void)word();
    }
    if (line.starts_with(':')) {
        message.prefix = word().substr(1);
    }
    message.command = word();
    while (!line.empty() && message.parameters.size() < 20) {
        if (line.starts_with(':')) {
            message.parameters.emplace_back(line.substr(1));
            break;
        }
        message.parameters.push_back(word());
    }
    return message;
}

// What a server says instead of a welcome: a wrong or missing password, a ban, a name that is none …
bool is_refusal(std::string_view command) {
    constexpr std::array<std::string_view, 9> numbers{"431", "432", "437", "461", "463", "464", "465", "466", "484"};
    return command == "ERROR" || std::ranges::find(numbers, command) != numbers.end();
}

bool is_taken(std::string_view command) {
    return command == "433" || command == "436";
}

// As long as most servers allow (9), ending in two digits that others hardly have.
std::string other_nick(std::string_view nick) {
    static thread_local std::mt19937 random(std::random_device{}());
    return fmt::format("{}{:02}", nick.substr(0, 7), random() % 100);
}

Task<Result<IrcMessage>> next(Conversation& conversation, std::string_view action, const Patience& patience) {
    for (;;) {
        const Result<std::string> line = co_await conversation.line(action, patience);
        if (!line) {
            co_return tl::unexpected(line.error());
        }
        IrcMessage message = parse(*line);
        if (message.command != "PING") {
            co_return message;
        }
        const std::string pong = "PONG :" + message.last();
        const Result<void> answered = co_await conversation.say(pong, action, patience);
        if (!answered) {
            co_return tl::unexpected(answered.error());
        }
    }
}

// Says who we are, and waits for the welcome.
Task<Result<IrcMessage>> enter(Conversation& conversation, const Arguments& arguments, const Patience& patience) {
    static constexpr std::string_view action = "welcome the user";
    const std::string& nick = arguments.text("nick");
    const std::string& user = arguments.has("user") ? arguments.text("user") : nick;
    std::vector<std::string> lines{"NICK " + nick, "USER " + user + " 0 * :slimtax probe"};
    if (arguments.has("password")) {
        conversation.hide(arguments.text("password"));
        lines.insert(lines.begin(), "PASS " + arguments.text("password"));
    }
    for (const std::string& line : lines) {
        const Result<void> said = co_await conversation.say(line, action, patience);
        if (!said) {
            co_return tl::unexpected(said.error());
        }
    }
    for (int tries = 0;;) {
        Result<IrcMessage> message = co_await next(conversation, action, patience);
        if (!message || message->command == "001") {
            co_return message;
        }
        if (is_taken(message->command) && tries < most_other_nicks) {
            ++tries;
            const std::string line = "NICK " + other_nick(nick);
            const Result<void> said = co_await conversation.say(line, action, patience);
            if (!said) {
                co_return tl::unexpected(said.error());
            }
        } else if (is_taken(message->command) || is_refusal(message->command)) {
            co_return tl::unexpected(conversation.wrong(
                fmt::format("refused the log-in of {}: {}", quotable(nick), conversation.quoted(message->last()))));
        }
    }
}

// The server's goodbye is an ERROR line, or that it closes.
Task<Result<void>> leave(Conversation& conversation, const Patience& patience) {
    static constexpr std::string_view action = "end the session";
    const Result<void> said = co_await conversation.say("QUIT :probe has ended", action, patience);
    if (!said) {
        co_return said;
    }
    for (;;) {
        const Result<IrcMessage> message = co_await next(conversation, action, patience);
        if (!message && message.error().kind != Trouble::Kind::refused) {
            co_return tl::unexpected(message.error());
        }
        if (!message || message->command == "ERROR") {
            co_return Result<void>();
        }
    }
}

Task<Outcome> run_login(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    const bool tls = arguments.flag("tls");
    const std::uint16_t usual = tls ? 6697 : 6667;
    const Endpoint endpoint = Endpoint::of(arguments, "IRC server", port_of(arguments, usual, usual));
    auto conversation = co_await open_conversation(context, endpoint, tls, patience, limits);
    if (!conversation) {
        co_return outcome_of(std::move(conversation.error()));
    }
    Stages stages(context.report, &conversation->stream());
    const Result<IrcMessage> welcome = co_await enter(*conversation, arguments, patience);
    if (!welcome) {
        co_return outcome_of(welcome.error());
    }
    stages.ended("register");
    context.report.output("nick", conversation->quoted(welcome->parameters.empty() ? "" : welcome->parameters.front()));
    context.report.output("server", conversation->quoted(welcome->prefix));
    const schemas::Duration response = stages.response(patience);  // the log-out is no part of it
    const Result<void> left = co_await leave(*conversation, patience);
    if (!left) {
        co_return outcome_of(left.error());
    }
    stages.ended("logout");
    context.report.response(response);
    co_return Outcome::ok();
}

constexpr std::array rows{
    Operation{.info = {.name = "irc.login",
                       .levels = "A2",
                       .summary = "registers with an IRC server, waits for the welcome, leaves",
                       .parameters = parameters,
                       .outputs = outputs,
                       .target_parameter = "host",
                       .example = R"(do      = "irc.login"
tls     = true
nick    = "probe"
timeout = "15s"
)"},
              .run = run_login},
};

}  // namespace

std::span<const Operation> irc_operations() {
    return rows;
}

}  // namespace slimtax::probes
