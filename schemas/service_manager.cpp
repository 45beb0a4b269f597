#include "schemas/service_manager.hpp"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

namespace slimtax::schemas {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace

ServiceManager::ServiceManager() : address_(environment("NOTIFY_SOCKET")) {
    const std::string pid = environment("WATCHDOG_PID");
    if (pid.empty() || pid == std::to_string(::getpid())) {
        const long long us = std::atoll(environment("WATCHDOG_USEC").c_str());
        if (us > 0) {
            watchdog_ = Duration(us / 2);
        }
    }
}

void ServiceManager::reloading() const {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000LL + now.tv_nsec / 1000));
}

void ServiceManager::send(std::string_view words) const {
    sockaddr_un address{};
    if (address_.empty() || address_.size() >= sizeof(address.sun_path)) {
        return;
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, address_.data(), address_.size());
    if (address_[0] == '@') {
        address.sun_path[0] = '\0';
    }
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    // Best effort: whoever does not listen has to notice that by itself.
    [[maybe_unused]] const auto sent = ::sendto(fd, words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                                reinterpret_cast<const sockaddr*>(&address), length);
    ::close(fd);
}

}  // namespace slimtax::schemas
