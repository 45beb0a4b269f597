// An HTTP server whose time to first byte is known: it holds each request for DELAY, from the kernel's receive stamp of
// the request to just before the answer is sent, and keeps how long that really was, by path.
//
//   held-server PORT DELAY_MS     DELAY_MS -1: never answers
//   GET /all                      one line for each path that was asked for: "PATH HELD_US"; forgets them

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "probes/io/loop.hpp"
#include "probes/io/stamp.hpp"

namespace {

using namespace slimtax::probes;

struct Server {
    Loop loop;
    std::chrono::milliseconds delay{};
    std::string held;
};

Task<void> serve(Server& server, int fd) {
    std::string request;
    char room[4096];
    const std::span<char> span(room);
    TimePoint arrived;
    while (request.find("\r\n\r\n") == std::string::npos) {
        if (co_await server.loop.readable(fd, Loop::now() + std::chrono::minutes(2)) != Wake::ready) {
            break;
        }
        const ssize_t got = receive_stamped(fd, span, 0, arrived);
        if (got <= 0) {
            break;
        }
        request.append(room, static_cast<std::size_t>(got));
    }
    const auto begin = request.find(' ');
    const auto end = request.find(' ', begin + 1);
    if (end != std::string::npos) {
        const std::string path = request.substr(begin + 1, end - begin - 1);
        if (server.delay.count() < 0) {
            (void)co_await server.loop.readable(fd, Loop::now() + std::chrono::minutes(10));
        } else if (path == "/all") {
            const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(server.held.size()) +
                                       "\r\nConnection: close\r\n\r\n" + server.held;
            std::size_t sent = 0;
            while (sent < answer.size()) {
                const ssize_t now = ::send(fd, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
                if (now < 0 &&
                    co_await server.loop.writable(fd, Loop::now() + std::chrono::seconds(10)) != Wake::ready) {
                    break;
                }
                sent += now > 0 ? static_cast<std::size_t>(now) : 0;
            }
            server.held.clear();
        } else {
            (void)co_await server.loop.sleep_until(arrived + server.delay);
            const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
            const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Loop::now() - arrived);
            (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
            server.held += path + " " + std::to_string(took.count()) + "\n";
        }
    }
    ::close(fd);
}

Task<void> accept_all(Server& server, int listener) {
    for (;;) {
        if (co_await server.loop.readable(listener, never) != Wake::ready) {
            co_return;
        }
        for (int fd = 0; (fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
            const int on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            want_receive_stamps(fd);
            server.loop.spawn(serve(server, fd), [](const std::exception_ptr&) {});
        }
    }
}

}  // namespace

int main(int argument_count, char** arguments) {
    if (argument_count != 3) {
        std::fprintf(stderr, "usage: held-server PORT DELAY_MS\n");
        return 2;
    }
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    keep_receive_stamps_on();
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    want_receive_stamps(listener);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(arguments[1], nullptr, 10)));
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener, 4096) != 0) {
        std::perror("held-server");
        return 1;
    }
    Server server;
    server.delay = std::chrono::milliseconds(std::strtol(arguments[2], nullptr, 10));
    server.loop.spawn(accept_all(server, listener), [](const std::exception_ptr&) {});
    server.loop.run();
}
