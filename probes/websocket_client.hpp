// The client's side of a WebSocket over a Conversation: the upgrade, messages, and the closing (RFC 6455).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "probes/conversation.hpp"
#include "probes/websocket_frames.hpp"
#include "schemas/pattern.hpp"

namespace slimtax::probes {

/// Works off one step over a connection to a WebSocket server; all three must outlive it.
class WebSocket {
public:
    template <class T>
    using Result = Conversation::Result<T>;

    WebSocket(StepContext& context, Conversation& conversation, const Patience& patience)
        : context_(context), conversation_(conversation), patience_(patience) {}

    /// Sends the request, whose Sec-WebSocket-Key is `key`, and judges what comes back.
    Task<Result<void>> upgrade(const std::string& request, const std::string& key);
    /// Sends a text, which must be UTF-8, as one message.
    Task<Result<void>> say(const std::string& text);
    /// The first message that holds the pattern.
    Task<Result<std::string>> hear(const schemas::Pattern& pattern);
    /// Says good-bye and awaits the answer; true when it came.
    Task<bool> close();

    /// Texts and binary messages that the server has sent.
    [[nodiscard]] int messages() const { return messages_; }

private:
    /// Of an answer, names in lower case.
    using Headers = std::map<std::string, std::string>;
    static constexpr std::size_t most_message = 1 << 20;  ///< bytes

    [[nodiscard]] Trouble not_taken(std::string_view status, const Headers& headers) const;
    [[nodiscard]] std::optional<Trouble> judge_headers(const Headers& headers, const std::string& key) const;
    Task<Result<websocket::Message>> next(std::string action, Patience patience);
    Task<Result<void>> send(websocket::Opcode opcode, const std::string& payload, Patience patience);
    /// Sends a close, with no code when that is 0; whether the server takes it changes nothing.
    Task<Result<void>> say_close(std::uint16_t code, Patience patience);

    StepContext& context_;
    Conversation& conversation_;
    const Patience& patience_;
    websocket::FrameReader reader_{most_message};
    int messages_ = 0;
};

}  // namespace slimtax::probes
