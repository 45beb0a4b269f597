#include "probes/conversation.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "probes/xmpp_sasl.hpp"

namespace slimtax::probes {

namespace {

// Lines of a step's transcript that come from here.
constexpr int most_notes = 60;

// What has been taken is thrown away when there is so much of it: not after each line, which would copy the rest.
constexpr std::size_t tidy_at = 65536;

std::string without(std::string text, const std::string& secret) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
        text.replace(at, secret.size(), "***");
    }
    return text;
}

}  // namespace

Conversation::Conversation(Stream stream, std::string server, ConversationLimits limits)
    : stream_(std::move(stream)), server_(std::move(server)), limits_(limits) {}

void Conversation::hide(const std::string& secret) {
    if (!secret.empty()) {
        secrets_.push_back(secret);
        secrets_.push_back(xmpp::base64(secret));
    }
}

std::string Conversation::quoted(std::string_view text, std::size_t most) const {
    std::string clean(text);
    for (const std::string& secret : secrets_) {
        clean = without(std::move(clean), secret);
    }
    return quotable(clean, {}, most);
}

Trouble Conversation::wrong(std::string_view what) const {
    return refused(fmt::format("{} {}", server_, what));
}

void Conversation::note(std::string_view who, std::string_view text) {
    if (report_ == nullptr || notes_ > most_notes) {
        return;
    }
    report_->note(++notes_ > most_notes ? std::string("… and more") : fmt::format("{}: {}", who, quoted(text)));
}

Trouble Conversation::trouble(Trouble cause, std::string_view action, const Patience& patience) {
    broken_ = true;
    return cause.kind == Trouble::Kind::timed_out ? ran_out(server_, action, patience) : cause;
}

Task<Conversation::Result<bool>> Conversation::more(std::string_view action, const Patience& patience) {
    if (patience.over()) {
        co_return tl::unexpected(trouble(ran_out(server_, action, patience), action, patience));
    }
    std::array<char, 16384> room;
    const auto got = co_await stream_.read_some(room, patience.deadline);
    if (!got) {
        co_return tl::unexpected(trouble(got.error(), action, patience));
    }
    co_return take_in({room.data(), *got});
}

Task<Conversation::Result<bool>> Conversation::more_by(TimePoint until, std::string_view action,
                                                       const Patience& patience) {
    std::array<char, 16384> room;
    const auto got = co_await stream_.read_some(room, std::min(until, patience.deadline));
    if (!got && got.error().kind == Trouble::Kind::timed_out) {
        co_return false;
    }
    if (!got) {
        co_return tl::unexpected(trouble(got.error(), action, patience));
    }
    const Result<bool> open = take_in({room.data(), *got});
    if (open && !*open) {
        co_return tl::unexpected(wrong(fmt::format("closed the connection and did not {}", action)));
    }
    co_return open;
}

Conversation::Result<bool> Conversation::take_in(std::string_view got) {
    if (got.empty()) {
        broken_ = true;
        return false;
    }
    if (taken_ >= tidy_at || taken_ == received_.size()) {
        received_.erase(0, taken_);
        taken_ = 0;
    }
    total_ += got.size();
    if (total_ > limits_.total) {
        broken_ = true;
        return tl::unexpected(wrong(fmt::format("sent more than {} bytes", limits_.total)));
    }
    received_.append(got);
    return true;
}

Task<Conversation::Result<std::string>> Conversation::line(std::string_view action, const Patience& patience) {
    std::size_t searched = 0;
    for (;;) {
        const auto end = pending().find('\n', searched);
        if ((end == std::string_view::npos ? pending().size() : end) > limits_.line) {
            broken_ = true;
            co_return tl::unexpected(wrong(fmt::format("sent a line longer than {} bytes", limits_.line)));
        }
        if (end != std::string_view::npos) {
            std::string line(pending().substr(0, end));
            take(end + 1);
            if (line.ends_with('\r')) {
                line.pop_back();
            }
            note("server", line);
            co_return line;
        }
        searched = pending().size();
        const Result<bool> open = co_await more(action, patience);
        if (!open) {
            co_return tl::unexpected(open.error());
        }
        if (!*open) {
            co_return tl::unexpected(wrong(fmt::format("closed the connection and did not {}", action)));
        }
    }
}

Task<Conversation::Result<std::string>> Conversation::bytes(std::size_t count, std::string_view action,
                                                            const Patience& patience) {
    while (pending().size() < count) {
        const Result<bool> open = co_await more(action, patience);
        if (!open) {
            co_return tl::unexpected(open.error());
        }
        if (!*open) {
            co_return tl::unexpected(wrong(fmt::format("closed the connection and did not {}", action)));
        }
    }
    std::string taken(pending().substr(0, count));
    take(count);
    co_return taken;
}

Task<Conversation::Result<void>> Conversation::say(std::string_view text, std::string_view action,
                                                   const Patience& patience) {
    if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
        // It would be two commands.
        Trouble several{Trouble::Kind::ours, "what is sent to " + server_ +
                                                 " must be one line, and a parameter of "
                                                 "this step makes it several"};
        co_return tl::unexpected(std::move(several));
    }
    note("prober", text);
    std::string line(text);
    line += "\r\n";
    co_return co_await send(line, action, patience);
}

Task<Conversation::Result<std::string>> Conversation::ask(std::string_view text, std::string_view action,
                                                          const Patience& patience) {
    const Result<void> said = co_await say(text, action, patience);
    if (!said) {
        co_return tl::unexpected(said.error());
    }
    co_return co_await line(action, patience);
}

Task<Conversation::Result<void>> Conversation::send(std::string_view bytes, std::string_view action,
                                                    const Patience& patience) {
    const auto sent = co_await stream_.write_all(bytes, patience.deadline);
    if (!sent) {
        co_return tl::unexpected(trouble(sent.error(), action, patience));
    }
    co_return Result<void>();
}

Task<Conversation::Result<void>> Conversation::start_tls(StepContext& context, const Endpoint& endpoint,
                                                         const Patience& patience) {
    if (!pending().empty()) {
        broken_ = true;
        co_return tl::unexpected(wrong("sent more in the clear after it had agreed to start TLS"));
    }
    const auto secured = co_await secure(context, stream_, endpoint, patience);
    if (!secured) {
        broken_ = true;
        co_return tl::unexpected(secured.error());
    }
    encrypted_ = true;
    co_return Result<void>();
}

Task<tl::expected<Conversation, Trouble>> open_conversation(StepContext& context, const Endpoint& endpoint,
                                                            bool tls_at_once, const Patience& patience,
                                                            ConversationLimits limits) {
    auto stream = co_await open_stream(context, endpoint);
    if (!stream) {
        co_return tl::unexpected(std::move(stream.error()));
    }
    Conversation conversation(std::move(*stream), endpoint.server, limits);
    conversation.note_in(&context.report);
    if (tls_at_once) {
        auto secured = co_await conversation.start_tls(context, endpoint, patience);
        if (!secured) {
            co_return tl::unexpected(std::move(secured.error()));
        }
    }
    co_return std::move(conversation);
}

}  // namespace slimtax::probes
