// Names to addresses through one shared c-ares channel, so that look-up time is its own figure for every operation.
#pragma once

#include <cstdint>
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
    /// "192.0.2.1" or "2001:db8::1".
    [[nodiscard]] std::string host() const;
};

/// "im1:443" or "[2001:db8::1]:443", for reasons.
[[nodiscard]] std::string host_and_port(const std::string& host, std::uint16_t port);

/// Why something could not be had, and which verdict that is.
struct Trouble {
    enum class Kind {
        refused,    ///< the other side said no, or the name does not exist: `failed`
        timed_out,  ///< `timeout`
        ours,       ///< our side: no descriptors, no route at all: `prober_fault`
    };
    Kind kind = Kind::refused;
    std::string reason;  ///< a sentence

    /// What a wait that ended `cancelled` means.
    [[nodiscard]] static Trouble shut_down() { return {Kind::ours, "the prober is being shut down"}; }
};

class Resolver {
public:
    /// `servers` as in EngineOptions. Throws std::runtime_error when they are no addresses.
    Resolver(Loop& loop, const std::vector<std::string>& servers);
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// The addresses of `host` (a numeric address needs no look-up; /etc/hosts counts), with `port` set, in the order
    /// of preference of RFC 6724. The reason tells a name that does not exist from a server that fails, refuses, does
    /// not listen or does not answer, and names the servers asked. Only when no route leads to any of them, or
    /// memory or descriptors have run out, the trouble is ours.
    Task<tl::expected<std::vector<Address>, Trouble>> look_up(std::string host, std::uint16_t port, TimePoint deadline);

    /// The name servers that are asked, with their ports.
    [[nodiscard]] std::vector<Address> servers() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::probes
