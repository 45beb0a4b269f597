// Whom to trust, loaded once, and what is wrong with a peer's certificate, as a sentence. Serves our own streams and
// the libraries that let us into their OpenSSL (curl).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "probes/io/resolver.hpp"
#include "schemas/time.hpp"

struct ssl_st;
struct ssl_ctx_st;
struct x509_store_st;

namespace slimtax::probes {

/// How a TLS peer is judged.
struct TlsOptions {
    std::string server_name;  ///< for SNI and the name check; a numeric address is checked as such
    bool verify = true;
    std::string ca_file;    ///< PEM with the roots to trust here, instead of the system's; empty: the engine's
    bool describe = false;  ///< whether CertificateFacts are wanted
    /// Who we are, for a server that asks: our certificate, with those of its issuers after it, and its key, as PEM
    /// texts. Both or none.
    std::string own_certificate{};
    std::string own_key{};
};

/// What a peer's certificate says; texts as the peer wrote them, bounded.
struct CertificateFacts {
    std::vector<std::string> names;  ///< subject alternative names: host names and addresses; the first hundred
    std::string subject;             ///< "CN=mail1.campus.example,O=Campus"
    std::string issuer;
    std::string key;       ///< "EC 256", "RSA 2048": kind and bits
    std::size_t sent = 0;  ///< certificates that the peer sent, its own included
};

/// One peer's certificate under judgement: filled during the handshake. Must outlive it.
struct PeerCheck {
    PeerCheck(std::string peer, std::string server_name, bool must_verify)
        : peer_name(std::move(peer)), name(std::move(server_name)), verify(must_verify) {}

    std::string peer_name;  ///< "im1:443", for reasons
    std::string name;       ///< that the certificate must be for
    bool verify;
    std::string reason;                           ///< why it is not trusted; empty: it is, or was not asked
    std::optional<schemas::Instant> valid_until;  ///< of the peer's own certificate, verified or not
    bool describe = false;
    CertificateFacts facts;  ///< verified or not; only with `describe`
};

struct SslDeleter {
    void operator()(ssl_st* ssl) const;
};
using SslSession = std::unique_ptr<ssl_st, SslDeleter>;

/// One per engine: loading the system's roots takes some 30 ms.
class TlsContexts {
public:
    /// `ca_file`: PEM with roots to trust beside the system's; may be empty.
    explicit TlsContexts(std::string ca_file);
    ~TlsContexts();
    TlsContexts(const TlsContexts&) = delete;
    TlsContexts& operator=(const TlsContexts&) = delete;

    /// Loads the engine's roots now rather than in the first handshake, whose time that would be counted as. Roots that
    /// cannot be read are told by that handshake.
    void prepare();

    /// A client's session: SNI and judgement set up, no socket yet. The failure is ours: roots cannot be read.
    [[nodiscard]] tl::expected<SslSession, Trouble> new_session(const TlsOptions& options, PeerCheck& check);

    /// Makes a library's context judge its peer by `check`, with the roots of `ca_file` (empty: the engine's).
    [[nodiscard]] tl::expected<void, Trouble> judge(ssl_ctx_st* context, const std::string& ca_file, PeerCheck& check);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

/// The handshake of a session whose socket is set; on failure the reason says what is wrong, by `check` where it is
/// the certificate.
Task<tl::expected<void, Trouble>> tls_handshake(Loop& loop, ssl_st* ssl, int fd, const PeerCheck& check,
                                                TimePoint deadline);

/// The oldest error that OpenSSL has noted in this thread, in its own words; forgets them all.
[[nodiscard]] std::string take_tls_error();

}  // namespace slimtax::probes
