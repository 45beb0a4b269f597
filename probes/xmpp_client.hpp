// An XMPP client's session over one Stream (RFC 6120, RFC 6121): log in, fetch the roster, log out. Stanzas are
// ours; XML is expat's (xmpp_xml.hpp), TLS and waiting the Stream's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "probes/io/stream.hpp"
#include "probes/patience.hpp"
#include "probes/xmpp_sasl.hpp"
#include "probes/xmpp_xml.hpp"

namespace slimtax::probes::xmpp {

/// "user@domain/resource"; the resource may be empty.
struct Jid {
    std::string user;
    std::string domain;
    std::string resource;

    /// "user@domain".
    [[nodiscard]] std::string bare() const { return user + "@" + domain; }
};

/// Nothing when the text has no user or no domain.
[[nodiscard]] std::optional<Jid> parse_jid(std::string_view text);

/// An error's condition in words, the server's own text after it: "not authorized (Try again)". `space` is the
/// namespace of the conditions.
[[nodiscard]] std::string condition_of(const Element& error, std::string_view space);

enum class TlsMode {
    required,
    optional,  ///< where it is offered; no PLAIN without it
    none,      ///< even PLAIN goes in the clear
};

struct Account {
    Jid jid;
    std::string password;
    TlsMode tls = TlsMode::required;
    TlsOptions trust;
};

/// One stream, from its first byte to its last. After trouble in `log_in` it is of no more use; after a request that
/// timed out it still is, also for `log_out`.
class Client {
public:
    template <class T>
    using Result = tl::expected<T, Trouble>;

    /// `address` is "im1:5222", for sentences.
    Client(Engine& engine, Stream stream, std::string address);

    /// Stream, TLS, SASL, bind. Leaves the timings "open", "tls", "authenticate" and "bind" in `report`. The
    /// password stands in no reason and no note, not even where the server sends it back.
    Task<Result<void>> log_in(const Account& account, StepReport& report, const Patience& patience);

    /// How many entries the buddy list has.
    Task<Result<std::size_t>> roster(const Patience& patience);

    /// Says that this session takes messages.
    Task<Result<void>> become_available(const Patience& patience);

    /// Sends a chat message; nobody acknowledges it. `id` must be new.
    Task<Result<void>> send_message(const std::string& to, const std::string& id, const std::string& body,
                                    const Patience& patience);

    /// Waits for the message of that id, whatever else comes in between. A server's error about it is a refusal.
    Task<Result<void>> await_message(const std::string& id, std::string_view action, const Patience& patience);

    /// Unavailable presence, end of stream, and the server's own end of stream. Works on a broken stream too,
    /// where there is nothing left to say.
    Task<Result<void>> log_out(const Patience& patience);

    /// The full JID that the server bound.
    [[nodiscard]] const std::string& jid() const { return jid_; }
    /// "XMPP server im1:5222".
    [[nodiscard]] const std::string& server() const { return server_; }
    /// When the last of what was read had arrived.
    [[nodiscard]] TimePoint arrived() const { return stream_.arrived(); }
    /// True when nothing more can be said on this stream.
    [[nodiscard]] bool broken() const { return broken_; }

private:
    Task<Result<void>> send(std::string bytes, std::string_view action, const Patience& patience);
    Task<Result<Element>> next(std::string_view action, const Patience& patience);
    Task<Result<void>> open(const Patience& patience);
    Task<Result<void>> secure(const Account& account, const Patience& patience);
    Task<Result<void>> authenticate(const Account& account, const Patience& patience);
    Task<Result<void>> plain(const Account& account, const Patience& patience);
    Task<Result<void>> scram(ScramHash hash, const Account& account, const Patience& patience);
    Task<Result<std::string>> salted(const std::string& password, const ScramSalt& salt, const Patience& patience);
    Task<Result<void>> bind(const Account& account, const Patience& patience);
    Task<Result<Element>> ask(std::string id, std::string request, std::string_view action, const Patience& patience);

    Task<Result<void>> answer_ping(const Element& request, std::string_view action, const Patience& patience);
    [[nodiscard]] Trouble trouble(Trouble cause, std::string_view action, const Patience& patience);
    [[nodiscard]] Trouble broken_by(std::string reason);
    [[nodiscard]] Trouble unexpected(const Element& element, std::string_view action);
    [[nodiscard]] Trouble sasl_refusal(const Element& failure, const Account& account);
    [[nodiscard]] std::string quoted(std::string_view text) const { return quotable(text, secret_); }

    Engine* engine_;
    Stream stream_;
    std::string address_;
    std::string server_;
    std::string domain_;
    std::string secret_;  ///< never to be quoted
    std::string jid_;
    StreamParser parser_;
    Element features_;
    std::string first_bytes_;  ///< of a stream that has not opened yet
    bool encrypted_ = false;
    bool broken_ = false;
    int requests_ = 0;
};

}  // namespace slimtax::probes::xmpp
