#include "probes/imap_client.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "probes/xmpp_sasl.hpp"

namespace slimtax::probes {

namespace {

template <class T>
using Result = ImapClient::Result<T>;

// A mailbox may list much, but what is asked for here is little.
constexpr ConversationLimits limits{.line = 65536, .total = 4 << 20};

std::string upper(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return out;
}

// "a b c" cut at the blank: the first word, and what is after it.
std::pair<std::string_view, std::string_view> cut(std::string_view line) {
    const auto blank = line.find(' ');
    return blank == std::string_view::npos ? std::pair(line, std::string_view())
                                           : std::pair(line.substr(0, blank), line.substr(blank + 1));
}

// The length of the literal that a line ends with, "{12}"; -1: none.
std::int64_t literal_at_end(std::string_view line) {
    const auto open = line.rfind('{');
    if (!line.ends_with('}') || open == std::string_view::npos) {
        return -1;
    }
    std::int64_t length = -1;
    const auto [end, error] = std::from_chars(line.data() + open + 1, line.data() + line.size() - 1, length);
    return error == std::errc() && end == line.data() + line.size() - 1 ? length : -1;
}

Trouble ours(std::string reason) {
    return {Trouble::Kind::ours, std::move(reason)};
}

}  // namespace

std::optional<std::string> imap_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) {
            return std::nullopt;
        }
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out + '"';
}

std::int64_t number_after(std::string_view line, std::string_view word) {
    const auto at = line.find(word);
    if (at == std::string_view::npos) {
        return -1;
    }
    line.remove_prefix(std::min(line.size(), at + word.size() + 1));
    std::int64_t number = -1;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    return error == std::errc() && number >= 0 ? number : -1;
}

Task<Result<ImapClient>> ImapClient::open(StepContext& context, const Endpoint& endpoint, std::string_view tls,
                                          const Patience& patience) {
    auto conversation = co_await open_conversation(context, endpoint, tls == "implicit", patience, limits);
    if (!conversation) {
        co_return tl::unexpected(std::move(conversation.error()));
    }
    ImapClient client(std::move(*conversation));
    Stages stages(context.report, &client.conversation_.stream());
    Result<void> done = co_await client.greet(patience);
    if (done) {
        stages.ended("greeting");
        if (tls == "starttls") {
            done = co_await client.encrypt(context, endpoint, patience);
        }
    }
    if (!done) {
        co_return tl::unexpected(std::move(done.error()));
    }
    co_return std::move(client);
}

// One response: a line, and with it the literals that it announces and the lines that go on after them.
Task<Result<std::string>> ImapClient::response(std::string_view action, const Patience& patience) {
    Result<std::string> whole = co_await conversation_.line(action, patience);
    while (whole) {
        const std::int64_t literal = literal_at_end(*whole);
        if (literal < 0) {
            break;
        }
        if (static_cast<std::uint64_t>(literal) > limits.total - std::min(limits.total, whole->size())) {
            co_return tl::unexpected(conversation_.wrong(fmt::format("announced a text of {} bytes", literal)));
        }
        const Result<std::string> text =
            co_await conversation_.bytes(static_cast<std::size_t>(literal), action, patience);
        if (!text) {
            co_return tl::unexpected(text.error());
        }
        const Result<std::string> rest = co_await conversation_.line(action, patience);
        if (!rest) {
            co_return tl::unexpected(rest.error());
        }
        *whole += "\r\n" + *text + *rest;
    }
    co_return whole;
}

Task<Result<void>> ImapClient::greet(const Patience& patience) {
    const Result<std::string> line = co_await response("send its greeting", patience);
    if (!line) {
        co_return tl::unexpected(line.error());
    }
    const auto [star, rest] = cut(*line);
    const auto [word, text] = cut(rest);
    const std::string status = upper(word);
    if (star == "*" && status == "BYE") {
        co_return tl::unexpected(conversation_.wrong("refused the connection: " + conversation_.quoted(text)));
    }
    if (star != "*" || (status != "OK" && status != "PREAUTH")) {
        co_return tl::unexpected(conversation_.wrong(
            fmt::format("greeted with something that is not IMAP: \"{}\"", conversation_.quoted(*line, 60))));
    }
    logged_in_ = status == "PREAUTH";
    take_capabilities(text);
    co_return Result<void>();
}

// From "[CAPABILITY IMAP4rev1 …] text", or "CAPABILITY IMAP4rev1 …".
void ImapClient::take_capabilities(std::string_view text) {
    if (text.starts_with('[')) {
        text = text.substr(1, text.find(']') == std::string_view::npos ? 0 : text.find(']') - 1);
    }
    auto [word, rest] = cut(text);
    if (upper(word) != "CAPABILITY") {
        return;
    }
    capabilities_.clear();
    while (!rest.empty()) {
        std::tie(word, rest) = cut(rest);
        capabilities_.push_back(upper(word));
    }
}

bool ImapClient::can(std::string_view capability) const {
    return std::ranges::find(capabilities_, capability) != capabilities_.end();
}

std::string ImapClient::next_tag() {
    return fmt::format("s{}", ++tags_);
}

Task<Result<ImapReply>> ImapClient::command(std::string_view text, std::string_view name, const Patience& patience) {
    const std::string tag = next_tag();
    const std::string line = tag + " " + std::string(text);
    const std::string action = fmt::format("answer {}", name);
    const Result<void> said = co_await conversation_.say(line, action, patience);
    if (!said) {
        co_return tl::unexpected(said.error());
    }
    const std::string refusal = fmt::format("refused {}", name);
    co_return co_await reply(tag, name, refusal, patience);
}

Task<Result<void>> ImapClient::idle(TimePoint until, const Patience& patience) {
    static constexpr std::string_view action = "answer IDLE";
    const std::string tag = next_tag();
    const std::string command = tag + " IDLE";
    const Result<void> said = co_await conversation_.say(command, action, patience);
    if (!said) {
        co_return said;
    }
    bool idling = false;
    bool told = false;
    // Not before the server is idle is the end of it understood; what it told by then counts.
    while (!idling || !told) {
        if (idling && conversation_.pending().find('\n') == std::string_view::npos) {
            const Result<bool> more = co_await conversation_.more_by(until, action, patience);
            if (!more) {
                co_return tl::unexpected(more.error());
            }
            if (!*more || Loop::now() >= until) {
                break;
            }
            continue;
        }
        const Result<std::string> line = co_await response(action, patience);
        if (!line) {
            co_return tl::unexpected(line.error());
        }
        const auto [first, rest] = cut(*line);
        if (first != "*" && first != "+") {
            co_return tl::unexpected(
                conversation_.wrong(fmt::format("offers IDLE and refused it: {}", conversation_.quoted(rest))));
        }
        idling = idling || first == "+";
        told = told || (first == "*" && upper(cut(cut(rest).second).first) == "EXISTS");
    }
    const Result<void> ended = co_await conversation_.say("DONE", action, patience);
    if (!ended) {
        co_return ended;
    }
    const Result<ImapReply> done = co_await reply(tag, "IDLE", "refused IDLE", patience);
    if (!done) {
        co_return tl::unexpected(done.error());
    }
    co_return Result<void>();
}

// The untagged responses up to the tagged one. `refusal` begins the sentence for NO and BAD.
Task<Result<ImapReply>> ImapClient::reply(const std::string& tag, std::string_view name, std::string_view refusal,
                                          const Patience& patience) {
    const std::string action = fmt::format("answer {}", name);
    ImapReply reply;
    for (;;) {
        Result<std::string> line = co_await response(action, patience);
        if (!line) {
            co_return tl::unexpected(std::move(line.error()));
        }
        const auto [first, rest] = cut(*line);
        if (first == "*") {
            take_capabilities(rest);
            if (upper(cut(rest).first) == "BYE" && name != "LOGOUT") {
                co_return tl::unexpected(conversation_.wrong(fmt::format(
                    "ended the session instead of answering {}: {}", name, conversation_.quoted(cut(rest).second))));
            }
            reply.lines.emplace_back(rest);
            continue;
        }
        if (first == "+") {
            continue;  // nothing here waits to be continued
        }
        const auto [word, text] = cut(rest);
        const std::string status = upper(word);
        if (first != tag || (status != "OK" && status != "NO" && status != "BAD")) {
            co_return tl::unexpected(conversation_.wrong(fmt::format(
                "answered {} with something that is not IMAP: \"{}\"", name, conversation_.quoted(*line, 60))));
        }
        if (status != "OK") {
            co_return tl::unexpected(conversation_.wrong(fmt::format("{}: {}", refusal, conversation_.quoted(text))));
        }
        take_capabilities(text);
        reply.text = text;
        co_return reply;
    }
}

Task<Result<void>> ImapClient::learn_capabilities(const Patience& patience) {
    if (capabilities_.empty()) {
        const Result<ImapReply> listed = co_await command("CAPABILITY", "CAPABILITY", patience);
        if (!listed) {
            co_return tl::unexpected(listed.error());
        }
    }
    co_return Result<void>();
}

Task<Result<void>> ImapClient::encrypt(StepContext& context, const Endpoint& endpoint, const Patience& patience) {
    Result<void> done = co_await learn_capabilities(patience);
    if (!done) {
        co_return done;
    }
    if (!can("STARTTLS")) {
        co_return tl::unexpected(conversation_.wrong("does not offer STARTTLS, which this step asks for"));
    }
    const Result<ImapReply> agreed = co_await command("STARTTLS", "STARTTLS", patience);
    if (!agreed) {
        co_return tl::unexpected(agreed.error());
    }
    capabilities_.clear();  // what was said in the clear does not count
    co_return co_await conversation_.start_tls(context, endpoint, patience);
}

Task<Result<void>> ImapClient::log_in(const std::string& user, const std::string& password, const Patience& patience) {
    const std::string message = xmpp::plain_message(user, password);
    conversation_.hide(password);
    conversation_.hide(message);
    if (logged_in_) {
        co_return tl::unexpected(conversation_.wrong(
            "says that we are logged in already (PREAUTH): whether it takes the password is not known"));
    }
    Result<void> done = co_await learn_capabilities(patience);
    if (!done) {
        co_return done;
    }
    if (can("AUTH=PLAIN")) {
        co_return co_await authenticate_plain(user, message, patience);
    }
    if (can("LOGINDISABLED")) {
        co_return tl::unexpected(conversation_.wrong(
            conversation_.encrypted()
                ? "takes no log-in by password (LOGINDISABLED)"
                : "takes no password without TLS (LOGINDISABLED): the step needs tls = \"starttls\" "
                  "or \"implicit\""));
    }
    const auto quoted_user = imap_string(user);
    const auto quoted_password = imap_string(password);
    if (!quoted_user || !quoted_password) {
        co_return tl::unexpected(
            ours("user and password of an IMAP log-in must be plain ASCII where the server does not "
                 "offer AUTH=PLAIN"));
    }
    conversation_.hide(*quoted_password);
    const std::string tag = next_tag();
    const std::string line = fmt::format("{} LOGIN {} {}", tag, *quoted_user, *quoted_password);
    done = co_await conversation_.say(line, "answer LOGIN", patience);
    if (!done) {
        co_return done;
    }
    capabilities_.clear();
    const std::string refusal = "refused the log-in of " + quotable(user);
    const Result<ImapReply> answer = co_await reply(tag, "LOGIN", refusal, patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    co_return Result<void>();
}

Task<Result<void>> ImapClient::authenticate_plain(const std::string& user, const std::string& message,
                                                  const Patience& patience) {
    static constexpr std::string_view action = "answer AUTHENTICATE";
    const std::string tag = next_tag();
    const std::string refusal = "refused the log-in of " + quotable(user);
    const std::string encoded = xmpp::base64(message);
    const bool at_once = can("SASL-IR");
    const std::string line = tag + " AUTHENTICATE PLAIN" + (at_once ? " " + encoded : "");
    Result<void> said = co_await conversation_.say(line, action, patience);
    if (said && !at_once) {
        const Result<std::string> go_on = co_await conversation_.line(action, patience);
        if (!go_on) {
            co_return tl::unexpected(go_on.error());
        }
        if (!go_on->starts_with('+')) {
            const auto [first, rest] = cut(*go_on);
            co_return tl::unexpected(conversation_.wrong(
                fmt::format("{}: {}", refusal, conversation_.quoted(first == tag ? rest : *go_on))));
        }
        said = co_await conversation_.say(encoded, action, patience);
    }
    if (!said) {
        co_return said;
    }
    capabilities_.clear();
    const Result<ImapReply> answer = co_await reply(tag, "AUTHENTICATE", refusal, patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    co_return Result<void>();
}

Task<Result<void>> ImapClient::log_out(const Patience& patience) {
    const Result<ImapReply> left = co_await command("LOGOUT", "LOGOUT", patience);
    if (!left) {
        co_return tl::unexpected(left.error());
    }
    co_return Result<void>();
}

}  // namespace slimtax::probes
