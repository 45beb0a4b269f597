// A TCP connection with optional TLS on the loop: what text protocols (XMPP, SMTP, IMAP …) and the libraries
// that take a connected descriptor stand on.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "probes/io/engine.hpp"
#include "probes/io/resolver.hpp"
#include "probes/io/tls.hpp"
#include "schemas/time.hpp"

namespace slimtax::probes {

/// A non-blocking connected socket, TCP_NODELAY set; closed by its destructor.
class Socket {
public:
    Socket() = default;
    explicit Socket(int fd) : fd_(fd) {}
    Socket(Socket&& other) noexcept;
    Socket& operator=(Socket&& other) noexcept;
    ~Socket();
    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] int release();  ///< gives the descriptor away

private:
    int fd_ = -1;
};

/// A connected socket and what it took.
struct Connected {
    Socket socket;
    Address peer;
    schemas::Duration lookup{};
    schemas::Duration connect{};  ///< of the address that answered
};

/// Looks `host` up and connects to the first address that accepts, in order. The reason names host, port and
/// cause: "connection to ldap1:389 (127.0.0.1) refused".
Task<tl::expected<Connected, Trouble>> connect_tcp(Engine& engine, std::string host, std::uint16_t port,
                                                   TimePoint deadline);

/// How long the handshake of a connection took: by the kernel's own measure where nothing had to be sent twice, since
/// `measured` holds the time until our loop came to see it as well.
[[nodiscard]] schemas::Duration connect_time(int fd, schemas::Duration measured);

/// Bytes over a socket, in the clear or, after `start_tls`, encrypted.
class Stream {
public:
    Stream(Engine& engine, Socket socket, std::string peer_name);
    ~Stream();
    Stream(Stream&&) noexcept;
    Stream& operator=(Stream&&) noexcept;

    /// The TLS handshake; returns how long it took. The reason says what is wrong with the certificate.
    Task<tl::expected<schemas::Duration, Trouble>> start_tls(TlsOptions options, TimePoint deadline);

    /// At least one byte, at most `room`; 0: the peer closed in good order.
    Task<tl::expected<std::size_t, Trouble>> read_some(std::span<char> room, TimePoint deadline);

    /// All of it.
    Task<tl::expected<void, Trouble>> write_all(std::string_view bytes, TimePoint deadline);

    [[nodiscard]] int fd() const;
    /// When the kernel had the last of the bytes that were read: what a response time ends with, however late our loop
    /// came to read them. Before the first read: when the stream was made.
    [[nodiscard]] TimePoint arrived() const;
    /// After start_tls: until when the peer's certificate is valid.
    [[nodiscard]] std::optional<schemas::Instant> certificate_until() const;
    /// After start_tls with `describe`, also one that failed.
    [[nodiscard]] const CertificateFacts& certificate() const;
    /// After start_tls: "TLSv1.3" and "TLS_AES_256_GCM_SHA384"; empty in the clear.
    [[nodiscard]] std::string tls_protocol() const;
    [[nodiscard]] std::string tls_cipher() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::probes
