// websocket.exchange: whether a WebSocket server (RFC 6455) takes a client in and answers its messages.
#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <openssl/rand.h>

#include "probes/exchange.hpp"
#include "probes/websocket_frames.hpp"
#include "probes/xmpp_sasl.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;
using websocket::Message;
using websocket::Opcode;

template <class T>
using Result = Conversation::Result<T>;

constexpr ConversationLimits limits{.line = 16384, .total = 16 << 20};
constexpr std::size_t most_message = 1 << 20;
constexpr int most_header_lines = 200;

// The service has done its work when we say good-bye: a server that does not answer that costs no more than this.
constexpr std::chrono::seconds close_patience{2};

// Of an answer, names in lower case.
using Headers = std::map<std::string, std::string>;

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
                  .type = ParameterType::text_list,
                  .help = "Regular expressions: the first must be found in a message that comes after the first text, "
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

std::string lowered(std::string_view text) {
    std::string low(text);
    std::ranges::transform(low, low.begin(),
                           [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    return low;
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Whether a list with commas holds the word, given in lower case.
bool lists(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        const std::string_view item = list.substr(0, list.find(','));
        if (lowered(trimmed(item)) == word) {
            return true;
        }
        list.remove_prefix(std::min(list.size(), item.size() + 1));
    }
    return false;
}

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

/// An open WebSocket.
class WebSocket {
public:
    WebSocket(StepContext& context, Conversation& conversation, const Patience& patience)
        : context_(context), conversation_(conversation), patience_(patience) {}

    Task<Result<void>> upgrade(const std::string& request, const std::string& key);
    Task<Result<void>> say(const std::string& text);
    /// The first message that holds the pattern.
    Task<Result<std::string>> hear(const schemas::Pattern& pattern);
    /// Says good-bye and awaits the answer; true when it came.
    Task<bool> close();

    [[nodiscard]] int messages() const { return messages_; }

private:
    [[nodiscard]] Trouble not_taken(std::string_view status, const Headers& headers) const;
    [[nodiscard]] std::optional<Trouble> judge_headers(const Headers& headers, const std::string& key) const;
    Task<Result<Message>> next(std::string action, Patience patience);
    Task<Result<void>> send(Opcode opcode, const std::string& payload, Patience patience);
    /// Sends a close, with no code when that is 0; whether the server takes it changes nothing.
    Task<Result<void>> say_close(std::uint16_t code, Patience patience);

    StepContext& context_;
    Conversation& conversation_;
    const Patience& patience_;
    websocket::FrameReader reader_{most_message};
    int messages_ = 0;
};

Trouble WebSocket::not_taken(std::string_view status, const Headers& headers) const {
    std::string_view hint;
    if (status.starts_with("401") || status.starts_with("403")) {
        hint = "; it may want a log-in (`headers`) or another `origin`";
    } else if (status.starts_with("2") || status.starts_with("404")) {
        hint = "; at this `path` may be no WebSocket";
    } else if (const auto location = headers.find("location"); status.starts_with("3") && location != headers.end()) {
        return conversation_.wrong(fmt::format("refused the upgrade to a WebSocket: {}, and points to {}",
                                               conversation_.quoted(status), conversation_.quoted(location->second)));
    }
    return conversation_.wrong(
        fmt::format("refused the upgrade to a WebSocket: {}{}", conversation_.quoted(status), hint));
}

std::optional<Trouble> WebSocket::judge_headers(const Headers& headers, const std::string& key) const {
    const auto header = [&headers](const char* name) {
        const auto it = headers.find(name);
        return it == headers.end() ? std::string() : it->second;
    };
    if (!lists(header("upgrade"), "websocket") || !lists(header("connection"), "upgrade")) {
        return conversation_.wrong("consented to the upgrade without the headers Upgrade and Connection");
    }
    if (header("sec-websocket-accept") != websocket::accept_of(key)) {
        return conversation_.wrong(
            "consented to the upgrade with a wrong Sec-WebSocket-Accept: it, or a cache on the way, answers without "
            "having read the request");
    }
    if (const std::string extensions = header("sec-websocket-extensions"); !extensions.empty()) {
        return conversation_.wrong(
            fmt::format("uses an extension that was not asked for: {}", conversation_.quoted(extensions)));
    }
    const std::string& wanted = context_.arguments.text("subprotocol");
    if (const std::string agreed = header("sec-websocket-protocol"); agreed != wanted) {
        return conversation_.wrong(agreed.empty()
                                       ? fmt::format("did not agree to the subprotocol {}", quotable(wanted))
                                       : fmt::format("wants to speak the subprotocol {}, which was not asked for",
                                                     conversation_.quoted(agreed)));
    }
    return std::nullopt;
}

Task<Result<void>> WebSocket::upgrade(const std::string& request, const std::string& key) {
    const std::string action = "answer the upgrade to a WebSocket";
    const auto sent = co_await conversation_.send(request, action, patience_);
    if (!sent) {
        co_return tl::unexpected(sent.error());
    }
    const auto first = co_await conversation_.line(action, patience_);
    if (!first) {
        co_return tl::unexpected(first.error());
    }
    if (!first->starts_with("HTTP/1.") || first->size() < 12) {
        co_return tl::unexpected(conversation_.wrong(fmt::format(
            "answered the upgrade to a WebSocket with \"{}\", which is not HTTP", conversation_.quoted(*first))));
    }
    const std::string status = first->substr(9);
    Headers headers;
    for (int lines = 0;; ++lines) {
        const auto line = co_await conversation_.line(action, patience_);
        if (!line) {
            co_return tl::unexpected(line.error());
        }
        if (line->empty()) {
            break;
        }
        if (lines == most_header_lines) {
            co_return tl::unexpected(conversation_.wrong("does not end the header of its answer to the upgrade"));
        }
        if (const auto colon = line->find(':'); colon != std::string::npos) {
            headers.emplace(lowered(line->substr(0, colon)), trimmed(std::string_view(*line).substr(colon + 1)));
        }
    }
    if (!status.starts_with("101")) {
        co_return tl::unexpected(not_taken(status, headers));
    }
    if (auto wrong = judge_headers(headers, key)) {
        co_return tl::unexpected(std::move(*wrong));
    }
    co_return Result<void>();
}

Task<Result<void>> WebSocket::send(Opcode opcode, const std::string& payload, Patience patience) {
    std::uint32_t mask = 0;
    ::RAND_bytes(reinterpret_cast<unsigned char*>(&mask), sizeof mask);
    const std::string frame = websocket::client_frame(opcode, payload, mask);
    co_return co_await conversation_.send(frame, "take what was sent", patience);
}

Task<Result<void>> WebSocket::say_close(std::uint16_t code, Patience patience) {
    const std::string payload = code == 0 ? std::string() : websocket::close_payload(code);
    co_return co_await send(Opcode::close, payload, patience);
}

Task<Result<void>> WebSocket::say(const std::string& text) {
    context_.report.note(fmt::format("sent a message of {} bytes", text.size()));
    co_return co_await send(Opcode::text, text, patience_);
}

// The next message or close; pings are answered on the way.
Task<Result<Message>> WebSocket::next(std::string action, Patience patience) {
    for (;;) {
        auto step = reader_.next(conversation_.pending());
        if (!step) {
            (void)co_await say_close(step.error().code, patience);
            co_return tl::unexpected(conversation_.wrong(step.error().what));
        }
        if (step->used == 0) {
            const auto open = co_await conversation_.more(action, patience);
            if (!open) {
                co_return tl::unexpected(open.error());
            }
            if (!*open) {
                co_return tl::unexpected(conversation_.wrong("broke the connection off without closing the WebSocket"));
            }
            continue;
        }
        conversation_.take(step->used);
        if (!step->message || step->message->kind == Opcode::pong) {
            continue;
        }
        if (step->message->kind == Opcode::ping) {
            const auto sent = co_await send(Opcode::pong, step->message->data, patience);
            if (!sent) {
                co_return tl::unexpected(sent.error());
            }
            continue;
        }
        co_return std::move(*step->message);
    }
}

Task<Result<std::string>> WebSocket::hear(const schemas::Pattern& pattern) {
    const std::string action = "say anything that holds '" + pattern.text() + "'";
    std::string last;
    for (;;) {
        auto message = co_await next(action, patience_);
        if (!message) {
            if (message.error().kind == Trouble::Kind::timed_out && !last.empty()) {
                co_return tl::unexpected(
                    Trouble{Trouble::Kind::timed_out,
                            fmt::format("{} said \"{}\" last, which does not hold '{}', and nothing that does {}",
                                        conversation_.server(), conversation_.quoted(last, 100), pattern.text(),
                                        patience_.in_words())});
            }
            co_return tl::unexpected(std::move(message.error()));
        }
        if (message->kind == Opcode::close) {
            // Its close is answered, as it must be (§5.5.1).
            (void)co_await say_close(message->code, patience_);
            co_return tl::unexpected(conversation_.wrong(
                fmt::format("closed the WebSocket{}{} and did not {}",
                            message->code == 0 ? "" : " with " + websocket::code_in_words(message->code),
                            message->data.empty() ? "" : ": " + conversation_.quoted(message->data), action)));
        }
        ++messages_;
        conversation_.heard(message->data);
        if (pattern.found_in(message->data)) {
            co_return std::move(message->data);
        }
        last = std::move(message->data);
    }
}

Task<bool> WebSocket::close() {
    const Patience patience = Patience::until(std::min(patience_.deadline, Loop::now() + close_patience));
    const auto sent = co_await say_close(1000, patience);
    while (sent) {
        const auto message = co_await next("answer the closing", patience);
        if (!message) {
            context_.report.note(message.error().reason);
            break;
        }
        if (message->kind == Opcode::close) {
            co_return true;
        }
        ++messages_;
    }
    co_return false;
}

// Greeting, texts and replies.
Task<Result<std::string>> exchange(StepContext& context, WebSocket& socket,
                                   const std::vector<schemas::Pattern>& patterns) {
    Stages stages(context.report);
    std::string said;
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
        if (i < patterns.size() && !patterns[i].text().empty()) {
            auto heard = co_await socket.hear(patterns[i]);
            if (!heard) {
                co_return tl::unexpected(std::move(heard.error()));
            }
            said = std::move(*heard);
        }
    }
    if (!texts.empty()) {
        stages.ended("reply");
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
    const auto patterns = reply_patterns(arguments);
    if (!patterns) {
        co_return Outcome::fault(patterns.error());
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
    Stages stages(context.report);
    WebSocket socket(context, *conversation, patience);
    auto upgraded = co_await socket.upgrade(*request, key);
    if (!upgraded) {
        co_return outcome_of(std::move(upgraded.error()));
    }
    stages.ended("upgrade");
    auto said = co_await exchange(context, socket, *patterns);
    if (!said) {
        co_return outcome_of(std::move(said.error()));
    }
    context.report.response(patience.spent());  // good-byes are nobody's waiting time
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
              .text_output = "said"},
     .run = run},
};

}  // namespace

std::span<const Operation> websocket_operations() {
    return rows;
}

}  // namespace slimtax::probes
