// SASL for XMPP logins: PLAIN (RFC 4616) and SCRAM-SHA-1/-256 (RFC 5802, RFC 7677), without channel binding.
// Passwords go as they are written: SASLprep changes nothing in ASCII ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace slimtax::probes::xmpp {

[[nodiscard]] std::string base64(std::string_view bytes);
/// Nothing when the text is not base64.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// The only message of PLAIN.
[[nodiscard]] std::string plain_message(std::string_view user, std::string_view password);

enum class ScramHash { sha1, sha256 };

/// PBKDF2 takes milliseconds of CPU, and a hostile server could ask for hours of it.
inline constexpr int most_scram_iterations = 1'000'000;

/// What makes the salted password.
struct ScramSalt {
    ScramHash hash = ScramHash::sha256;
    std::string salt;
    int iterations = 0;
};

/// The salted password: the slow part, pure, fit for a worker thread.
[[nodiscard]] std::string salted_password(const std::string& password, const ScramSalt& salt);

/// One SCRAM exchange, in this order: first_message, read_challenge, final_message, check_signature. Messages are
/// raw, not base64. Errors are sentences' ends: what the server did wrong.
class Scram {
public:
    Scram(ScramHash hash, std::string_view user, std::string nonce);

    [[nodiscard]] std::string first_message() const;

    /// Reads the server's first message: our nonce must be continued, the iterations be bounded.
    [[nodiscard]] tl::expected<ScramSalt, std::string> read_challenge(std::string_view server_first);

    [[nodiscard]] std::string final_message(const std::string& salted);

    /// Reads the server's last message. A wrong signature: it does not know the password, so it is not the
    /// server it should be.
    [[nodiscard]] tl::expected<void, std::string> check_signature(std::string_view server_final) const;

private:
    ScramHash hash_;
    std::string nonce_;
    std::string first_bare_;
    std::string server_first_;
    std::string whole_nonce_;
    std::string signature_;  ///< that the server must show
};

/// A fresh nonce, printable.
[[nodiscard]] std::string make_nonce();

}  // namespace slimtax::probes::xmpp
