// Names to addresses through one shared c-ares channel, so that look-up time is its own figure for every operation.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include <tl/expected.hpp>

#include "probes/io/loop.hpp"

namespace slimtax::probes {

/// An address with its port.
struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    /// "192.0.2.1:389" or "[2001:db8::1]:389".
    [[nodiscard]] std::string text() const;
};

/// Why something could not be had, and which verdict that is.
struct Trouble {
    enum class Kind {
        refused,    ///< the other side said no, or the name does not exist: `failed`
        timed_out,  ///< `timeout`
        ours,       ///< our side: no descriptors, no route at all: `prober_fault`
    };
    Kind kind = Kind::refused;
    std::string reason;  ///< a sentence
};

class Resolver {
public:
    Resolver(Loop& loop, const std::vector<std::string>& servers);
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// The addresses of `host` (a numeric address needs no look-up; /etc/hosts counts), with `port` set.
    Task<tl::expected<std::vector<Address>, Trouble>> look_up(std::string host, std::uint16_t port, TimePoint deadline);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::probes
