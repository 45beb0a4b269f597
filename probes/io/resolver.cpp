#include "probes/io/resolver.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include "probes/io/stream.hpp"

namespace slimtax::probes {
namespace {

using Addresses = std::vector<Address>;

/// First try's patience; c-ares doubles it at each further round over the servers.
constexpr int first_try_ms = 1500;
constexpr int rounds = 3;

/// After this long without an answer we look whether a name server is there at all, and give it this long to refuse.
constexpr auto unusual_wait = std::chrono::milliseconds(250);
constexpr auto refusal_patience = std::chrono::milliseconds(100);

void set_port(Address& address, std::uint16_t port) {
    if (address.storage.ss_family == AF_INET6) {
        reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(port);
    } else {
        reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(port);
    }
}

/// Joined with commas, as c-ares wants them.
std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : ",") + word;
    }
    return text;
}

/// A c-ares channel on the loop. Its callbacks run inside ares_process_fd: they only note and signal.
class Channel {
public:
    Channel(Loop& loop, const std::vector<std::string>& servers, int flags) : loop_(loop) {
        ares_options options{};
        options.flags = flags;
        options.timeout = first_try_ms;
        options.tries = rounds;
        options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
            static_cast<Channel*>(self)->watch(fd, read != 0, write != 0);
        };
        options.sock_state_cb_data = this;
        const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
        int status = ares_init_options(&channel_, &options, mask);
        if (status == ARES_SUCCESS && !servers.empty()) {
            status = ares_set_servers_ports_csv(channel_, joined(servers).c_str());
        }
        if (status != ARES_SUCCESS) {
            ares_destroy(channel_);
            throw std::runtime_error("no resolver for names (name servers: " +
                                     (servers.empty() ? "those of /etc/resolv.conf" : joined(servers)) +
                                     "): " + ares_strerror(status));
        }
    }

    ~Channel() {
        loop_.cancel(timer_);
        ares_destroy(channel_);
    }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    void ask(const char* name, ares_addrinfo_callback callback, void* argument) {
        ares_addrinfo_hints hints{};
        hints.ai_family = AF_UNSPEC;
        ares_getaddrinfo(channel_, name, nullptr, &hints, callback, argument);
        arm();
    }

    /// The servers' addresses, ports included.
    [[nodiscard]] Addresses servers() const {
        ares_addr_port_node* first = nullptr;
        Addresses found;
        if (ares_get_servers_ports(channel_, &first) != ARES_SUCCESS) {
            return found;
        }
        for (const ares_addr_port_node* node = first; node != nullptr; node = node->next) {
            Address& address = found.emplace_back();
            address.storage.ss_family = static_cast<sa_family_t>(node->family);
            if (node->family == AF_INET6) {
                std::memcpy(&reinterpret_cast<sockaddr_in6&>(address.storage).sin6_addr, &node->addr.addr6, 16);
                address.length = sizeof(sockaddr_in6);
            } else {
                std::memcpy(&reinterpret_cast<sockaddr_in&>(address.storage).sin_addr, &node->addr.addr4, 4);
                address.length = sizeof(sockaddr_in);
            }
            set_port(address, static_cast<std::uint16_t>(node->udp_port == 0 ? 53 : node->udp_port));
        }
        ares_free_data(first);
        return found;
    }

private:
    void watch(int fd, bool read, bool write) {
        loop_.watch(fd, read, write, [this, fd](bool readable, bool writable) {
            ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
            arm();
        });
    }

    /// ares_timeout walks over all queries, so it is asked once a timer, not once a query: a timer that is armed
    /// already is never too late, since a new query's first patience is the shortest there is.
    void arm() {
        timeval room{};
        if (timer_ != 0 || ares_timeout(channel_, nullptr, &room) == nullptr) {
            return;
        }
        const auto wait = std::chrono::seconds(room.tv_sec) + std::chrono::microseconds(room.tv_usec);
        timer_ = loop_.call_at(Loop::now() + wait, [this] {
            timer_ = 0;
            ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
            arm();
        });
    }

    Loop& loop_;
    ares_channel channel_ = nullptr;
    Loop::TimerId timer_ = 0;
};

/// One look-up under way. Owned by the coroutine and by c-ares, which calls back late when the coroutine gave up.
struct Question {
    explicit Question(Loop& loop) : answered(loop) {}
    Loop::Event answered;
    int status = ARES_SUCCESS;
    Addresses addresses;
};

void on_answer(void* argument, int status, int, ares_addrinfo* info) {
    const std::unique_ptr<std::shared_ptr<Question>> holder(static_cast<std::shared_ptr<Question>*>(argument));
    Question& question = **holder;
    question.status = status;
    for (const ares_addrinfo_node* node = info == nullptr ? nullptr : info->nodes; node != nullptr;
         node = node->ai_next) {
        Address& address = question.addresses.emplace_back();
        address.length = static_cast<socklen_t>(node->ai_addrlen);
        std::memcpy(&address.storage, node->ai_addr, node->ai_addrlen);
    }
    ares_freeaddrinfo(info);
    if (status != ARES_EDESTRUCTION) {  // then the loop may be gone too
        question.answered.set();
    }
}

/// The address that a text is, or nothing. Accepts "[::1]".
std::optional<Address> numeric_address(const std::string& host) {
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    const std::string bare = bracketed ? host.substr(1, host.size() - 2) : host;
    // The usual forms at once; the system's own look at it is dear, and for the unusual ones: "127.1", "fe80::1%eth0".
    Address plain;
    if (auto& v4 = reinterpret_cast<sockaddr_in&>(plain.storage);
        ::inet_pton(AF_INET, bare.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        plain.length = sizeof v4;
        return plain;
    }
    if (auto& v6 = reinterpret_cast<sockaddr_in6&>(plain.storage);
        ::inet_pton(AF_INET6, bare.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        plain.length = sizeof v6;
        return plain;
    }
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* info = nullptr;
    if (bare.empty() || ::getaddrinfo(bare.c_str(), nullptr, &hints, &info) != 0) {
        return std::nullopt;
    }
    Address address;
    address.length = info->ai_addrlen;
    std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
    ::freeaddrinfo(info);
    return address;
}

/// True when every one of these name servers' machines says that nobody listens there. c-ares loses such refusals when
/// several questions share its socket (as A and AAAA do), and then waits for nothing.
Task<bool> nobody_listens(Loop& loop, Addresses servers, TimePoint deadline) {
    static constexpr std::string_view empty_question("\x53\x54\x01\0\0\0\0\0\0\0\0\0", 12);
    for (const Address& server : servers) {
        const Socket socket(::socket(server.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&server.storage), server.length) != 0) {
            continue;
        }
        ::send(socket.fd(), empty_question.data(), empty_question.size(), MSG_NOSIGNAL);
        const TimePoint until = std::min(deadline, Loop::now() + refusal_patience);
        const Wake wake = co_await loop.readable(socket.fd(), until);
        char room[512];
        if (wake != Wake::ready || ::recv(socket.fd(), room, sizeof room, 0) >= 0 || errno != ECONNREFUSED) {
            co_return false;
        }
    }
    co_return true;
}

/// "192.0.2.1". The system's own way prints with a format, and every check says whom it asked.
std::string dotted(const sockaddr_in& address) {
    std::string text;
    const std::uint32_t number = ntohl(address.sin_addr.s_addr);
    for (int shift = 24; shift >= 0; shift -= 8) {
        text += std::to_string((number >> shift) & 0xFF);
        text += shift == 0 ? "" : ".";
    }
    return text;
}

/// True when this machine has no way at all to that address.
bool unreachable_from_here(const Address& address) {
    const int fd = ::socket(address.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return true;
    }
    const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length);
    ::close(fd);
    // Connecting a datagram socket asks nobody: whatever fails is of this machine.
    return result != 0;
}

}  // namespace

std::string Address::text() const {
    char room[INET6_ADDRSTRLEN] = "";
    if (storage.ss_family == AF_INET6) {
        const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
        ::inet_ntop(AF_INET6, &address.sin6_addr, room, sizeof room);
        return "[" + std::string(room) + "]:" + std::to_string(ntohs(address.sin6_port));
    }
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    return dotted(address) + ":" + std::to_string(ntohs(address.sin_port));
}

std::string host_and_port(const std::string& host, std::uint16_t port) {
    const bool bare_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
    return (bare_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Address::host() const {
    if (storage.ss_family == AF_INET) {
        return dotted(reinterpret_cast<const sockaddr_in&>(storage));
    }
    const std::string whole = text();
    const std::string bare = whole.substr(0, whole.rfind(':'));
    return bare.starts_with('[') ? bare.substr(1, bare.size() - 2) : bare;
}

class Resolver::Impl {
public:
    Impl(Loop& loop, std::vector<std::string> servers)
        : loop_(loop), servers_(std::move(servers)), channel_(loop, servers_, 0) {}

    Task<tl::expected<Addresses, Trouble>> look_up(std::string host, TimePoint deadline);
    [[nodiscard]] Addresses servers() const { return channel_.servers(); }

private:
    [[nodiscard]] std::string asked() const {
        std::string text;
        for (const Address& server : channel_.servers()) {
            text += (text.empty() ? "asked " : ", ") + server.text();
        }
        return text.empty() ? "no name server is configured" : text;
    }
    [[nodiscard]] Trouble trouble(const std::string& host, int status) const;
    [[nodiscard]] Trouble unanswered(const std::string& host) const;

    Loop& loop_;
    std::vector<std::string> servers_;
    Channel channel_;
    /// c-ares passes over a server that answers SERVFAIL or REFUSED, and in the end says only that none was left.
    /// When that happens this second channel asks once more, and tells what they said.
    std::unique_ptr<Channel> plain_;
};

Task<tl::expected<Addresses, Trouble>> Resolver::Impl::look_up(std::string host, TimePoint deadline) {
    const auto question = std::make_shared<Question>(loop_);
    channel_.ask(host.c_str(), on_answer, new std::shared_ptr<Question>(question));
    Wake wake = co_await question->answered.wait(std::min(deadline, Loop::now() + unusual_wait));
    if (wake == Wake::timed_out && Loop::now() < deadline) {
        if (co_await nobody_listens(loop_, channel_.servers(), deadline)) {
            co_return tl::unexpected(unanswered(host));
        }
        wake = co_await question->answered.wait(deadline);
    }
    if (wake == Wake::ready && question->status == ARES_ECONNREFUSED) {
        if (!plain_) {
            plain_ = std::make_unique<Channel>(loop_, servers_, ARES_FLAG_NOCHECKRESP);
        }
        question->answered.reset();
        plain_->ask(host.c_str(), on_answer, new std::shared_ptr<Question>(question));
        wake = co_await question->answered.wait(deadline);
    }
    if (wake == Wake::cancelled) {
        co_return tl::unexpected(Trouble::shut_down());
    }
    if (wake == Wake::timed_out) {
        Trouble late = trouble(host, ARES_ETIMEOUT);
        co_return tl::unexpected(std::move(late));
    }
    if (question->status != ARES_SUCCESS || question->addresses.empty()) {
        Trouble why = trouble(host, question->status == ARES_SUCCESS ? ARES_ENODATA : question->status);
        co_return tl::unexpected(std::move(why));
    }
    co_return std::move(question->addresses);
}

Trouble Resolver::Impl::trouble(const std::string& host, int status) const {
    const std::string end = " (" + asked() + ")";
    switch (status) {
        case ARES_ENOTFOUND:
        case ARES_ENONAME: return {Trouble::Kind::refused, "the name " + host + " does not exist" + end};
        case ARES_ENODATA: return {Trouble::Kind::refused, "the name " + host + " has no address" + end};
        case ARES_ESERVFAIL:
            return {Trouble::Kind::refused, "the name server failed to look up " + host + ": SERVFAIL" + end};
        case ARES_EREFUSED:
            return {Trouble::Kind::refused, "the name server refused to look up " + host + ": REFUSED" + end};
        case ARES_ENOTIMP: return {Trouble::Kind::refused, "the name server cannot look up " + host + ": NOTIMP" + end};
        case ARES_EFORMERR:
        case ARES_EBADRESP:
            return {Trouble::Kind::refused, "the name server's answer for " + host + " makes no sense" + end};
        case ARES_EBADNAME: return {Trouble::Kind::refused, "\"" + host + "\" is no valid host name"};
        case ARES_ETIMEOUT: return {Trouble::Kind::timed_out, "no name server answered in time for " + host + end};
        case ARES_ECONNREFUSED: return unanswered(host);
        default:
            return {Trouble::Kind::ours,
                    "the name " + host + " could not be looked up: " + ares_strerror(status) + end};
    }
}

/// No server was left to ask: they refuse, or we cannot get at them at all.
Trouble Resolver::Impl::unanswered(const std::string& host) const {
    const Addresses servers = channel_.servers();
    if (std::ranges::all_of(servers, unreachable_from_here)) {
        return {Trouble::Kind::ours, "the name " + host + " could not be looked up: this machine has no route to its " +
                                         "name server (" + asked() + ")"};
    }
    return {Trouble::Kind::refused,
            "the name " + host + " could not be looked up: no name server listens (" + asked() + ")"};
}

Resolver::Resolver(Loop& loop, const std::vector<std::string>& servers)
    : impl_(std::make_unique<Impl>(loop, servers)) {}
Resolver::~Resolver() = default;

std::vector<Address> Resolver::servers() const {
    return impl_->servers();
}

Task<tl::expected<std::vector<Address>, Trouble>> Resolver::look_up(std::string host, std::uint16_t port,
                                                                    TimePoint deadline) {
    tl::expected<Addresses, Trouble> found = Addresses();
    if (const auto address = numeric_address(host)) {
        found->push_back(*address);
    } else if (host.empty()) {
        co_return tl::unexpected(Trouble{Trouble::Kind::refused, "the host name is empty"});
    } else {
        found = co_await impl_->look_up(host, deadline);
    }
    if (found) {
        for (Address& address : *found) {
            set_port(address, port);
        }
    }
    co_return found;
}

}  // namespace slimtax::probes
