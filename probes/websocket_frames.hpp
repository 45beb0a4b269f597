// The bytes of the WebSocket protocol (RFC 6455): the key of the upgrade, frames to a server and frames from one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace slimtax::probes::websocket {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// What a peer said: a whole message, its fragments joined, or a control frame.
struct Message {
    Opcode kind = Opcode::text;
    std::string data;        ///< of a text: UTF-8; of a close: its reason, UTF-8
    std::uint16_t code = 0;  ///< of a close; 0: it gave none
};

/// Why a connection must end: the code to close it with, and the end of a sentence: "sent a masked frame".
struct Violation {
    std::uint16_t code;
    std::string what;
};

/// Takes a server's bytes apart. Keeps the fragments of at most one message, never more than `most` bytes.
class FrameReader {
public:
    explicit FrameReader(std::size_t most) : most_(most) {}

    struct Step {
        std::size_t used = 0;  ///< bytes that are done with; 0: a whole frame is not there yet
        std::optional<Message> message;
    };
    /// The first frame of the bytes. After a violation the reader is not to be asked again.
    [[nodiscard]] tl::expected<Step, Violation> next(std::string_view bytes);

private:
    std::size_t most_;
    std::optional<Message> fragments_;
};

/// A client's frame: whole, masked with `mask` (of which the first four bytes count).
[[nodiscard]] std::string client_frame(Opcode opcode, std::string_view payload, std::uint32_t mask);

/// The payload of a close frame.
[[nodiscard]] std::string close_payload(std::uint16_t code);

/// The Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key.
[[nodiscard]] std::string accept_of(std::string_view key);

/// "1008 (policy violation)", "4001".
[[nodiscard]] std::string code_in_words(std::uint16_t code);

}  // namespace slimtax::probes::websocket
