// A conversation in lines over a Stream: what IMAP, POP3, SMTP, FTP, IRC and Redis have in common. What the server
// sends is bounded in memory, every wait has an end, and a secret stands in no reason and no transcript.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "probes/endpoint.hpp"
#include "probes/io/stream.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {

/// How much one server may say.
struct ConversationLimits {
    std::size_t line = 65536;      ///< bytes of one line
    std::size_t total = 16 << 20;  ///< bytes of the whole conversation
};

/// Works off one step; `action`s are what the server is to do, for sentences: "answer LOGIN" makes
/// "IMAP server mail1:143 did not answer LOGIN within 10 s".
class Conversation {
public:
    template <class T>
    using Result = tl::expected<T, Trouble>;

    /// `server` is "IMAP server mail1:143", for sentences.
    Conversation(Stream stream, std::string server, ConversationLimits limits = {});

    /// From now on neither reasons nor notes show this text, nor its base64 form. Say it before the text is used.
    void hide(const std::string& secret);

    /// The next line, without its end (CR LF or LF). The peer's close before it is trouble.
    Task<Result<std::string>> line(std::string_view action, const Patience& patience);

    /// The next `count` bytes as they are (a literal of IMAP).
    Task<Result<std::string>> bytes(std::size_t count, std::string_view action, const Patience& patience);

    /// Reads more into `pending()`: at least one byte, or false when the peer closed.
    Task<Result<bool>> more(std::string_view action, const Patience& patience);

    /// Waits until more has been read into `pending()`, or until then; false: nothing came, which is no trouble.
    Task<Result<bool>> more_by(TimePoint until, std::string_view action, const Patience& patience);

    /// Sends the text and CR LF. A text that is more than one line is our own side's trouble, and not sent.
    Task<Result<void>> say(std::string_view text, std::string_view action, const Patience& patience);

    /// Says it, and returns the next line.
    Task<Result<std::string>> ask(std::string_view text, std::string_view action, const Patience& patience);

    /// Sends bytes as they are; they are not noted.
    Task<Result<void>> send(std::string_view bytes, std::string_view action, const Patience& patience);

    /// Begins TLS as `secure` does, after the server has agreed to it. What it sent before that in the clear but was
    /// not asked for is refused: anybody on the way could have put it there (CVE-2021-33515 and its kin).
    Task<Result<void>> start_tls(StepContext& context, const Endpoint& endpoint, const Patience& patience);

    /// Received and not yet taken.
    [[nodiscard]] std::string_view pending() const { return std::string_view(received_).substr(taken_); }
    /// Takes so much of `pending()`.
    void take(std::size_t count) { taken_ += count; }

    /// Notes what was taken from `pending()`.
    void heard(std::string_view text) { note("server", text); }

    /// From now on what is said on both sides is noted there, bounded; null: no more. The report must outlive it.
    void note_in(StepReport* report) { report_ = report; }

    /// A server's text fit for a sentence, without the secrets.
    [[nodiscard]] std::string quoted(std::string_view text, std::size_t most = 120) const;

    [[nodiscard]] const std::string& server() const { return server_; }
    /// "SERVER WHAT", as a refusal.
    [[nodiscard]] Trouble wrong(std::string_view what) const;
    [[nodiscard]] Stream& stream() { return stream_; }
    [[nodiscard]] const Stream& stream() const { return stream_; }
    [[nodiscard]] bool encrypted() const { return encrypted_; }
    /// True when nothing more can be said: the connection is gone, or the server has not kept to the bounds.
    [[nodiscard]] bool broken() const { return broken_; }

private:
    /// Takes in what `room` got; false when that was the peer's close.
    [[nodiscard]] Result<bool> take_in(std::string_view got);
    [[nodiscard]] Trouble trouble(Trouble cause, std::string_view action, const Patience& patience);
    void note(std::string_view who, std::string_view text);

    Stream stream_;
    std::string server_;
    ConversationLimits limits_;
    std::vector<std::string> secrets_;
    StepReport* report_ = nullptr;
    int notes_ = 0;
    std::string received_;
    std::size_t taken_ = 0;
    std::size_t total_ = 0;
    bool encrypted_ = false;
    bool broken_ = false;
};

/// Connects as `open_stream` does, begins TLS when `at_once`, and makes a conversation of it that notes in the step's
/// report.
Task<tl::expected<Conversation, Trouble>> open_conversation(StepContext& context, const Endpoint& endpoint,
                                                            bool tls_at_once, const Patience& patience,
                                                            ConversationLimits limits = {});

}  // namespace slimtax::probes
