// What this machine listens at, as the kernel lists it (/proc/net/tcp, tcp6, udp, udp6, unix; proc(5)), and which
// process holds a socket (/proc/PID/fd). Nothing is connected to. Blocks; any thread.
#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace slimtax::probes {

/// An IPv4 or IPv6 address, IPv4 as ::ffff:a.b.c.d.
struct LocalAddress {
    in6_addr bytes{};
    bool v6 = false;  ///< listed among the sockets of IPv6

    /// 0.0.0.0 or ::
    [[nodiscard]] bool everywhere() const;
    /// "127.0.0.1", "::1", "0.0.0.0", "::"
    [[nodiscard]] std::string text() const;
    /// Whether a socket here takes what is sent to `wanted`. A socket at :: is taken to serve IPv4 too: the kernel's
    /// list does not tell those that were made IPv6 only.
    [[nodiscard]] bool serves(const LocalAddress& wanted) const;

    /// Nothing when it is no numeric address.
    [[nodiscard]] static std::optional<LocalAddress> parse(const std::string& text);
};

/// A socket that takes connections or datagrams.
struct LocalSocket {
    LocalAddress address;  ///< of tcp and udp
    std::uint16_t port = 0;
    std::string path;  ///< of unix; abstract names begin with '@'
    std::uint64_t inode = 0;
    uid_t owner = 0;            ///< of tcp and udp: whose it is
    std::uint32_t waiting = 0;  ///< of tcp: connections made that nobody has accepted yet; of udp: bytes unread
};

enum class SocketKind : std::uint8_t { tcp, udp, unix_path };

struct LocalSockets {
    std::string trouble;  ///< why they could not be read; empty: all is well
    std::vector<LocalSocket> sockets;
};

/// The listening sockets of TCP, the unconnected ones of UDP, or the listening and datagram ones of the file system.
/// `proc`: where /proc is mounted.
[[nodiscard]] LocalSockets listening_sockets(const std::string& proc, SocketKind kind);

/// Which processes hold the sockets.
struct SocketHolders {
    std::unordered_map<pid_t, std::vector<std::uint64_t>> inodes;  ///< of the wanted ones
    bool hidden = false;  ///< there were processes whose descriptors the prober may not see
};

/// Looks through all processes for the sockets of these inodes.
[[nodiscard]] SocketHolders find_holders(const std::string& proc, const std::unordered_set<std::uint64_t>& inodes);

}  // namespace slimtax::probes
