#include "probes/io/tls.hpp"

#include "probes/io/tls_peer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <unordered_map>
#include <utility>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace slimtax::probes {
namespace {

bool is_address(const std::string& name) {
    in6_addr room;
    return ::inet_pton(AF_INET, name.c_str(), &room) == 1 || ::inet_pton(AF_INET6, name.c_str(), &room) == 1;
}

std::optional<schemas::Instant> instant_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
        return std::nullopt;
    }
    return schemas::Instant(std::chrono::seconds(::timegm(&parts)));
}

std::string day_of(const ASN1_TIME* time) {
    const auto instant = instant_of(time);
    return instant ? schemas::to_rfc3339(*instant).substr(0, 10) : "an unreadable date";
}

/// The first `most` subject alternative names, and whether there are more.
std::pair<std::vector<std::string>, bool> alternative_names(X509* certificate, int most) {
    std::vector<std::string> names;
    auto* alternatives =
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    const int count = alternatives == nullptr ? 0 : sk_GENERAL_NAME_num(alternatives);
    for (int i = 0; i < count && i < most; ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives, i);
        if (name->type == GEN_DNS) {
            names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                               static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
        } else if (name->type == GEN_IPADD) {
            const int length = ASN1_STRING_length(name->d.iPAddress);
            char room[INET6_ADDRSTRLEN] = "";
            if (length == 4 || length == 16) {
                ::inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), room,
                            sizeof room);
                names.emplace_back(room);
            }
        }
    }
    GENERAL_NAMES_free(alternatives);
    return {std::move(names), count > most};
}

/// The names that a certificate is for, in a sentence: "a.test, b.test"; the first few.
std::string names_of(X509* certificate) {
    const auto [alternatives, more] = alternative_names(certificate, 4);
    std::string names;
    for (const std::string& name : alternatives) {
        names += (names.empty() ? "" : ", ") + name;
    }
    if (more) {
        names += " …";
    }
    if (names.empty()) {
        char room[256] = "";
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, room, sizeof room);
        names = room[0] == '\0' ? "nobody" : room;
    }
    return names;
}

/// "CN=mail1.campus.example,O=Campus".
std::string text_of(const X509_NAME* name) {
    constexpr long most = 1024;
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    char* bytes = nullptr;
    const long length = BIO_get_mem_data(out.get(), &bytes);
    return {bytes, static_cast<std::size_t>(std::clamp(length, 0L, most))};
}

CertificateFacts facts_of(X509_STORE_CTX* judgement) {
    X509* const certificate = X509_STORE_CTX_get0_cert(judgement);
    CertificateFacts facts;
    facts.names = alternative_names(certificate, 100).first;
    facts.subject = text_of(X509_get_subject_name(certificate));
    facts.issuer = text_of(X509_get_issuer_name(certificate));
    if (const EVP_PKEY* const key = X509_get0_pubkey(certificate)) {
        const char* const kind = EVP_PKEY_get0_type_name(key);
        facts.key = (kind == nullptr ? "unknown" : kind) + (" " + std::to_string(EVP_PKEY_get_bits(key)));
    }
    const auto* const sent = X509_STORE_CTX_get0_untrusted(judgement);
    facts.sent = sent == nullptr ? 1 : static_cast<std::size_t>(sk_X509_num(sent));
    return facts;
}

std::string reason_of(X509_STORE_CTX* judgement, const PeerCheck& check) {
    const int error = X509_STORE_CTX_get_error(judgement);
    X509* const culprit = X509_STORE_CTX_get_current_cert(judgement);
    X509* const leaf = X509_STORE_CTX_get0_cert(judgement);
    const bool own = culprit == nullptr || culprit == leaf;
    const std::string subject =
        own ? "the certificate of " + check.peer_name : "an authority's certificate in the chain of " + check.peer_name;
    X509* const named = culprit == nullptr ? leaf : culprit;
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED: return subject + " expired on " + day_of(X509_get0_notAfter(named));
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return subject + " is not valid before " + day_of(X509_get0_notBefore(named));
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH: return subject + " is for " + names_of(leaf) + ", not for " + check.name;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return subject + " is self-signed, not signed by a trusted authority";
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return "the certificate of " + check.peer_name + " is not signed by a trusted authority";
        case X509_V_ERR_CERT_REVOKED: return subject + " is revoked";
        default: return subject + " is not acceptable: " + X509_verify_cert_error_string(error);
    }
}

/// Stands in for X509_verify_cert: one judgement, and one set of reasons, for our streams and for libraries.
int judge_peer(X509_STORE_CTX* judgement, void* argument) {
    auto& check = *static_cast<PeerCheck*>(argument);
    check.valid_until = instant_of(X509_get0_notAfter(X509_STORE_CTX_get0_cert(judgement)));
    if (check.describe) {
        check.facts = facts_of(judgement);
    }
    if (!check.verify) {
        X509_STORE_CTX_set_error(judgement, X509_V_OK);
        return 1;
    }
    X509_VERIFY_PARAM* const wanted = X509_STORE_CTX_get0_param(judgement);
    if (is_address(check.name)) {
        X509_VERIFY_PARAM_set1_ip_asc(wanted, check.name.c_str());
    } else {
        X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        X509_VERIFY_PARAM_set1_host(wanted, check.name.data(), check.name.size());
    }
    if (X509_verify_cert(judgement) == 1) {
        return 1;
    }
    check.reason = reason_of(judgement, check);
    return 0;
}

int check_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

/// For a context that many sessions share: the check hangs on the session.
int judge_session_peer(X509_STORE_CTX* judgement, void*) {
    const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(judgement, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return judge_peer(judgement, SSL_get_ex_data(ssl, check_index()));
}

struct ContextDeleter {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, ContextDeleter>;

using Text = std::unique_ptr<BIO, decltype(&BIO_free)>;

Text text_to_read(const std::string& text) {
    return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

/// An encrypted key has no passphrase here; without this OpenSSL asks for one at the terminal.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

/// Sets the certificate and the key that the server will be shown; or a sentence, which quotes neither.
const char* show_certificate(SSL* session, const TlsOptions& options) {
    const Text certificates = text_to_read(options.own_certificate);
    const std::unique_ptr<X509, decltype(&X509_free)> own(
        PEM_read_bio_X509(certificates.get(), nullptr, no_passphrase, nullptr), X509_free);
    if (!own || SSL_use_certificate(session, own.get()) != 1) {
        return "our own certificate for TLS cannot be read: it must be a text of PEM that begins with it";
    }
    while (X509* const issuer = PEM_read_bio_X509(certificates.get(), nullptr, no_passphrase, nullptr)) {
        SSL_add0_chain_cert(session, issuer);
    }
    const Text key_text = text_to_read(options.own_key);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
    if (!key) {
        return "the key of our own certificate for TLS cannot be read: it must be a text of PEM, not encrypted";
    }
    if (SSL_use_PrivateKey(session, key.get()) != 1 || SSL_check_private_key(session) != 1) {
        return "the key of our own certificate for TLS belongs to another certificate";
    }
    ERR_clear_error();  // the end of the certificates counts as one
    return nullptr;
}

Trouble ours(std::string reason) {
    return {Trouble::Kind::ours, std::move(reason)};
}

}  // namespace

void SslDeleter::operator()(ssl_st* ssl) const {
    SSL_free(ssl);
}

class TlsContexts::Impl {
public:
    explicit Impl(std::string more_roots) : more_roots_(std::move(more_roots)) {}

    /// The context with the roots of that file, or with the engine's.
    tl::expected<SSL_CTX*, Trouble> context(const std::string& ca_file) {
        if (const auto it = contexts_.find(ca_file); it != contexts_.end()) {
            return it->second.get();
        }
        Context fresh(SSL_CTX_new(TLS_client_method()));
        if (!fresh) {
            return tl::unexpected(ours("OpenSSL has no context for TLS: " + take_tls_error()));
        }
        const std::string& extra = ca_file.empty() ? more_roots_ : ca_file;
        if (ca_file.empty()) {
            SSL_CTX_set_default_verify_paths(fresh.get());
        }
        if (!extra.empty() && SSL_CTX_load_verify_file(fresh.get(), extra.c_str()) != 1) {
            return tl::unexpected(ours("no trusted roots can be read from " + extra + ": " + take_tls_error()));
        }
        ERR_clear_error();
        SSL_CTX_set_verify(fresh.get(), SSL_VERIFY_PEER, nullptr);
        SSL_CTX_set_cert_verify_callback(fresh.get(), judge_session_peer, nullptr);
        SSL_CTX_set_session_cache_mode(fresh.get(), SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(fresh.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                          SSL_MODE_RELEASE_BUFFERS);
        return contexts_.emplace(ca_file, std::move(fresh)).first->second.get();
    }

private:
    std::string more_roots_;
    std::unordered_map<std::string, Context> contexts_;  // by ca_file; "" is the engine's
};

TlsContexts::TlsContexts(std::string ca_file) : impl_(std::make_unique<Impl>(std::move(ca_file))) {}
TlsContexts::~TlsContexts() = default;

void TlsContexts::prepare() {
    (void)impl_->context("");
}

tl::expected<SslSession, Trouble> TlsContexts::new_session(const TlsOptions& options, PeerCheck& check) {
    const auto context = impl_->context(options.ca_file);
    if (!context) {
        return tl::unexpected(context.error());
    }
    SslSession session(SSL_new(*context));
    if (!session) {
        return tl::unexpected(ours("OpenSSL has no session for TLS: " + take_tls_error()));
    }
    SSL_set_ex_data(session.get(), check_index(), &check);
    if (!options.server_name.empty() && !is_address(options.server_name)) {
        SSL_set_tlsext_host_name(session.get(), options.server_name.c_str());
    }
    if (!options.own_certificate.empty()) {
        if (const char* const wrong = show_certificate(session.get(), options)) {
            ERR_clear_error();
            return tl::unexpected(ours(wrong));
        }
    }
    SSL_set_connect_state(session.get());
    return session;
}

tl::expected<void, Trouble> TlsContexts::judge(ssl_ctx_st* context, const std::string& ca_file, PeerCheck& check) {
    const auto own = impl_->context(ca_file);
    if (!own) {
        return tl::unexpected(own.error());
    }
    SSL_CTX_set1_cert_store(context, SSL_CTX_get_cert_store(*own));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, judge_peer, &check);
    return {};
}

bool judge_finished(ssl_st* ssl, x509_store_st* roots, PeerCheck& check) {
    X509* const certificate = SSL_get0_peer_certificate(ssl);
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> judgement(X509_STORE_CTX_new(),
                                                                                    X509_STORE_CTX_free);
    if (certificate == nullptr || !judgement ||
        X509_STORE_CTX_init(judgement.get(), roots, certificate, SSL_get_peer_cert_chain(ssl)) != 1) {
        check.reason = "the certificate of " + check.peer_name + " could not be judged";
        return false;
    }
    X509_STORE_CTX_set_default(judgement.get(), "ssl_server");
    return judge_peer(judgement.get(), &check) == 1;
}

std::string take_tls_error() {
    const unsigned long code = ERR_get_error();
    const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    return text == nullptr ? "no reason given" : text;
}

namespace {

/// Why a handshake ended without success: `error` of SSL_get_error, `cause` the errno.
std::string handshake_reason(int error, int cause, const PeerCheck& check) {
    const unsigned long code = ERR_peek_error();
    const bool closed = error == SSL_ERROR_SYSCALL ? cause == 0
                        : error == SSL_ERROR_SSL   ? ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING
                                                   : error == SSL_ERROR_ZERO_RETURN;
    const std::string why = take_tls_error();
    if (!check.reason.empty()) {
        return check.reason;
    }
    if (closed) {
        return check.peer_name + " closed the connection during the TLS handshake";
    }
    if (error == SSL_ERROR_SYSCALL) {
        return "TLS handshake with " + check.peer_name + " broken off: " + std::strerror(cause);
    }
    return "TLS handshake with " + check.peer_name + " failed: " + why;
}

}  // namespace

Task<tl::expected<void, Trouble>> tls_handshake(Loop& loop, ssl_st* ssl, int fd, const PeerCheck& check,
                                                TimePoint deadline) {
    for (;;) {
        ERR_clear_error();
        errno = 0;
        const int done = SSL_do_handshake(ssl);
        if (done == 1) {
            co_return tl::expected<void, Trouble>();
        }
        const int error = SSL_get_error(ssl, done);
        const int cause = errno;
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            Trouble trouble{Trouble::Kind::refused, handshake_reason(error, cause, check)};
            co_return tl::unexpected(std::move(trouble));
        }
        Wake wake = Wake::ready;
        if (error == SSL_ERROR_WANT_READ) {
            wake = co_await loop.readable(fd, deadline);
        } else {
            wake = co_await loop.writable(fd, deadline);
        }
        if (wake != Wake::ready) {
            Trouble trouble;
            trouble.kind = wake == Wake::cancelled ? Trouble::Kind::ours : Trouble::Kind::timed_out;
            trouble.reason = wake == Wake::cancelled ? "the prober is being shut down"
                                                     : "TLS handshake with " + check.peer_name + " timed out";
            co_return tl::unexpected(std::move(trouble));
        }
    }
}

}  // namespace slimtax::probes
