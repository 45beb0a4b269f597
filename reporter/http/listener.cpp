#include "reporter/http/listener.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>

namespace slimtax::reporter {
namespace {

constexpr int backlog = 1024;

std::string reason(int error) {
    switch (error) {
        case EADDRINUSE: return "another program listens there; end it, or choose another port";
        case EADDRNOTAVAIL: return "this machine does not have that address";
        case EACCES: return "ports below 1024 need a privilege";
        default: return std::strerror(error);
    }
}

std::uint16_t port_of(int descriptor) {
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &length);
    return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

}  // namespace

tl::expected<Listener, std::string> listen_on(const std::string& address, std::uint16_t port) {
    const std::string where = fmt::format("cannot listen on {} port {}: ", address, port);
    addrinfo hints{};
    hints.ai_family = address == "localhost" ? AF_INET : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV | (address == "localhost" ? 0 : AI_NUMERICHOST);
    addrinfo* raw = nullptr;
    if (const int error = getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &raw); error != 0) {
        return tl::unexpected(where + "that is not a numeric address");
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> found(raw, &freeaddrinfo);
    const int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    if (descriptor < 0 || setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(descriptor, found->ai_addr, found->ai_addrlen) != 0 || listen(descriptor, backlog) != 0) {
        const int error = errno;
        if (descriptor >= 0) {
            close(descriptor);
        }
        return tl::unexpected(where + reason(error));
    }
    return Listener{descriptor, port_of(descriptor), found->ai_family == AF_INET6};
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

}  // namespace slimtax::reporter
