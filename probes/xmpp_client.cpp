#include "probes/xmpp_client.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace slimtax::probes::xmpp {

namespace {

constexpr std::string_view ns_client = "jabber:client";
constexpr std::string_view ns_stream = "http://etherx.jabber.org/streams";
constexpr std::string_view ns_stream_errors = "urn:ietf:params:xml:ns:xmpp-streams";
constexpr std::string_view ns_stanza_errors = "urn:ietf:params:xml:ns:xmpp-stanzas";
constexpr std::string_view ns_roster = "jabber:iq:roster";
constexpr std::string_view ns_ping = "urn:xmpp:ping";

template <class T>
using Result = Client::Result<T>;

}  // namespace

std::string condition_of(const Element& error, std::string_view space) {
    std::string words = "no reason given";
    std::string text;
    for (const Element& child : error.children) {
        if (child.space != space) {
            continue;
        }
        if (child.name == "text") {
            text = child.text;
        } else {
            words = child.name;
            std::ranges::replace(words, '-', ' ');
        }
    }
    return text.empty() ? words : words + " (" + text + ")";
}

std::optional<Jid> parse_jid(std::string_view text) {
    Jid jid;
    const auto slash = text.find('/');
    if (slash != std::string_view::npos) {
        jid.resource = text.substr(slash + 1);
        text = text.substr(0, slash);
    }
    const auto at = text.find('@');
    if (at == std::string_view::npos || at == 0 || at + 1 == text.size() ||
        text.find('@', at + 1) != std::string_view::npos) {
        return std::nullopt;
    }
    jid.user = text.substr(0, at);
    jid.domain = text.substr(at + 1);
    return jid;
}

Client::Client(Engine& engine, Stream stream, std::string address)
    : engine_(&engine), stream_(std::move(stream)), address_(std::move(address)), server_("XMPP server " + address_) {}

Task<Result<std::size_t>> Client::roster(const Patience& patience) {
    std::string id = fmt::format("roster{}", ++requests_);
    std::string request = fmt::format("<iq type='get' id='{}'><query xmlns='{}'/></iq>", id, ns_roster);
    const Result<Element> answer =
        co_await ask(std::move(id), std::move(request), "answer the roster request", patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    const Element* query = answer->child(ns_roster, "query");
    if (query == nullptr) {
        co_return tl::unexpected(refused(server_ + " answered the roster request without a roster"));
    }
    co_return static_cast<std::size_t>(
        std::ranges::count_if(query->children, [](const Element& each) { return each.is(ns_roster, "item"); }));
}

Task<Result<void>> Client::become_available(const Patience& patience) {
    return send("<presence/>", "take the presence", patience);
}

Task<Result<void>> Client::send_message(const std::string& to, const std::string& id, const std::string& body,
                                        const Patience& patience) {
    return send(fmt::format("<message type='chat' to='{}' id='{}'><body>{}</body></message>", escape(to), escape(id),
                            escape(body)),
                "take the message", patience);
}

Task<Result<void>> Client::await_message(const std::string& id, std::string_view action, const Patience& patience) {
    while (true) {
        const Result<Element> element = co_await next(action, patience);
        if (!element) {
            co_return tl::unexpected(element.error());
        }
        const Result<void> answered = co_await answer_ping(*element, action, patience);
        if (!answered) {
            co_return answered;
        }
        if (!element->is(ns_client, "message") || element->attribute("id") != id) {
            continue;
        }
        if (element->attribute("type") == "error") {
            const Element* error = element->child(ns_client, "error");
            const std::string why = error == nullptr ? "no reason given" : condition_of(*error, ns_stanza_errors);
            co_return tl::unexpected(refused(fmt::format("{} did not {}: {}", server_, action, quoted(why))));
        }
        co_return Result<void>{};
    }
}

// A client that does not answer a ping is thrown out.
Task<Result<void>> Client::answer_ping(const Element& request, std::string_view action, const Patience& patience) {
    if (!request.is(ns_client, "iq") || request.attribute("type") != "get" ||
        request.child(ns_ping, "ping") == nullptr) {
        co_return Result<void>{};
    }
    std::string pong = fmt::format("<iq type='result' id='{}' to='{}'/>", escape(request.attribute("id")),
                                   escape(request.attribute("from")));
    co_return co_await send(std::move(pong), action, patience);
}

Task<Result<void>> Client::log_out(const Patience& patience) {
    static constexpr std::string_view action = "close the stream";
    if (broken_) {
        co_return Result<void>{};
    }
    const Result<void> sent = co_await send("<presence type='unavailable'/></stream:stream>", action, patience);
    if (!sent) {
        co_return sent;
    }
    std::array<char, 4096> room;
    while (!parser_.closed()) {
        if (patience.over()) {
            broken_ = true;
            co_return tl::unexpected(ran_out(server_, action, patience));
        }
        const auto got = co_await stream_.read_some(room, patience.deadline);
        if (!got) {
            co_return tl::unexpected(trouble(got.error(), action, patience));
        }
        if (*got == 0) {
            break;  // it closed the connection without a word: closed all the same
        }
        const auto fed = parser_.feed(std::string_view(room.data(), *got));
        while (fed && parser_.take()) {
        }
        if (!fed) {
            co_return tl::unexpected(broken_by(fmt::format("{} sent bad XML: {}", server_, fed.error())));
        }
    }
    broken_ = true;
    co_return Result<void>{};
}

// Sends an iq and waits for its answer, whatever else comes in between.
Task<Result<Element>> Client::ask(std::string id, std::string request, std::string_view action,
                                  const Patience& patience) {
    const Result<void> sent = co_await send(std::move(request), action, patience);
    if (!sent) {
        co_return tl::unexpected(sent.error());
    }
    while (true) {
        Result<Element> element = co_await next(action, patience);
        if (!element) {
            co_return tl::unexpected(element.error());
        }
        if (!element->is(ns_client, "iq")) {
            continue;
        }
        const std::string_view type = element->attribute("type");
        const Result<void> answered = co_await answer_ping(*element, action, patience);
        if (!answered) {
            co_return tl::unexpected(answered.error());
        }
        if (element->attribute("id") != id) {
            continue;
        }
        if (type == "error") {
            const Element* error = element->child(ns_client, "error");
            const std::string why = error == nullptr ? "no reason given" : condition_of(*error, ns_stanza_errors);
            co_return tl::unexpected(refused(fmt::format("{} did not {}: {}", server_, action, quoted(why))));
        }
        if (type == "result") {
            co_return element;
        }
    }
}

Task<Result<void>> Client::send(std::string bytes, std::string_view action, const Patience& patience) {
    const auto sent = co_await stream_.write_all(bytes, patience.deadline);
    if (!sent) {
        co_return tl::unexpected(trouble(sent.error(), action, patience));
    }
    co_return Result<void>{};
}

Task<Result<Element>> Client::next(std::string_view action, const Patience& patience) {
    std::array<char, 16384> room;
    while (true) {
        if (auto element = parser_.take()) {
            if (element->is(ns_stream, "error")) {
                const std::string why = condition_of(*element, ns_stream_errors);
                co_return tl::unexpected(broken_by(fmt::format("{} ended the session: {}", server_, quoted(why))));
            }
            co_return std::move(*element);
        }
        if (parser_.closed()) {
            co_return tl::unexpected(broken_by(fmt::format("{} closed the stream and did not {}", server_, action)));
        }
        if (patience.over()) {
            co_return tl::unexpected(ran_out(server_, action, patience));
        }
        const auto got = co_await stream_.read_some(room, patience.deadline);
        if (!got && got.error().kind == Trouble::Kind::timed_out) {
            // The stream is as good as before: a late answer is passed over, a logout can still be said.
            co_return tl::unexpected(ran_out(server_, action, patience));
        }
        if (!got) {
            co_return tl::unexpected(trouble(got.error(), action, patience));
        }
        if (*got == 0) {
            co_return tl::unexpected(
                broken_by(fmt::format("{} closed the connection and did not {}", server_, action)));
        }
        const std::string_view bytes(room.data(), *got);
        if (parser_.header() == nullptr && first_bytes_.size() < 80) {
            first_bytes_ += bytes.substr(0, 80);
        }
        const auto fed = parser_.feed(bytes);
        const Element* header = parser_.header();
        if (header == nullptr ? !fed : !header->is(ns_stream, "stream")) {
            const std::string said = quotable(first_bytes_, secret_, 40);
            co_return tl::unexpected(
                broken_by(fmt::format("{} answered something that is not XMPP: \"{}\"", server_, said)));
        }
        if (!fed) {
            co_return tl::unexpected(broken_by(fmt::format("{} sent bad XML: {}", server_, fed.error())));
        }
    }
}

Trouble Client::trouble(Trouble cause, std::string_view action, const Patience& patience) {
    broken_ = true;
    if (cause.kind == Trouble::Kind::timed_out) {
        return ran_out(server_, action, patience);
    }
    return cause;
}

Trouble Client::broken_by(std::string reason) {
    broken_ = true;
    return refused(std::move(reason));
}

Trouble Client::unexpected(const Element& element, std::string_view action) {
    return broken_by(fmt::format("{} sent <{}> where it was to {}", server_, quoted(element.name), action));
}

}  // namespace slimtax::probes::xmpp
