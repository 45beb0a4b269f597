#include "probes/local_sockets.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

namespace slimtax::probes {
namespace {

constexpr unsigned tcp_listen = 0x0A;       // TCP_LISTEN
constexpr unsigned udp_unconnected = 0x07;  // TCP_CLOSE

template <class Number>
bool read_number(std::string_view text, Number& number, int base) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc() && end == text.data() + text.size();
}

/// "0100007F:0016", or four such words for IPv6: each word is the kernel's memory read as a number.
bool read_address(std::string_view text, LocalSocket& socket) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || !read_number(text.substr(colon + 1), socket.port, 16)) {
        return false;
    }
    std::string_view words = text.substr(0, colon);
    if (words.size() != 8 && words.size() != 32) {
        return false;
    }
    socket.address.v6 = words.size() == 32;
    std::size_t at = socket.address.v6 ? 0 : 12;
    if (!socket.address.v6) {
        socket.address.bytes.s6_addr[10] = socket.address.bytes.s6_addr[11] = 0xFF;
    }
    for (; !words.empty(); words.remove_prefix(8), at += 4) {
        std::uint32_t word = 0;
        if (!read_number(words.substr(0, 8), word, 16)) {
            return false;
        }
        std::memcpy(&socket.address.bytes.s6_addr[at], &word, 4);
    }
    return true;
}

/// A line of /proc/net/tcp: sl local remote state tx:rx timer:when retransmits uid timeout inode …
void take_inet_line(const std::string& line, unsigned wanted_state, std::vector<LocalSocket>& sockets) {
    std::istringstream words(line);
    std::string number, local, remote, state, queues, timer, retransmits, timeout;
    LocalSocket socket;
    unsigned found_state = 0;
    if (!(words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> socket.owner >> timeout >>
          socket.inode) ||
        !read_number(std::string_view(state), found_state, 16) || found_state != wanted_state ||
        !read_address(local, socket)) {
        return;
    }
    if (const std::size_t colon = queues.find(':'); colon != std::string::npos) {
        read_number(std::string_view(queues).substr(colon + 1), socket.waiting, 16);
    }
    sockets.push_back(std::move(socket));
}

/// A line of /proc/net/unix: num: refcount protocol flags type state inode path
void take_unix_line(const std::string& line, std::vector<LocalSocket>& sockets) {
    constexpr unsigned accepts_connections = 0x10000;  // __SO_ACCEPTCON
    constexpr unsigned datagram = 2;                   // SOCK_DGRAM
    std::istringstream words(line);
    std::string number, references, protocol, flags, type, state;
    LocalSocket socket;
    unsigned flag_bits = 0;
    unsigned type_number = 0;
    if (!(words >> number >> references >> protocol >> flags >> type >> state >> socket.inode) ||
        !read_number(std::string_view(flags), flag_bits, 16) || !read_number(std::string_view(type), type_number, 16) ||
        ((flag_bits & accepts_connections) == 0 && type_number != datagram)) {
        return;
    }
    words.get();  // one blank; the path itself may hold blanks
    std::getline(words, socket.path);
    if (!socket.path.empty()) {
        sockets.push_back(std::move(socket));
    }
}

/// False when the list cannot be read. That there is none is well where `may_lack`: a kernel without IPv6.
bool read_list(const std::string& path, bool may_lack, const auto& take_line, std::string& trouble) {
    std::ifstream file(path);
    if (!file) {
        if (errno == ENOENT && may_lack) {
            return true;
        }
        trouble = fmt::format("{} cannot be read: {}", path, std::strerror(errno));
        return false;
    }
    std::string line;
    std::getline(file, line);  // the headings
    while (std::getline(file, line)) {
        take_line(line);
    }
    return true;
}

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

}  // namespace

bool LocalAddress::everywhere() const {
    static constexpr in6_addr any6{};
    in6_addr any4{};
    any4.s6_addr[10] = any4.s6_addr[11] = 0xFF;
    return std::memcmp(&bytes, &any6, sizeof bytes) == 0 || std::memcmp(&bytes, &any4, sizeof bytes) == 0;
}

std::string LocalAddress::text() const {
    std::array<char, INET6_ADDRSTRLEN> room{};
    if (IN6_IS_ADDR_V4MAPPED(&bytes)) {
        ::inet_ntop(AF_INET, &bytes.s6_addr[12], room.data(), room.size());
    } else {
        ::inet_ntop(AF_INET6, &bytes, room.data(), room.size());
    }
    return room.data();
}

bool LocalAddress::serves(const LocalAddress& wanted) const {
    if (everywhere()) {
        return v6 || IN6_IS_ADDR_V4MAPPED(&wanted.bytes);
    }
    return std::memcmp(&bytes, &wanted.bytes, sizeof bytes) == 0;
}

std::optional<LocalAddress> LocalAddress::parse(const std::string& text) {
    LocalAddress address;
    if (::inet_pton(AF_INET6, text.c_str(), &address.bytes) == 1) {
        address.v6 = true;
        return address;
    }
    if (::inet_pton(AF_INET, text.c_str(), &address.bytes.s6_addr[12]) == 1) {
        address.bytes.s6_addr[10] = address.bytes.s6_addr[11] = 0xFF;
        return address;
    }
    return std::nullopt;
}

LocalSockets listening_sockets(const std::string& proc, SocketKind kind) {
    LocalSockets result;
    if (kind == SocketKind::unix_path) {
        const auto take = [&result](const std::string& line) { take_unix_line(line, result.sockets); };
        read_list(proc + "/net/unix", false, take, result.trouble);
        return result;
    }
    const std::string name = kind == SocketKind::tcp ? "/net/tcp" : "/net/udp";
    const unsigned state = kind == SocketKind::tcp ? tcp_listen : udp_unconnected;
    const auto take = [&result, state](const std::string& line) { take_inet_line(line, state, result.sockets); };
    if (read_list(proc + name, false, take, result.trouble)) {
        read_list(proc + name + "6", true, take, result.trouble);
    }
    return result;
}

SocketHolders find_holders(const std::string& proc, const std::unordered_set<std::uint64_t>& inodes) {
    SocketHolders result;
    const Folder processes(::opendir(proc.c_str()), &::closedir);
    while (const dirent* const process = processes ? ::readdir(processes.get()) : nullptr) {
        pid_t pid = 0;
        if (!read_number(std::string_view(process->d_name), pid, 10)) {
            continue;
        }
        const std::string path = fmt::format("{}/{}/fd", proc, pid);
        const Folder descriptors(::opendir(path.c_str()), &::closedir);
        if (!descriptors) {
            result.hidden = result.hidden || errno == EACCES || errno == EPERM;
            continue;
        }
        while (const dirent* const descriptor = ::readdir(descriptors.get())) {
            std::array<char, 64> target{};
            const ssize_t length =
                ::readlinkat(::dirfd(descriptors.get()), descriptor->d_name, target.data(), target.size() - 1);
            std::string_view text(target.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
            constexpr std::string_view begin = "socket:[";
            std::uint64_t inode = 0;
            if (text.starts_with(begin) && text.ends_with(']') &&
                read_number(text.substr(begin.size(), text.size() - begin.size() - 1), inode, 10) &&
                inodes.contains(inode)) {
                result.inodes[pid].push_back(inode);
            }
        }
    }
    return result;
}

}  // namespace slimtax::probes
