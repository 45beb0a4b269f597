// Logging in: stream, TLS, SASL, session (RFC 6120 §5 to §7).
#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include "probes/xmpp_client.hpp"

namespace slimtax::probes::xmpp {

namespace {

constexpr std::string_view ns_client = "jabber:client";
constexpr std::string_view ns_stream = "http://etherx.jabber.org/streams";
constexpr std::string_view ns_tls = "urn:ietf:params:xml:ns:xmpp-tls";
constexpr std::string_view ns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
constexpr std::string_view ns_bind = "urn:ietf:params:xml:ns:xmpp-bind";
constexpr std::string_view ns_session = "urn:ietf:params:xml:ns:xmpp-session";

template <class T>
using Result = Client::Result<T>;

// Salted passwords that were computed before. A probe logs in with the same account again and again; the RFC
// (5802 §5.1) foresees keeping them. Keyed by a digest of all that goes in; forgotten together when there are many.
class SaltedPasswords {
public:
    static std::string key_of(const std::string& password, const ScramSalt& salt) {
        const std::string whole = fmt::format("{} {} {} {}{}", salt.hash == ScramHash::sha1 ? 1 : 256, salt.iterations,
                                              salt.salt.size(), salt.salt, password);
        std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
        unsigned int length = 0;
        EVP_Digest(whole.data(), whole.size(), out.data(), &length, EVP_sha256(), nullptr);
        return {reinterpret_cast<const char*>(out.data()), length};
    }
    const std::string* find(const std::string& key) const {
        const auto it = known_.find(key);
        return it == known_.end() ? nullptr : &it->second;
    }
    void keep(const std::string& key, std::string salted) {
        if (known_.size() >= 4096) {
            known_.clear();
        }
        known_[key] = std::move(salted);
    }

private:
    std::unordered_map<std::string, std::string> known_;
};

SaltedPasswords& salted_passwords() {
    static thread_local SaltedPasswords known;
    return known;
}

}  // namespace

Task<Result<void>> Client::log_in(const Account& account, StepReport& report, const Patience& patience) {
    domain_ = account.jid.domain;
    secret_ = account.password;
    Patience stage = patience;
    // Every stage may use all that is left; `began` moves on so that each gets its own figure.
    const auto done = [this, &stage, &report](std::string name) {
        report.timing(std::move(name), stage.spent_until(arrived()));
        stage.began = Loop::now();
    };
    Result<void> result = co_await open(patience);
    if (!result) {
        co_return result;
    }
    done("open");
    const bool offered = features_.child(ns_tls, "starttls") != nullptr;
    if (account.tls == TlsMode::required && !offered) {
        co_return tl::unexpected(broken_by(server_ + " offers no TLS, which this step requires"));
    }
    if (account.tls != TlsMode::none && offered) {
        result = co_await secure(account, patience);
        if (result) {
            result = co_await open(patience);
        }
        if (!result) {
            co_return result;
        }
        done("tls");
        report.note("TLS established");
    }
    result = co_await authenticate(account, patience);
    if (result) {
        result = co_await open(patience);
    }
    if (!result) {
        co_return result;
    }
    done("authenticate");
    report.note("authenticated as " + account.jid.bare());
    result = co_await bind(account, patience);
    if (!result) {
        co_return result;
    }
    done("bind");
    report.note("bound " + jid_);
    co_return result;
}

// Opens the stream, at first or again after TLS and SASL, and waits for its features.
Task<Result<void>> Client::open(const Patience& patience) {
    static constexpr std::string_view action = "open its XMPP stream";
    parser_ = StreamParser();
    first_bytes_.clear();
    std::string header =
        fmt::format("<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='{}' xmlns:stream='{}'>",
                    escape(domain_), ns_client, ns_stream);
    const Result<void> sent = co_await send(std::move(header), action, patience);
    if (!sent) {
        co_return tl::unexpected(sent.error());
    }
    Result<Element> features = co_await next(action, patience);
    if (!features) {
        co_return tl::unexpected(features.error());
    }
    if (!features->is(ns_stream, "features")) {
        co_return tl::unexpected(unexpected(*features, action));
    }
    features_ = std::move(*features);
    co_return Result<void>{};
}

Task<Result<void>> Client::secure(const Account& account, const Patience& patience) {
    static constexpr std::string_view action = "agree to start TLS";
    std::string request = fmt::format("<starttls xmlns='{}'/>", ns_tls);
    const Result<void> sent = co_await send(std::move(request), action, patience);
    if (!sent) {
        co_return tl::unexpected(sent.error());
    }
    const Result<Element> answer = co_await next(action, patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    if (answer->is(ns_tls, "failure")) {
        co_return tl::unexpected(broken_by(server_ + " offers TLS, but refused to start it"));
    }
    if (!answer->is(ns_tls, "proceed")) {
        co_return tl::unexpected(unexpected(*answer, action));
    }
    const auto handshake = co_await stream_.start_tls(account.trust, patience.deadline);
    if (!handshake) {
        co_return tl::unexpected(trouble(handshake.error(), "finish the TLS handshake", patience));
    }
    encrypted_ = true;
    co_return Result<void>{};
}

Task<Result<void>> Client::authenticate(const Account& account, const Patience& patience) {
    std::vector<std::string_view> offered;
    if (const Element* mechanisms = features_.child(ns_sasl, "mechanisms")) {
        for (const Element& mechanism : mechanisms->children) {
            offered.push_back(mechanism.text);
        }
    }
    const auto has = [&offered](std::string_view name) { return std::ranges::find(offered, name) != offered.end(); };
    if (has("SCRAM-SHA-256")) {
        co_return co_await scram(ScramHash::sha256, account, patience);
    }
    if (has("SCRAM-SHA-1")) {
        co_return co_await scram(ScramHash::sha1, account, patience);
    }
    if (has("PLAIN")) {
        if (!encrypted_ && account.tls != TlsMode::none) {
            co_return tl::unexpected(
                broken_by(server_ + " wants the password in the clear without TLS, which only tls = \"none\" allows"));
        }
        co_return co_await plain(account, patience);
    }
    std::string list = fmt::format("{}", fmt::join(offered, ", "));
    co_return tl::unexpected(broken_by(offered.empty() ? server_ + " offers no way to log in"
                                                       : fmt::format("{} offers no way to log in that is known here "
                                                                     "(SCRAM-SHA-256, SCRAM-SHA-1, PLAIN) but {}",
                                                                     server_, quoted(list))));
}

Task<Result<void>> Client::plain(const Account& account, const Patience& patience) {
    static constexpr std::string_view action = "answer the login";
    std::string request = fmt::format("<auth xmlns='{}' mechanism='PLAIN'>{}</auth>", ns_sasl,
                                      base64(plain_message(account.jid.user, account.password)));
    const Result<void> sent = co_await send(std::move(request), action, patience);
    if (!sent) {
        co_return tl::unexpected(sent.error());
    }
    const Result<Element> answer = co_await next(action, patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    if (answer->is(ns_sasl, "failure")) {
        co_return tl::unexpected(sasl_refusal(*answer, account));
    }
    if (!answer->is(ns_sasl, "success")) {
        co_return tl::unexpected(unexpected(*answer, action));
    }
    co_return Result<void>{};
}

Task<Result<void>> Client::scram(ScramHash hash, const Account& account, const Patience& patience) {
    static constexpr std::string_view action = "answer the login";
    Scram exchange(hash, account.jid.user, make_nonce());
    std::string message =
        fmt::format("<auth xmlns='{}' mechanism='{}'>{}</auth>", ns_sasl,
                    hash == ScramHash::sha1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256", base64(exchange.first_message()));
    bool proven = false;  // the server has shown its signature
    for (int turn = 0;; ++turn) {
        const Result<void> sent = co_await send(std::move(message), action, patience);
        if (!sent) {
            co_return tl::unexpected(sent.error());
        }
        const Result<Element> answer = co_await next(action, patience);
        if (!answer) {
            co_return tl::unexpected(answer.error());
        }
        if (answer->is(ns_sasl, "failure")) {
            co_return tl::unexpected(sasl_refusal(*answer, account));
        }
        const bool success = answer->is(ns_sasl, "success");
        if (!success && (!answer->is(ns_sasl, "challenge") || proven)) {
            co_return tl::unexpected(unexpected(*answer, action));
        }
        const auto data = from_base64(answer->text);
        if (!data) {
            co_return tl::unexpected(broken_by(server_ + " sent a SASL message that is not base64"));
        }
        if (turn == 0 && !success) {
            const auto salt = exchange.read_challenge(*data);
            if (!salt) {
                co_return tl::unexpected(broken_by(server_ + " " + salt.error()));
            }
            const Result<std::string> key = co_await salted(account.password, *salt, patience);
            if (!key) {
                co_return tl::unexpected(key.error());
            }
            message = fmt::format("<response xmlns='{}'>{}</response>", ns_sasl, base64(exchange.final_message(*key)));
            continue;
        }
        // The signature comes with the success, or in a challenge of its own before it.
        if (!proven) {
            const auto signature = exchange.check_signature(*data);
            if (!signature) {
                co_return tl::unexpected(broken_by(server_ + " " + signature.error()));
            }
            proven = true;
        }
        if (success) {
            co_return Result<void>{};
        }
        message = fmt::format("<response xmlns='{}'/>", ns_sasl);
    }
}

// Computes in a worker what takes milliseconds, so that the other runs of this loop do not wait for it.
Task<Result<std::string>> Client::salted(const std::string& password, const ScramSalt& salt, const Patience& patience) {
    const std::string key = SaltedPasswords::key_of(password, salt);
    if (const std::string* known = salted_passwords().find(key)) {
        co_return *known;
    }
    const auto result = std::make_shared<std::string>();
    std::function<void()> work = [result, password, salt] { *result = salted_password(password, salt); };
    const Wake wake = co_await engine_->loop().in_worker(std::move(work), patience.deadline);
    if (wake != Wake::ready) {
        broken_ = true;
        Trouble late{Trouble::Kind::timed_out,
                     fmt::format("{} asked for {} SCRAM iterations, which could not be computed {}", server_,
                                 salt.iterations, patience.in_words())};
        if (wake == Wake::cancelled) {
            late.kind = Trouble::Kind::ours;
        }
        co_return tl::unexpected(std::move(late));
    }
    salted_passwords().keep(key, *result);
    co_return *result;
}

Task<Result<void>> Client::bind(const Account& account, const Patience& patience) {
    if (features_.child(ns_bind, "bind") == nullptr) {
        co_return tl::unexpected(
            broken_by(server_ + " accepted the login, but offers no session (no resource binding)"));
    }
    std::string wish = account.jid.resource.empty()
                           ? std::string()
                           : fmt::format("<resource>{}</resource>", escape(account.jid.resource));
    std::string request = fmt::format("<iq type='set' id='bind'><bind xmlns='{}'>{}</bind></iq>", ns_bind, wish);
    const Result<Element> answer = co_await ask("bind", std::move(request), "open the session", patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    const Element* bound = answer->child(ns_bind, "bind");
    const Element* jid = bound == nullptr ? nullptr : bound->child(ns_bind, "jid");
    if (jid == nullptr || jid->text.empty()) {
        co_return tl::unexpected(broken_by(server_ + " opened a session without a name (no JID)"));
    }
    jid_ = quoted(jid->text);
    // Servers of RFC 3921 want one request more; those of RFC 6121 say that it is optional, or nothing.
    const Element* session = features_.child(ns_session, "session");
    if (session != nullptr && session->child(ns_session, "optional") == nullptr) {
        std::string start = fmt::format("<iq type='set' id='session'><session xmlns='{}'/></iq>", ns_session);
        const Result<Element> started = co_await ask("session", std::move(start), "start the session", patience);
        if (!started) {
            co_return tl::unexpected(started.error());
        }
    }
    co_return Result<void>{};
}

Trouble Client::sasl_refusal(const Element& failure, const Account& account) {
    return broken_by(fmt::format("XMPP login of {} at {} refused: {}", account.jid.bare(), address_,
                                 quoted(condition_of(failure, ns_sasl))));
}

}  // namespace slimtax::probes::xmpp
