#include "probes/io/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/io/stamp.hpp"
#include "probes/io/stamped_bio.hpp"

namespace slimtax::probes {
namespace {

schemas::Duration since(TimePoint start) {
    return std::chrono::duration_cast<schemas::Duration>(Loop::now() - start);
}

/// Why a connection could not be had. `at_once`: the kernel said so without asking the network.
Trouble connection_trouble(const std::string& where, int error, bool at_once) {
    const std::string subject = "connection to " + where;
    switch (error) {
        case ECONNREFUSED: return {Trouble::Kind::refused, subject + " refused"};
        case ECONNRESET: return {Trouble::Kind::refused, subject + " reset by the server"};
        case ETIMEDOUT: return {Trouble::Kind::timed_out, subject + " timed out"};
        case ENETUNREACH:
        case EHOSTUNREACH:
            if (at_once) {
                return {Trouble::Kind::ours, "no route from this machine to " + where};
            }
            return {Trouble::Kind::refused, subject + " failed: the network says that there is no way to it"};
        case EMFILE:
        case ENFILE:
            return {Trouble::Kind::ours, "no connection to " + where + ": this prober has no descriptors left"};
        case EADDRNOTAVAIL:
            return {Trouble::Kind::ours, "no connection to " + where + ": this machine has no free port left"};
        case ENOBUFS:
        case ENOMEM: return {Trouble::Kind::ours, "no connection to " + where + ": this machine has no memory left"};
        default: {
            const bool ours = at_once && (error == EACCES || error == EPERM || error == EAFNOSUPPORT);
            return {ours ? Trouble::Kind::ours : Trouble::Kind::refused, subject + " failed: " + std::strerror(error)};
        }
    }
}

Task<tl::expected<Socket, Trouble>> connect_one(Loop& loop, const Address& address, const std::string& where,
                                                TimePoint deadline) {
    Socket socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.fd() < 0) {
        co_return tl::unexpected(connection_trouble(where, errno, true));
    }
    loop.opened(socket.fd());
    const int on = 1;
    ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    want_receive_stamps(socket.fd());
    if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0) {
        co_return std::move(socket);
    }
    if (errno != EINPROGRESS) {
        const bool asked_nobody = errno != ECONNREFUSED;
        co_return tl::unexpected(connection_trouble(where, errno, asked_nobody));
    }
    const Wake wake = co_await loop.writable(socket.fd(), deadline);
    if (wake == Wake::cancelled) {
        co_return tl::unexpected(Trouble::shut_down());
    }
    if (wake == Wake::timed_out) {
        co_return tl::unexpected(connection_trouble(where, ETIMEDOUT, false));
    }
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        co_return tl::unexpected(connection_trouble(where, error, false));
    }
    co_return std::move(socket);
}

}  // namespace

schemas::Duration connect_time(int fd, schemas::Duration measured) {
    tcp_info info{};
    socklen_t length = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || info.tcpi_total_retrans != 0 ||
        info.tcpi_rtt == 0) {
        return measured;
    }
    return std::min(measured, schemas::Duration(info.tcpi_rtt));
}

Socket::Socket(Socket&& other) noexcept : fd_(other.release()) {}

Socket& Socket::operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

Socket::~Socket() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

int Socket::release() {
    return std::exchange(fd_, -1);
}

Task<tl::expected<Connected, Trouble>> connect_tcp(Engine& engine, std::string host, std::uint16_t port,
                                                   TimePoint deadline) {
    const TimePoint start = Loop::now();
    const auto addresses = co_await engine.resolver().look_up(host, port, deadline);
    if (!addresses) {
        co_return tl::unexpected(addresses.error());
    }
    Connected connected;
    connected.lookup = since(start);
    Trouble trouble;
    std::size_t left = addresses->size();
    for (const Address& address : *addresses) {
        // An address that swallows everything gets its share of the time only, so that the others have theirs.
        const TimePoint began = Loop::now();
        const TimePoint share = deadline == never ? never : began + (deadline - began) / static_cast<int>(left--);
        std::string where = host_and_port(host, port);
        if (std::string its = address.host(); its != host) {
            where += " (" + its + ")";
        }
        auto socket = co_await connect_one(engine.loop(), address, where, share);
        if (socket) {
            connected.socket = std::move(*socket);
            connected.peer = address;
            connected.connect = connect_time(connected.socket.fd(), since(began));
            co_return std::move(connected);
        }
        // What a server said says more than what we could not do ourselves.
        if (trouble.reason.empty() || trouble.kind == Trouble::Kind::ours) {
            trouble = std::move(socket.error());
        }
    }
    co_return tl::unexpected(std::move(trouble));
}

// Reads without a wait in between, before others get their turn.
constexpr int most_reads_at_once = 16;

class Stream::Impl {
public:
    Impl(Engine& engine, Socket socket, std::string peer_name)
        : engine_(engine), socket_(std::move(socket)), check_(std::move(peer_name), "", true) {}
    ~Impl() {
        if (tls_) {
            SSL_shutdown(tls_.get());  // one try, without waiting: the peer learns that this is no broken connection
            ERR_clear_error();
        }
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    [[nodiscard]] const std::string& peer() const { return check_.peer_name; }

    Engine& engine_;
    Socket socket_;
    PeerCheck check_;
    SslSession tls_;
    int reads_at_once_ = 0;  ///< since the last wait
    bool asked_ = false;     ///< something was written since the last read, in the clear: its answer takes a while
    TimePoint arrived_ = Loop::now();
};

Stream::Stream(Engine& engine, Socket socket, std::string peer_name)
    : impl_(std::make_unique<Impl>(engine, std::move(socket), std::move(peer_name))) {}
Stream::~Stream() = default;
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;

int Stream::fd() const {
    return impl_->socket_.fd();
}

std::optional<schemas::Instant> Stream::certificate_until() const {
    return impl_->check_.valid_until;
}

const CertificateFacts& Stream::certificate() const {
    return impl_->check_.facts;
}

std::string Stream::tls_protocol() const {
    return impl_->tls_ ? SSL_get_version(impl_->tls_.get()) : "";
}

std::string Stream::tls_cipher() const {
    return impl_->tls_ ? SSL_get_cipher_name(impl_->tls_.get()) : "";
}

TimePoint Stream::arrived() const {
    return impl_->arrived_;
}

Task<tl::expected<schemas::Duration, Trouble>> Stream::start_tls(TlsOptions options, TimePoint deadline) {
    Impl& self = *impl_;
    const TimePoint start = Loop::now();
    self.check_.name = options.server_name;
    self.check_.verify = options.verify;
    self.check_.describe = options.describe;
    auto session = self.engine_.tls().new_session(options, self.check_);
    if (!session) {
        co_return tl::unexpected(session.error());
    }
    self.tls_ = std::move(*session);
    BIO* const wire = new_stamped_bio(fd(), self.arrived_);
    if (wire == nullptr) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, "OpenSSL has no memory"});
    }
    SSL_set_bio(self.tls_.get(), wire, wire);
    const auto done = co_await tls_handshake(self.engine_.loop(), self.tls_.get(), fd(), self.check_, deadline);
    if (!done) {
        self.tls_.reset();
        co_return tl::unexpected(done.error());
    }
    co_return since(start);
}

namespace {

/// What became of one attempt to read or write.
struct Attempt {
    enum class State { done, closed, want_read, want_write, broken };
    State state = State::done;
    std::size_t bytes = 0;
    std::string why;  ///< for `broken`
};

Attempt plain_attempt(ssize_t result) {
    if (result >= 0) {
        return {Attempt::State::done, static_cast<std::size_t>(result), {}};
    }
    return {Attempt::State::broken, 0, std::strerror(errno)};
}

Attempt tls_attempt(SSL* ssl, int result) {
    const int cause = errno;
    if (result > 0) {
        return {Attempt::State::done, static_cast<std::size_t>(result), {}};
    }
    switch (SSL_get_error(ssl, result)) {
        case SSL_ERROR_WANT_READ: return {Attempt::State::want_read, 0, {}};
        case SSL_ERROR_WANT_WRITE: return {Attempt::State::want_write, 0, {}};
        case SSL_ERROR_ZERO_RETURN: return {Attempt::State::closed, 0, {}};
        case SSL_ERROR_SYSCALL: return {Attempt::State::broken, 0, cause == 0 ? "closed" : std::strerror(cause)};
        default: return {Attempt::State::broken, 0, take_tls_error()};
    }
}

Attempt attempt_read(SSL* ssl, int fd, std::span<char> room, TimePoint& arrived) {
    ERR_clear_error();
    errno = 0;
    if (ssl != nullptr) {
        return tls_attempt(ssl,
                           SSL_read(ssl, room.data(), static_cast<int>(std::min<std::size_t>(room.size(), 1 << 30))));
    }
    const ssize_t got = receive_stamped(fd, room, 0, arrived);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return {Attempt::State::want_read, 0, {}};
    }
    return got == 0 ? Attempt{Attempt::State::closed, 0, {}} : plain_attempt(got);
}

Attempt attempt_write(SSL* ssl, int fd, std::string_view bytes) {
    ERR_clear_error();
    errno = 0;
    if (ssl != nullptr) {
        return tls_attempt(
            ssl, SSL_write(ssl, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 30))));
    }
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        return {Attempt::State::want_write, 0, {}};
    }
    return plain_attempt(sent);
}

Task<tl::expected<void, Trouble>> wait_for(Loop& loop, int fd, Attempt::State want, const std::string& peer,
                                           std::string_view late, TimePoint deadline) {
    Wake wake = Wake::ready;
    if (want == Attempt::State::want_read) {
        wake = co_await loop.readable(fd, deadline);
    } else {
        wake = co_await loop.writable(fd, deadline);
    }
    if (wake == Wake::cancelled) {
        co_return tl::unexpected(Trouble::shut_down());
    }
    if (wake == Wake::timed_out) {
        co_return tl::unexpected(Trouble{Trouble::Kind::timed_out, peer + std::string(late)});
    }
    co_return tl::expected<void, Trouble>();
}

}  // namespace

Task<tl::expected<std::size_t, Trouble>> Stream::read_some(std::span<char> room, TimePoint deadline) {
    Impl& self = *impl_;
    if (++self.reads_at_once_ > most_reads_at_once) {
        // A peer that never pauses must not keep the loop from everybody else.
        self.reads_at_once_ = 0;
        if (co_await self.engine_.loop().sleep_until(Loop::now()) == Wake::cancelled) {
            co_return tl::unexpected(Trouble::shut_down());
        }
    }
    if (std::exchange(self.asked_, false) && !self.tls_) {
        const auto waited = co_await wait_for(self.engine_.loop(), fd(), Attempt::State::want_read, self.peer(),
                                              " sent nothing in time", deadline);
        if (!waited) {
            co_return tl::unexpected(waited.error());
        }
    }
    for (;;) {
        const Attempt attempt = attempt_read(self.tls_.get(), fd(), room, self.arrived_);
        switch (attempt.state) {
            case Attempt::State::done: {
                self.engine_.loop().note_delay(Loop::now() - self.arrived_);
                co_return attempt.bytes;
            }
            case Attempt::State::closed: co_return std::size_t(0);
            case Attempt::State::broken: {
                Trouble trouble{Trouble::Kind::refused, "connection to " + self.peer() + " broken: " + attempt.why};
                co_return tl::unexpected(std::move(trouble));
            }
            default: break;
        }
        self.reads_at_once_ = 0;
        const auto waited =
            co_await wait_for(self.engine_.loop(), fd(), attempt.state, self.peer(), " sent nothing in time", deadline);
        if (!waited) {
            co_return tl::unexpected(waited.error());
        }
    }
}

Task<tl::expected<void, Trouble>> Stream::write_all(std::string_view bytes, TimePoint deadline) {
    Impl& self = *impl_;
    self.asked_ = !self.tls_;
    while (!bytes.empty()) {
        const Attempt attempt = attempt_write(self.tls_.get(), fd(), bytes);
        if (attempt.state == Attempt::State::done) {
            bytes.remove_prefix(attempt.bytes);
            continue;
        }
        if (attempt.state == Attempt::State::broken || attempt.state == Attempt::State::closed) {
            const std::string why = attempt.why.empty() ? "closed by the server" : attempt.why;
            Trouble trouble{Trouble::Kind::refused, "connection to " + self.peer() + " broken: " + why};
            co_return tl::unexpected(std::move(trouble));
        }
        const auto waited =
            co_await wait_for(self.engine_.loop(), fd(), attempt.state, self.peer(), " took no data in time", deadline);
        if (!waited) {
            co_return tl::unexpected(waited.error());
        }
    }
    co_return tl::expected<void, Trouble>();
}

}  // namespace slimtax::probes
