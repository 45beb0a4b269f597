#include "probes/websocket_frames.hpp"

#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "probes/xmpp_sasl.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::probes::websocket {

namespace {

// Of a frame as it lies in the buffer (RFC 6455 §5.2).
struct Head {
    bool last = false;
    int reserved = 0;
    std::uint8_t opcode = 0;
    bool masked = false;
    std::size_t bytes = 0;      // of the head itself; 0: not all there
    std::uint64_t payload = 0;  // bytes
};

Head head_of(std::string_view bytes) {
    const auto at = [bytes](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    Head head;
    if (bytes.size() < 2) {
        return head;
    }
    head.last = (at(0) & 0x80) != 0;
    head.reserved = at(0) & 0x70;
    head.opcode = at(0) & 0x0F;
    head.masked = (at(1) & 0x80) != 0;
    const std::uint8_t length = at(1) & 0x7F;
    const std::size_t wide = length == 127 ? 8 : length == 126 ? 2 : 0;
    if (bytes.size() < 2 + wide) {
        return head;
    }
    head.payload = wide == 0 ? length : 0;
    for (std::size_t i = 0; i < wide; ++i) {
        head.payload = head.payload << 8 | at(2 + i);
    }
    head.bytes = 2 + wide;
    return head;
}

Violation violation(std::string what) {
    return {1002, std::move(what)};
}

bool is_control(std::uint8_t opcode) {
    return opcode >= 8;
}

// What is wrong with a frame by its head alone, before its payload is awaited.
std::optional<Violation> judge(const Head& head, bool in_message, std::size_t kept, std::size_t most) {
    if (head.reserved != 0) {
        return violation("sent a frame of an extension that was not agreed on");
    }
    if (head.masked) {
        return violation("sent a masked frame, which only clients may");
    }
    if ((head.opcode > 2 && head.opcode < 8) || head.opcode > 10) {
        return violation(fmt::format("sent a frame of the unknown kind {}", head.opcode));
    }
    if (is_control(head.opcode)) {
        if (!head.last || head.payload > 125) {
            return violation("sent a control frame that is too long or in fragments");
        }
        return std::nullopt;
    }
    if (in_message != (head.opcode == 0)) {
        return violation(in_message ? "began a message inside of another one"
                                    : "sent a fragment that continues no message");
    }
    if (head.payload > most || kept > most - head.payload) {
        return Violation{1009, fmt::format("sent a message of more than {} bytes", most)};
    }
    return std::nullopt;
}

// Codes that may stand in a frame (§7.4): none that only programs use among themselves.
bool is_code(unsigned code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

tl::expected<Message, Violation> close_of(std::string_view payload) {
    Message message{Opcode::close, "", 0};
    if (payload.empty()) {
        return message;
    }
    const unsigned code =
        payload.size() < 2 ? 0 : static_cast<std::uint8_t>(payload[0]) * 256U + static_cast<std::uint8_t>(payload[1]);
    if (!is_code(code)) {
        return tl::unexpected(violation("closed with a code that is none"));
    }
    message.code = static_cast<std::uint16_t>(code);
    message.data = payload.substr(2);
    if (schemas::first_invalid_utf8(message.data) != std::string_view::npos) {
        return tl::unexpected(Violation{1007, "closed with a reason that is not UTF-8"});
    }
    return message;
}

}  // namespace

tl::expected<FrameReader::Step, Violation> FrameReader::next(std::string_view bytes) {
    const Head head = head_of(bytes);
    if (head.bytes == 0) {
        return Step{};
    }
    if (auto wrong = judge(head, fragments_.has_value(), fragments_ ? fragments_->data.size() : 0, most_)) {
        return tl::unexpected(std::move(*wrong));
    }
    if (bytes.size() - head.bytes < head.payload) {
        return Step{};
    }
    const std::string_view payload = bytes.substr(head.bytes, static_cast<std::size_t>(head.payload));
    Step step{head.bytes + payload.size(), std::nullopt};
    const auto opcode = static_cast<Opcode>(head.opcode);
    if (opcode == Opcode::close) {
        auto message = close_of(payload);
        if (!message) {
            return tl::unexpected(std::move(message.error()));
        }
        step.message = std::move(*message);
        return step;
    }
    if (is_control(head.opcode)) {
        step.message = Message{opcode, std::string(payload), 0};
        return step;
    }
    if (!fragments_) {
        fragments_ = Message{opcode, "", 0};
    }
    fragments_->data += payload;
    if (head.last) {
        if (fragments_->kind == Opcode::text &&
            schemas::first_invalid_utf8(fragments_->data) != std::string_view::npos) {
            return tl::unexpected(Violation{1007, "sent a text that is not UTF-8"});
        }
        step.message = std::move(*fragments_);
        fragments_.reset();
    }
    return step;
}

std::string client_frame(Opcode opcode, std::string_view payload, std::uint32_t mask) {
    std::string frame;
    frame.reserve(payload.size() + 14);
    frame += static_cast<char>(0x80 | static_cast<std::uint8_t>(opcode));
    const std::size_t size = payload.size();
    const int wide = size > 0xFFFF ? 8 : size > 125 ? 2 : 0;
    frame += static_cast<char>(0x80 | (wide == 8 ? 127 : wide == 2 ? 126 : size));
    for (int shift = 8 * (wide - 1); shift >= 0; shift -= 8) {
        frame += static_cast<char>(static_cast<std::uint64_t>(size) >> shift);
    }
    const std::array<char, 4> key{static_cast<char>(mask >> 24), static_cast<char>(mask >> 16),
                                  static_cast<char>(mask >> 8), static_cast<char>(mask)};
    frame.append(key.data(), key.size());
    for (std::size_t i = 0; i < size; ++i) {
        frame += static_cast<char>(payload[i] ^ key[i % 4]);
    }
    return frame;
}

std::string close_payload(std::uint16_t code) {
    return {static_cast<char>(code >> 8), static_cast<char>(code)};
}

std::string accept_of(std::string_view key) {
    const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    ::EVP_Digest(text.data(), text.size(), digest.data(), &size, ::EVP_sha1(), nullptr);
    return xmpp::base64(std::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

std::string code_in_words(std::uint16_t code) {
    std::string_view words;
    switch (code) {
        case 1000: words = "normal"; break;
        case 1001: words = "going away"; break;
        case 1002: words = "protocol error"; break;
        case 1003: words = "kind of data not taken"; break;
        case 1007: words = "not UTF-8"; break;
        case 1008: words = "policy violation"; break;
        case 1009: words = "message too big"; break;
        case 1011: words = "internal error"; break;
        case 1012: words = "restart"; break;
        case 1013: words = "try again later"; break;
        default: return std::to_string(code);
    }
    return fmt::format("{} ({})", code, words);
}

}  // namespace slimtax::probes::websocket
