// websocket.exchange: whether a WebSocket server (RFC 6455) takes a client in and answers its messages.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <openssl/rand.h>

#include "probes/exchange.hpp"
#include "probes/websocket_client.hpp"
#include "probes/xmpp_sasl.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;
template <class T>
using Result = Conversation::Result<T>;

// How much one server may say.
constexpr ConversationLimits limits{.line = 16384, .total = 16 << 20};
constexpr auto parameters = joined(
    std::array{host_parameter, port_parameter("", "The server's port; omitted: 443 with tls, else 80."),
               tls_flag_parameter,
               Parameter{.name = "path",
                         .fallback = R"("/")",
                         .help = "The path of the WebSocket, with its query.",
                         .example = R"("/chat?room=1")"},
               Parameter{.name = "subprotocol",
                         .help = "The subprotocol to speak; the server must agree to it.",
                         .example = R"("graphql-transport-ws")"},
               Parameter{.name = "origin",
                         .help = "The site whose page opens the WebSocket: many servers take only their own.",
                         .example = R"("https://${target}")"},
               Parameter{.name = "headers",
                         .type = ParameterType::text_map,
                         .help = "More header lines of the upgrade.",
                         .example = R"({ Authorization = "Bearer ${secret:chat-probe}" })"}},
    trust_parameters,
    std::array{
        Parameter{.name = "greeting",
                  .type = ParameterType::pattern,
                  .help = "Must be found in a message of the server before anything is sent.",
                  .example = "'\"type\":\"hello\"'"},
        Parameter{.name = "send",
                  .type = ParameterType::text_list,
                  .help = "Texts that are sent one after the other, each as one message.",
                  .example = R"(['{"type":"ping"}'])"},
        Parameter{.name = "replies",
                  .type = ParameterType::pattern_list,
                  .help = "The first must be found in a message that comes after the first text, "
                          "before the second is sent, and so on; other messages are passed over. \"\" awaits nothing.",
                  .example = R"(['"type":"pong"'])"},
    });

constexpr auto outputs =
    joined(connection_outputs, tls_outputs,
           std::array{
               Output{"said", OutputType::text, "The message that was awaited last."},
               Output{"messages", OutputType::number, "How many messages the server sent, those passed over included."},
               Output{"closed", OutputType::boolean, "Whether the server answered the closing as it should."},
               Output{"time.upgrade", OutputType::duration, "From the request to the server's consent to a WebSocket."},
               Output{"time.greeting", OutputType::duration, "Until the greeting; only with `greeting`."},
               Output{"time.reply", OutputType::duration, "From the first text to the last reply; only with `send`."},
           });

// Text for a header line: what would end the line, or the word, would be the step's author's mistake.
bool is_plain(std::string_view text, char least) {
    return std::ranges::all_of(text, [least](char c) { return static_cast<unsigned char>(c) >= least && c != 0x7F; });
}

tl::expected<std::string, std::string> request_of(const Arguments& arguments, const Endpoint& endpoint,
                                                  const std::string& key) {
    const std::string& path = arguments.text("path");
    if (!path.starts_with('/') || !is_plain(path, '!')) {
        return tl::unexpected(
            fmt::format("path = \"{}\" is none: it begins with / and holds no blanks", quotable(path)));
    }
    const bool usual = endpoint.port == (arguments.flag("tls") ? 443 : 80);
    const std::string host = usual ? endpoint.address.substr(0, endpoint.address.rfind(':')) : endpoint.address;
    std::string request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: {}\r\n",
        path, host, key);
    schemas::TextMap lines = arguments.map("headers");
    if (arguments.has("origin")) {
        lines.emplace_back("Origin", arguments.text("origin"));
    }
    if (arguments.has("subprotocol")) {
        lines.emplace_back("Sec-WebSocket-Protocol", arguments.text("subprotocol"));
    }
    for (const auto& [name, value] : lines) {
        if (name.empty() || !is_plain(name, '!') || name.find(':') != std::string::npos || !is_plain(value, ' ')) {
            return tl::unexpected(
                fmt::format("the header '{}' cannot be sent: its name or value holds what no "
                            "header line can",
                            quotable(name)));
        }
        request += fmt::format("{}: {}\r\n", name, value);
    }
    return request + "\r\n";
}

// Greeting, texts and replies.
Task<Result<std::string>> exchange(StepContext& context, const Conversation& conversation, WebSocket& socket) {
    const schemas::PatternList& patterns = context.arguments.patterns("replies");
    Stages stages(context.report, &conversation.stream());
    std::string said;
    bool answered = false;  // the last thing that happened was an answer
    if (const schemas::Pattern* const greeting = context.arguments.pattern("greeting")) {
        auto heard = co_await socket.hear(*greeting);
        if (!heard) {
            co_return tl::unexpected(std::move(heard.error()));
        }
        said = std::move(*heard);
        stages.ended("greeting");
    }
    const schemas::TextList& texts = context.arguments.list("send");
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto sent = co_await socket.say(texts[i]);
        if (!sent) {
            co_return tl::unexpected(sent.error());
        }
        answered = i < patterns.size() && !patterns[i].text().empty();
        if (answered) {
            auto heard = co_await socket.hear(patterns[i]);
            if (!heard) {
                co_return tl::unexpected(std::move(heard.error()));
            }
            said = std::move(*heard);
        }
    }
    if (answered) {
        stages.ended("reply");
    } else if (!texts.empty()) {
        stages.ended_by_us("reply");
    }
    co_return said;
}

// Their values may be log-ins: "Bearer TOKEN" is one, and so is TOKEN.
void hide_headers(Conversation& conversation, const schemas::TextMap& headers) {
    constexpr std::size_t least = 6;  // shorter ones would star out half of what is said
    for (const auto& line : headers) {
        const std::string& value = line.second;
        for (const std::string& part : {value, value.substr(value.rfind(' ') + 1)}) {
            if (part.size() >= least) {
                conversation.hide(part);
            }
        }
    }
}

Task<Outcome> run(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    if (auto wrong = too_many_replies(arguments)) {
        co_return Outcome::fault(std::move(*wrong));
    }
    const bool tls = arguments.flag("tls");
    const Endpoint endpoint = Endpoint::of(arguments, "WebSocket server", port_of(arguments, tls ? 443 : 80, 443));
    std::string bytes(16, '\0');
    ::RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    const std::string key = xmpp::base64(bytes);
    const auto request = request_of(arguments, endpoint, key);
    if (!request) {
        co_return Outcome::fault(request.error());
    }
    for (const std::string& text : arguments.list("send")) {
        if (schemas::first_invalid_utf8(text) != std::string::npos) {
            co_return Outcome::fault("a text in `send` is not UTF-8, and a WebSocket takes nothing else as text");
        }
    }
    auto conversation = co_await open_conversation(context, endpoint, tls, patience, limits);
    if (!conversation) {
        co_return outcome_of(std::move(conversation.error()));
    }
    hide_headers(*conversation, arguments.map("headers"));
    Stages stages(context.report, &conversation->stream());
    WebSocket socket(context, *conversation, patience);
    auto upgraded = co_await socket.upgrade(*request, key);
    if (!upgraded) {
        co_return outcome_of(std::move(upgraded.error()));
    }
    stages.ended("upgrade");
    auto said = co_await exchange(context, *conversation, socket);
    if (!said) {
        co_return outcome_of(std::move(said.error()));
    }
    // Good-byes are nobody's waiting time; and where the last thing was an answer, only until it had come.
    const bool answered = !arguments.patterns("replies").empty() || arguments.list("send").empty();
    context.report.response(answered ? patience.spent_until(conversation->stream().arrived()) : patience.spent());
    context.report.output("said", std::move(*said));
    const bool closed = co_await socket.close();
    context.report.output("closed", closed);
    context.report.output("messages", static_cast<double>(socket.messages()));
    co_return Outcome::ok();
}

constexpr Operation rows[] = {
    {.info = {.name = "websocket.exchange",
              .levels = "A2 A3",
              .summary = "opens a WebSocket (ws, or wss with tls), sends messages and awaits replies",
              .parameters = parameters,
              .outputs = outputs,
              .target_parameter = "host",
              .example = R"(do      = "websocket.exchange"
tls     = true
path    = "/chat"
send    = ['{"type":"ping"}']
replies = ['"type":"pong"']
)",
              .text_output = "said",
              .contradiction = &exchange_contradiction},
     .run = run},
};

}  // namespace

std::span<const Operation> websocket_operations() {
    return rows;
}

}  // namespace slimtax::probes
