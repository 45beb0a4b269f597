#include "probes/io/http_plain.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <sys/socket.h>

#include "probes/io/http_answer.hpp"
#include "probes/io/http_cookies.hpp"
#include "probes/io/stamp.hpp"

namespace slimtax::probes {
namespace {

constexpr std::size_t longest_body = 8 * 1024;  // fits into any socket's buffer together with the header
constexpr int most_reads_at_once = 16;          // without a wait in between, before others get their turn

std::string lower(std::string_view text) {
    std::string small(text);
    for (char& letter : small) {
        letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
    return small;
}

/// Headers that say how the message is framed or routed, or that curl has rules of its own for.
bool is_special(const std::string& name) {
    static constexpr std::array<std::string_view, 12> names{
        "host",       "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect",
        "keep-alive", "cookie",     "range",          "accept-encoding"};
    return name.empty() || std::ranges::find(names, lower(name)) != names.end();
}

/// "/page?q=1" of "http://im1:8080/page?q=1"; empty when there is something unusual about it.
std::string_view path_of(const std::string& url) {
    constexpr std::size_t scheme = std::string_view("http://").size();
    const auto slash = url.find('/', scheme);
    const bool usual = url.starts_with("http://") && slash != std::string::npos &&
                       std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7F; }) &&
                       std::string_view(url).substr(scheme, slash - scheme).find_first_of("@%") == std::string::npos;
    return usual ? std::string_view(url).substr(slash, url.find('#') - slash) : std::string_view();
}

bool curl_only() {
    static const bool only = [] {
        const char* const wish = std::getenv("SLIMTAX_HTTP");
        return wish != nullptr && std::string_view(wish) == "curl";
    }();
    return only;
}

std::string base64(const std::string& bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

/// As curl writes it.
std::string request_text(const HttpRequest& request, const HttpTarget& target) {
    const auto has = [&request](std::string_view name) {
        return std::ranges::any_of(request.headers, [name](const auto& header) { return lower(header.first) == name; });
    };
    const bool sends = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    const bool v6 = target.host.find(':') != std::string::npos;
    std::string text;
    text.reserve(512);
    text.append(request.method).append(" ").append(path_of(target.url)).append(" HTTP/1.1\r\nHost: ");
    text.append(v6 ? "[" : "").append(target.host).append(v6 ? "]" : "");
    if (target.port != 80) {
        text.append(":").append(std::to_string(target.port));
    }
    text += "\r\n";
    if (!request.user.empty() && !has("authorization")) {
        text.append("Authorization: Basic ").append(base64(request.user + ":" + request.password)).append("\r\n");
    }
    text += has("user-agent") ? "" : "User-Agent: slimtax\r\n";
    text += has("accept") ? "" : "Accept: */*\r\n";
    for (const auto& [name, value] : request.headers) {
        text.append(name).append(value.empty() ? ":" : ": ").append(value).append("\r\n");
    }
    if (sends) {
        text.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
        text += has("content-type") ? "" : "Content-Type: application/x-www-form-urlencoded\r\n";
    }
    text += "\r\n";
    if (sends) {
        text += request.body;
    }
    return text;
}

class PlainExchange {
public:
    PlainExchange(Engine& engine, const HttpRequest& request, const HttpTarget& target, Connected connected)
        : loop_(engine.loop()),
          request_(request),
          target_(target),
          connected_(std::move(connected)),
          peer_(target.peer()),
          answer_(request, peer_) {}

    Task<tl::expected<HttpResponse, Trouble>> run(TimePoint deadline);

private:
    Task<tl::expected<void, Trouble>> send(TimePoint deadline);
    Task<tl::expected<void, Trouble>> receive(TimePoint deadline);
    [[nodiscard]] int fd() const { return connected_.socket.fd(); }

    /// What a wait's end means, when it is not `ready`.
    [[nodiscard]] Trouble ended_by(Wake wake) {
        if (wake == Wake::cancelled) {
            return Trouble::shut_down();
        }
        if (!answer_.began()) {
            return {Trouble::Kind::timed_out, peer_ + " did not answer the " + request_.method + " request in time"};
        }
        if (!answer_.head_ended()) {
            return {Trouble::Kind::timed_out, peer_ + " did not end the header of its answer in time"};
        }
        return {Trouble::Kind::timed_out, peer_ + " did not end the body of its answer in time: " +
                                              std::to_string(answer_.response().bytes) + " bytes came"};
    }
    [[nodiscard]] Trouble broken(int error) const {
        return {Trouble::Kind::refused,
                "connection to " + peer_ + " broken" +
                    (answer_.began() ? " in the middle of the answer: " : " before an answer came: ") +
                    std::strerror(error)};
    }

    void complete();

    Loop& loop_;
    const HttpRequest& request_;
    const HttpTarget& target_;
    Connected connected_;
    std::string peer_;
    HttpAnswer answer_;
    TimePoint asked_;
    TimePoint first_byte_;
    TimePoint last_byte_;
};

Task<tl::expected<void, Trouble>> PlainExchange::send(TimePoint deadline) {
    const std::string text = request_text(request_, target_);
    std::string_view left = text;
    asked_ = Loop::now();
    while (!left.empty()) {
        const ssize_t sent = ::send(fd(), left.data(), left.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            left.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN || errno == EINTR) {
            const Wake wake = co_await loop_.writable(fd(), deadline);
            if (wake != Wake::ready) {
                co_return tl::unexpected(ended_by(wake));
            }
        } else {
            co_return tl::unexpected(broken(errno));
        }
    }
    co_return tl::expected<void, Trouble>();
}

Task<tl::expected<void, Trouble>> PlainExchange::receive(TimePoint deadline) {
    HttpAnswer::State state = HttpAnswer::State::head;
    int reads_at_once = most_reads_at_once;  // nothing can have come yet: wait
    while (state == HttpAnswer::State::head || state == HttpAnswer::State::body) {
        if (reads_at_once >= most_reads_at_once) {
            reads_at_once = 0;
            const Wake wake = co_await loop_.readable(fd(), deadline);
            if (wake != Wake::ready) {
                co_return tl::unexpected(ended_by(wake));
            }
        }
        // What always has more must not keep us beyond the deadline.
        if (Loop::now() >= deadline) {
            co_return tl::unexpected(ended_by(Wake::timed_out));
        }
        if (!answer_.began()) {
            const Arrival first = first_arrival(fd());
            if (first.error != 0) {  // the look took it away from the read
                co_return tl::unexpected(broken(first.error));
            }
            first_byte_ = first.when.value_or(Loop::now());
        }
        static thread_local std::array<char, 65536> room;  // not in the frame: used up before the next suspension
        const std::span<char> free_room(room);
        const ssize_t got = receive_stamped(fd(), free_room, 0, last_byte_);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            reads_at_once = most_reads_at_once;
            continue;
        }
        if (got < 0) {
            co_return tl::unexpected(broken(errno));
        }
        if (got == 0) {
            state = answer_.take_end();
            break;
        }
        ++reads_at_once;
        loop_.note_delay(Loop::now() - last_byte_);
        state = answer_.take({room.data(), static_cast<std::size_t>(got)});
    }
    if (state == HttpAnswer::State::broken) {
        Trouble why{Trouble::Kind::refused, answer_.reason()};
        co_return tl::unexpected(std::move(why));
    }
    co_return tl::expected<void, Trouble>();
}

Task<tl::expected<HttpResponse, Trouble>> PlainExchange::run(TimePoint deadline) {
    const auto sent = co_await send(deadline);
    if (!sent) {
        co_return tl::unexpected(sent.error());
    }
    const auto received = co_await receive(deadline);
    if (!received) {
        co_return tl::unexpected(received.error());
    }
    complete();
    co_return std::move(answer_.response());
}

void PlainExchange::complete() {
    HttpResponse& response = answer_.response();
    first_byte_ = std::max(first_byte_, asked_);
    last_byte_ = std::max(last_byte_, first_byte_);
    response.times.lookup = connected_.lookup;
    response.times.connect = connected_.connect;
    response.times.first_byte = std::chrono::duration_cast<schemas::Duration>(first_byte_ - asked_);
    response.times.body = std::chrono::duration_cast<schemas::Duration>(last_byte_ - first_byte_);
    response.url = target_.url;
    response.server = peer_;
    response.peer = connected_.peer.text();
    if (request_.cookies != nullptr) {
        for (const auto& [name, value] : response.headers) {
            if (name == "set-cookie") {
                take_cookie(value, lower(target_.host), path_of(target_.url),
                            std::chrono::time_point_cast<schemas::Duration>(std::chrono::system_clock::now()),
                            *request_.cookies);
            }
        }
    }
}

}  // namespace

bool goes_plain(const HttpRequest& request, const HttpTarget& target) {
    return !target.tls && !request.http2 && target.server_name.empty() && request.body.size() <= longest_body &&
           (request.cookies == nullptr || request.cookies->empty()) && !path_of(target.url).empty() &&
           target.host.find_first_of("%") == std::string::npos && !curl_only() &&
           std::ranges::none_of(request.headers, [](const auto& header) {
               return is_special(header.first) ||
                      (header.first + header.second).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos;
           });
}

Task<tl::expected<HttpResponse, Trouble>> exchange_plain(Engine& engine, const HttpRequest& request,
                                                         const HttpTarget& target, Connected connected,
                                                         TimePoint deadline) {
    PlainExchange exchange(engine, request, target, std::move(connected));
    co_return co_await exchange.run(deadline);
}

}  // namespace slimtax::probes
