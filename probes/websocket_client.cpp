#include "probes/websocket_client.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>
#include <openssl/rand.h>

namespace slimtax::probes {

using websocket::Message;
using websocket::Opcode;

namespace {

constexpr int most_header_lines = 200;

// The service has done its work when we say good-bye: a server that does not answer that costs no more than this.
constexpr std::chrono::seconds close_patience{2};

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

}  // namespace

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

Task<WebSocket::Result<void>> WebSocket::upgrade(const std::string& request, const std::string& key) {
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

Task<WebSocket::Result<void>> WebSocket::send(Opcode opcode, const std::string& payload, Patience patience) {
    std::uint32_t mask = 0;
    ::RAND_bytes(reinterpret_cast<unsigned char*>(&mask), sizeof mask);
    const std::string frame = websocket::client_frame(opcode, payload, mask);
    co_return co_await conversation_.send(frame, "take what was sent", patience);
}

Task<WebSocket::Result<void>> WebSocket::say_close(std::uint16_t code, Patience patience) {
    const std::string payload = code == 0 ? std::string() : websocket::close_payload(code);
    co_return co_await send(Opcode::close, payload, patience);
}

Task<WebSocket::Result<void>> WebSocket::say(const std::string& text) {
    context_.report.note(fmt::format("sent a message of {} bytes", text.size()));
    co_return co_await send(Opcode::text, text, patience_);
}

// The next message or close; pings are answered on the way.
Task<WebSocket::Result<Message>> WebSocket::next(std::string action, Patience patience) {
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

Task<WebSocket::Result<std::string>> WebSocket::hear(const schemas::Pattern& pattern) {
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

}  // namespace slimtax::probes
