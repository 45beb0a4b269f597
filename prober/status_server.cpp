#include "prober/status_server.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

namespace slimtax::prober {
namespace {

using probes::Loop;
using probes::Task;
using probes::Wake;

struct Parts {
    sockaddr_storage storage{};
    socklen_t length = 0;
};

tl::expected<Parts, std::string> loopback(const std::string& host, std::uint16_t port) {
    Parts parts;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&parts.storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&parts.storage);
    const std::string name = host == "localhost" ? "127.0.0.1" : host;
    if (::inet_pton(AF_INET, name.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        parts.length = sizeof(sockaddr_in);
        if (ntohl(v4->sin_addr.s_addr) >> 24 == 127) {
            return parts;
        }
    } else if (::inet_pton(AF_INET6, name.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        parts.length = sizeof(sockaddr_in6);
        if (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)) {
            return parts;
        }
    }
    return tl::unexpected(fmt::format(
        "[prober] listen = \"{}:{}\": the prober answers on this machine only; write 127.0.0.1 or [::1]", host, port));
}

std::string_view reason_phrase(int status) {
    switch (status) {
        case 200: return "OK";
        case 400: return "Bad Request";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 431: return "Request Header Fields Too Large";
        case 503: return "Service Unavailable";
        default: return "Internal Server Error";
    }
}

bool has_header(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
        const std::string_view line = head.substr(at + 2, name.size() + 1);
        if (line.size() == name.size() + 1 && line.back() == ':' &&
            std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
                return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
            })) {
            return true;
        }
    }
    return false;
}

// Closes what it holds; knows how many connections are open.
class Connection {
public:
    Connection(int fd, std::shared_ptr<int> open) : fd_(fd), open_(std::move(open)) { ++*open_; }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        ::close(fd_);
        --*open_;
    }
    [[nodiscard]] int fd() const { return fd_; }

private:
    int fd_;
    std::shared_ptr<int> open_;
};

// The request's head up to the empty line; empty when the peer went away or was too slow.
Task<std::string> read_head(Loop& loop, int fd, probes::TimePoint deadline) {
    std::string head;
    std::array<char, 2048> room{};
    while (head.find("\r\n\r\n") == std::string::npos && head.size() <= StatusServer::largest_request) {
        if (co_await loop.readable(fd, deadline) != Wake::ready) {
            co_return std::string();
        }
        const auto count = ::recv(fd, room.data(), room.size(), 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }
        if (count <= 0) {
            co_return std::string();
        }
        head.append(room.data(), static_cast<std::size_t>(count));
    }
    co_return head;
}

Task<void> write_all(Loop& loop, int fd, std::string text, probes::TimePoint deadline) {
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto count = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (count >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            if (co_await loop.writable(fd, deadline) != Wake::ready) {
                co_return;
            }
        } else if (errno != EINTR) {
            co_return;
        }
    }
}

}  // namespace

tl::expected<std::unique_ptr<StatusServer>, std::string> StatusServer::listen(Loop& loop, const std::string& host,
                                                                              std::uint16_t port, Handler handler) {
    auto address = loopback(host, port);
    if (!address) {
        return tl::unexpected(std::move(address.error()));
    }
    const int fd = ::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int yes = 1;
    if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        ::bind(fd, reinterpret_cast<const sockaddr*>(&address->storage), address->length) != 0 ||
        ::listen(fd, 64) != 0) {
        const int error = errno;
        if (fd >= 0) {
            ::close(fd);
        }
        return tl::unexpected(fmt::format(
            "cannot listen on {}:{}: {}{}", host, port, std::strerror(error),
            error == EADDRINUSE ? "; another program has the port: choose another for [prober] listen" : ""));
    }
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
    // sin_port and sin6_port lie at the same place.
    const std::uint16_t actual = ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
    return std::unique_ptr<StatusServer>(new StatusServer(loop, fd, actual, std::move(handler)));
}

StatusServer::StatusServer(Loop& loop, int fd, std::uint16_t port, Handler handler)
    : loop_(loop), fd_(fd), port_(port), handler_(std::move(handler)) {
    watch();
}

void StatusServer::watch() {
    retry_ = 0;
    loop_.watch(fd_, true, false, [this](bool, bool) { accept_some(); });
}

StatusServer::~StatusServer() {
    close();
}

void StatusServer::close() {
    if (fd_ >= 0) {
        loop_.unwatch(fd_);
        loop_.cancel(retry_);
        ::close(std::exchange(fd_, -1));
    }
}

void StatusServer::accept_some() {
    for (int i = 0; i < most_connections; ++i) {
        const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                // The caller stays in the queue and the descriptor readable: not looking for a while is all that helps.
                loop_.unwatch(fd_);
                retry_ = loop_.call_at(Loop::now() + std::chrono::seconds(1), [this] { watch(); });
            }
            return;
        }
        if (*open_ >= most_connections) {
            ::close(fd);
            continue;
        }
        loop_.spawn(serve(fd), [](std::exception_ptr) {});
    }
}

Task<void> StatusServer::serve(int fd) {
    const Connection connection(fd, open_);
    const probes::TimePoint deadline = Loop::now() + patience;
    std::string head = co_await read_head(loop_, fd, deadline);
    if (head.empty()) {
        co_return;
    }
    const bool is_head = head.starts_with("HEAD ");
    StatusResponse response;
    try {
        response = co_await answer(std::move(head));
    } catch (const std::exception& error) {
        response = StatusResponse{500, fmt::format("{}\n", error.what())};
    }
    std::string text = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n\r\n",
        response.status, reason_phrase(response.status), response.content_type, response.body.size());
    if (!is_head) {
        text += response.body;
    }
    co_await write_all(loop_, fd, std::move(text), deadline);
    ::shutdown(fd, SHUT_WR);
}

Task<StatusResponse> StatusServer::answer(std::string head) {
    StatusResponse refusal;
    if (head.size() > largest_request) {
        refusal.status = 431;
        refusal.body = "the request's headers are too long\n";
        co_return refusal;
    }
    const std::string_view line = std::string_view(head).substr(0, head.find("\r\n"));
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos ||
        !line.substr(second + 1).starts_with("HTTP/1.")) {
        refusal.status = 400;
        refusal.body = "this is no HTTP/1.1 request\n";
        co_return refusal;
    }
    StatusRequest request;
    request.method = line.substr(0, first);
    request.path = line.substr(first + 1, second - first - 1);
    request.path.resize(std::min(request.path.size(), request.path.find('?')));
    // A page in the administrator's browser must not be able to post here.
    if (request.method == "POST" && has_header(head, "Origin")) {
        refusal.status = 403;
        refusal.body = "requests from web pages are refused\n";
        co_return refusal;
    }
    if (request.method == "HEAD") {
        request.method = "GET";
    }
    co_return co_await handler_(std::move(request));
}

}  // namespace slimtax::prober
