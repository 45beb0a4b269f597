// The message that mail.roundtrip sends, and how one of its kind is known again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "schemas/time.hpp"

namespace slimtax::probes {

/// The header that makes a message one of ours.
inline constexpr std::string_view letter_header = "X-Slimtax-Token";

struct Letter {
    std::string from;
    std::string to;
    std::string token;    ///< "6740f1e2-" and 24 random digits: when it was sent, and what nobody else has
    std::string content;  ///< headers and text, lines ended by CR LF
};

/// A fresh one; the error is a sentence about an address that is none.
[[nodiscard]] tl::expected<Letter, std::string> write_letter(const std::string& from, const std::string& to,
                                                             schemas::Instant now);

/// When the message was sent that a text with its header speaks of; nothing when there is no token of ours in it.
[[nodiscard]] std::optional<schemas::Instant> sent_at(std::string_view text);

}  // namespace slimtax::probes
