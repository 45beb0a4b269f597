// An IMAP client's session over one Conversation (RFC 3501, RFC 9051): greeting, TLS, log-in, commands, log-out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/conversation.hpp"

namespace slimtax::probes {

/// What a command was answered with, its final line being OK.
struct ImapReply {
    std::vector<std::string> lines;  ///< untagged ones without their "* ", literals in them as they came
    std::string text;                ///< of the final line, after OK
};

class ImapClient {
public:
    template <class T>
    using Result = Conversation::Result<T>;

    /// Connects, waits for the greeting, encrypts; `tls` as `tls_choices`. Leaves the timing "greeting" beside those
    /// of `open_stream` and `secure`.
    static Task<Result<ImapClient>> open(StepContext& context, const Endpoint& endpoint, std::string_view tls,
                                         const Patience& patience);

    /// By SASL PLAIN where that is offered, else by LOGIN. The password stands in no reason and no note.
    Task<Result<void>> log_in(const std::string& user, const std::string& password, const Patience& patience);

    /// Sends a command, which stands in reasons by `name` alone. NO and BAD are trouble: "SERVER refused NAME: …".
    Task<Result<ImapReply>> command(std::string_view text, std::string_view name, const Patience& patience);

    /// LOGOUT, and the server's goodbye.
    Task<Result<void>> log_out(const Patience& patience);

    /// Whether the server has told of that capability; upper case.
    [[nodiscard]] bool can(std::string_view capability) const;

    /// Waits by IDLE (RFC 2177), which the server must offer, until it tells of a message or until then.
    Task<Result<void>> idle(TimePoint until, const Patience& patience);

    [[nodiscard]] Conversation& conversation() { return conversation_; }

private:
    explicit ImapClient(Conversation conversation) : conversation_(std::move(conversation)) {}

    Task<Result<void>> greet(const Patience& patience);
    Task<Result<void>> learn_capabilities(const Patience& patience);
    Task<Result<void>> encrypt(StepContext& context, const Endpoint& endpoint, const Patience& patience);
    Task<Result<void>> authenticate_plain(const std::string& user, const std::string& message,
                                          const Patience& patience);
    Task<Result<std::string>> response(std::string_view action, const Patience& patience);
    Task<Result<ImapReply>> reply(const std::string& tag, std::string_view name, std::string_view refusal,
                                  const Patience& patience);
    void take_capabilities(std::string_view text);
    [[nodiscard]] std::string next_tag();

    Conversation conversation_;
    std::vector<std::string> capabilities_;  ///< upper case
    int tags_ = 0;
    bool logged_in_ = false;  ///< the greeting said so (PREAUTH)
};

/// A text as a quoted string, `"INBOX"`; nothing when it is not printable ASCII and needs a literal.
[[nodiscard]] std::optional<std::string> imap_string(std::string_view text);

/// The number that follows `word` in "STATUS INBOX (MESSAGES 3 UNSEEN 1)"; -1: none.
[[nodiscard]] std::int64_t number_after(std::string_view line, std::string_view word);

}  // namespace slimtax::probes
