#include "probes/xmpp_sasl.hpp"

#include <charconv>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace slimtax::probes::xmpp {

namespace {

const EVP_MD* digest_of(ScramHash hash) {
    return hash == ScramHash::sha1 ? EVP_sha1() : EVP_sha256();
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hmac(ScramHash hash, std::string_view key, std::string_view text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    HMAC(digest_of(hash), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), out, &length);
    return {reinterpret_cast<const char*>(out), length};
}

std::string digest(ScramHash hash, std::string_view text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_Digest(text.data(), text.size(), out, &length, digest_of(hash), nullptr);
    return {reinterpret_cast<const char*>(out), length};
}

// "=" and "," have a meaning in SCRAM's messages (RFC 5802 §5.1, saslname).
std::string scram_name(std::string_view user) {
    std::string out;
    for (const char c : user) {
        if (c == '=') {
            out += "=3D";
        } else if (c == ',') {
            out += "=2C";
        } else {
            out += c;
        }
    }
    return out;
}

// The value of "x=…" in a list with commas; nothing when it is not there.
std::optional<std::string_view> value_of(std::string_view message, char key) {
    while (!message.empty()) {
        const std::string_view field = message.substr(0, message.find(','));
        if (field.size() >= 2 && field[0] == key && field[1] == '=') {
            return field.substr(2);
        }
        message.remove_prefix(std::min(message.size(), field.size() + 1));
    }
    return std::nullopt;
}

}  // namespace

std::string base64(std::string_view bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(length));
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.empty()) {
        return std::string();
    }
    if (text.size() % 4 != 0 || text.size() > (1U << 20)) {
        return std::nullopt;
    }
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    if (text.substr(0, text.size() - padding)
            .find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") !=
        std::string_view::npos) {
        return std::nullopt;
    }
    std::string out(3 * (text.size() / 4), '\0');
    if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text), static_cast<int>(text.size())) <
        0) {
        return std::nullopt;
    }
    out.resize(out.size() - padding);
    return out;
}

std::string plain_message(std::string_view user, std::string_view password) {
    return fmt::format("{0}{1}{0}{2}", '\0', user, password);
}

std::string salted_password(const std::string& password, const ScramSalt& salt) {
    const EVP_MD* md = digest_of(salt.hash);
    std::string out(static_cast<std::size_t>(EVP_MD_get_size(md)), '\0');
    if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt.salt),
                          static_cast<int>(salt.salt.size()), salt.iterations, md, static_cast<int>(out.size()),
                          reinterpret_cast<unsigned char*>(out.data())) != 1) {
        throw std::runtime_error("OpenSSL could not compute PBKDF2");
    }
    return out;
}

Scram::Scram(ScramHash hash, std::string_view user, std::string nonce)
    : hash_(hash), nonce_(std::move(nonce)), first_bare_(fmt::format("n={},r={}", scram_name(user), nonce_)) {}

std::string Scram::first_message() const {
    return "n,," + first_bare_;
}

tl::expected<ScramSalt, std::string> Scram::read_challenge(std::string_view server_first) {
    if (value_of(server_first, 'm')) {
        return tl::unexpected<std::string>("asked for a SCRAM extension that is not known");
    }
    const auto nonce = value_of(server_first, 'r');
    const auto salt = value_of(server_first, 's');
    const auto iterations = value_of(server_first, 'i');
    if (!nonce || !salt || !iterations) {
        return tl::unexpected<std::string>("sent a SCRAM challenge without nonce, salt and iterations");
    }
    if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) {
        return tl::unexpected<std::string>("sent a SCRAM challenge that does not continue our nonce");
    }
    ScramSalt out;
    out.hash = hash_;
    const auto raw_salt = from_base64(*salt);
    if (!raw_salt || raw_salt->empty()) {
        return tl::unexpected<std::string>("sent a SCRAM challenge whose salt is not base64");
    }
    out.salt = *raw_salt;
    const auto [end, error] =
        std::from_chars(iterations->data(), iterations->data() + iterations->size(), out.iterations);
    if (error != std::errc() || end != iterations->data() + iterations->size() || out.iterations < 1 ||
        out.iterations > most_scram_iterations) {
        return tl::unexpected(
            fmt::format("asked for a number of SCRAM iterations that is not between 1 and {}", most_scram_iterations));
    }
    server_first_ = server_first;
    whole_nonce_ = *nonce;
    return out;
}

std::string Scram::final_message(const std::string& salted) {
    const std::string without_proof = "c=biws,r=" + whole_nonce_;  // biws: "n,," in base64, no channel binding
    const std::string authenticated = fmt::format("{},{},{}", first_bare_, server_first_, without_proof);
    const std::string client_key = hmac(hash_, salted, "Client Key");
    std::string proof = hmac(hash_, digest(hash_, client_key), authenticated);
    for (std::size_t i = 0; i < proof.size(); ++i) {
        proof[i] = static_cast<char>(proof[i] ^ client_key[i]);
    }
    signature_ = hmac(hash_, hmac(hash_, salted, "Server Key"), authenticated);
    return fmt::format("{},p={}", without_proof, base64(proof));
}

tl::expected<void, std::string> Scram::check_signature(std::string_view server_final) const {
    const auto text = value_of(server_final, 'v');
    const auto shown = text ? from_base64(*text) : std::nullopt;
    if (!shown || shown->empty()) {
        return tl::unexpected<std::string>("did not prove that it knows the password (no SCRAM server signature)");
    }
    if (signature_.empty() || shown->size() != signature_.size() ||
        CRYPTO_memcmp(shown->data(), signature_.data(), signature_.size()) != 0) {
        return tl::unexpected<std::string>("did not prove that it knows the password (wrong SCRAM server signature)");
    }
    return {};
}

std::string make_nonce() {
    unsigned char bytes[18];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        throw std::runtime_error("no random numbers for a nonce");
    }
    return base64(std::string_view(reinterpret_cast<const char*>(bytes), sizeof bytes));
}

}  // namespace slimtax::probes::xmpp
