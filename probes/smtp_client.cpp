#include "probes/smtp_client.hpp"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "probes/xmpp_sasl.hpp"

namespace slimtax::probes {

namespace {

template <class T>
using Result = SmtpClient::Result<T>;

// RFC 5321 §4.5.3.1.5 has answers of 512 bytes a line.
constexpr ConversationLimits limits{.line = 8192, .total = 1 << 20};

// Our own address as the server may see it, "[192.0.2.7]" (RFC 5321 §4.1.3): a name would have to be a true one.
std::string own_address(int fd) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    std::array<char, INET6_ADDRSTRLEN> room{};
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0) {
        if (storage.ss_family == AF_INET6) {
            const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
            ::inet_ntop(AF_INET6, &address.sin6_addr, room.data(), room.size());
            return fmt::format("[IPv6:{}]", room.data());
        }
        const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
        ::inet_ntop(AF_INET, &address.sin_addr, room.data(), room.size());
    }
    return fmt::format("[{}]", room.data());
}

// A line that is one dot ends the message, so lines that begin with one get another (RFC 5321 §4.5.2).
std::string stuffed(std::string_view content) {
    std::string out(content.starts_with('.') ? "." : "");
    out += content;
    for (auto at = out.find("\r\n."); at != std::string::npos; at = out.find("\r\n.", at + 3)) {
        out.insert(at + 2, ".");
    }
    if (!out.ends_with("\r\n")) {
        out += "\r\n";
    }
    return out + ".\r\n";
}

}  // namespace

Task<Result<SmtpClient>> SmtpClient::open(StepContext& context, const Endpoint& endpoint, std::string_view tls,
                                          const Patience& patience) {
    auto conversation = co_await open_conversation(context, endpoint, tls == "implicit", patience, limits);
    if (!conversation) {
        co_return tl::unexpected(std::move(conversation.error()));
    }
    SmtpClient client(std::move(*conversation));
    Stages stages(context.report, &client.conversation_.stream());
    const Result<CodedAnswer> greeting =
        co_await coded_answer(client.conversation_, "SMTP", "send its greeting", patience);
    if (!greeting) {
        co_return tl::unexpected(greeting.error());
    }
    if (!greeting->good()) {
        co_return tl::unexpected(greeting->refusal(client.conversation_, "the connection"));
    }
    Result<void> done = co_await client.hello(patience);
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

Task<Result<CodedAnswer>> SmtpClient::ask(std::string_view line, std::string_view name, const Patience& patience) {
    co_return co_await ask_coded(conversation_, "SMTP", line, name, patience);
}

// A command that must be answered with 2xx.
Task<Result<void>> SmtpClient::must(std::string_view line, std::string_view name, const Patience& patience) {
    const Result<CodedAnswer> answered = co_await ask(line, name, patience);
    if (!answered) {
        co_return tl::unexpected(answered.error());
    }
    if (!answered->good()) {
        co_return tl::unexpected(answered->refusal(conversation_, name));
    }
    co_return Result<void>();
}

Task<Result<void>> SmtpClient::hello(const Patience& patience) {
    const std::string line = "EHLO " + own_address(conversation_.stream().fd());
    Result<CodedAnswer> answered = co_await ask(line, "EHLO", patience);
    if (!answered) {
        co_return tl::unexpected(std::move(answered.error()));
    }
    if (!answered->good()) {
        co_return tl::unexpected(answered->refusal(conversation_, "EHLO"));
    }
    extensions_ = std::move(answered->lines);
    for (std::string& extension : extensions_) {
        for (char& c : extension) {
            c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        }
    }
    co_return Result<void>();
}

bool SmtpClient::offers(std::string_view keyword) const {
    return std::ranges::find(extensions_, keyword) != extensions_.end();
}

// "AUTH PLAIN LOGIN", also as old servers write it: "AUTH=PLAIN LOGIN".
bool SmtpClient::offers_auth(std::string_view mechanism) const {
    return std::ranges::any_of(extensions_, [&](const std::string& extension) {
        return (extension.starts_with("AUTH ") || extension.starts_with("AUTH=")) &&
               (extension.substr(4) + " ").find(fmt::format("{} ", mechanism)) != std::string::npos;
    });
}

Task<Result<void>> SmtpClient::encrypt(StepContext& context, const Endpoint& endpoint, const Patience& patience) {
    if (!offers("STARTTLS")) {
        co_return tl::unexpected(conversation_.wrong("does not offer STARTTLS, which this step asks for"));
    }
    Result<void> done = co_await must("STARTTLS", "STARTTLS", patience);
    if (done) {
        done = co_await conversation_.start_tls(context, endpoint, patience);
    }
    if (done) {
        done = co_await hello(patience);  // what was said in the clear does not count
    }
    co_return done;
}

Task<Result<void>> SmtpClient::log_in(const std::string& user, const std::string& password, const Patience& patience) {
    const std::string message = xmpp::plain_message(user, password);
    conversation_.hide(password);
    conversation_.hide(message);
    const std::string name = "the log-in of " + quotable(user);
    Result<CodedAnswer> answered = CodedAnswer{};
    if (offers_auth("PLAIN")) {
        const std::string line = "AUTH PLAIN " + xmpp::base64(message);
        answered = co_await ask(line, "AUTH", patience);
    } else if (offers_auth("LOGIN")) {
        answered = co_await ask("AUTH LOGIN", "AUTH", patience);
        const std::array<std::string, 2> parts{xmpp::base64(user), xmpp::base64(password)};
        for (const std::string& part : parts) {
            if (answered && answered->code == 334) {
                answered = co_await ask(part, "AUTH", patience);
            }
        }
    } else {
        co_return tl::unexpected(conversation_.wrong(
            conversation_.encrypted() ? "offers no log-in by password (AUTH PLAIN or LOGIN)"
                                      : "offers no log-in by password (AUTH PLAIN or LOGIN) without TLS: the step may "
                                        "need tls = \"starttls\" or \"implicit\", or another port"));
    }
    if (!answered) {
        co_return tl::unexpected(std::move(answered.error()));
    }
    if (!answered->good()) {
        co_return tl::unexpected(answered->refusal(conversation_, name));
    }
    co_return Result<void>();
}

Task<Result<void>> SmtpClient::submit(const std::string& from, const std::string& to, std::string_view content,
                                      const Patience& patience) {
    const std::string sender = "MAIL FROM:<" + from + ">";
    const std::string receiver = "RCPT TO:<" + to + ">";
    Result<void> done = co_await must(sender, "the sender " + quotable(from), patience);
    if (done) {
        done = co_await must(receiver, "the recipient " + quotable(to), patience);
    }
    if (!done) {
        co_return done;
    }
    const Result<CodedAnswer> go_on = co_await ask("DATA", "DATA", patience);
    if (!go_on) {
        co_return tl::unexpected(go_on.error());
    }
    if (go_on->code != 354) {
        co_return tl::unexpected(go_on->refusal(conversation_, "DATA"));
    }
    static constexpr std::string_view action = "accept the message";
    const std::string bytes = stuffed(content);
    done = co_await conversation_.send(bytes, action, patience);
    if (!done) {
        co_return done;
    }
    const Result<CodedAnswer> taken = co_await coded_answer(conversation_, "SMTP", action, patience);
    if (!taken) {
        co_return tl::unexpected(taken.error());
    }
    if (!taken->good()) {
        co_return tl::unexpected(taken->refusal(conversation_, "the message"));
    }
    co_return done;
}

Task<Result<void>> SmtpClient::quit(const Patience& patience) {
    co_return co_await must("QUIT", "QUIT", patience);
}

}  // namespace slimtax::probes
