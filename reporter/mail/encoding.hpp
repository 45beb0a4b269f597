// How texts travel in a mail of seven-bit lines: RFC 5322 (headers), RFC 2045 (bodies), RFC 2047 (words in headers).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schemas/mail_settings.hpp"
#include "schemas/time.hpp"

namespace slimtax::reporter {

/// Base64 in lines of 76 characters, each ended by CR LF.
[[nodiscard]] std::string base64_lines(std::string_view bytes);

/// A text as quoted-printable; its line ends, LF or CR LF, become CR LF. It ends with one.
[[nodiscard]] std::string quoted_printable(std::string_view text);

/// A whole header line with CR LF at its end, folded. Whatever `text` holds, it stays one header: control characters
/// become blanks, and what is not plain ASCII is encoded.
[[nodiscard]] std::string header_line(std::string_view name, std::string_view text);

/// The same of addresses; their names are encoded where they must be.
[[nodiscard]] std::string address_line(std::string_view name, const std::vector<schemas::Mailbox>& addresses);

/// "Mon, 23 Nov 2026 07:00:00 +0000".
[[nodiscard]] std::string mail_date(schemas::Instant at);

}  // namespace slimtax::reporter
