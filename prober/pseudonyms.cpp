#include "prober/pseudonyms.hpp"

#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace slimtax::prober {

std::string Pseudonyms::of(std::string_view name) const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    const auto* made = HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
                            reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest.data(), &length);
    if (made == nullptr || length < 8) {
        throw std::runtime_error("HMAC-SHA256 is not available in this OpenSSL; users cannot be pseudonymised");
    }
    std::string text;
    for (int i = 0; i < 8; ++i) {
        text += fmt::format("{:02x}", digest.at(static_cast<std::size_t>(i)));
    }
    return text;
}

std::string Pseudonyms::random_key() {
    std::string key(32, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) != 1) {
        throw std::runtime_error("the system gave no random bytes for the pseudonym key");
    }
    return key;
}

}  // namespace slimtax::prober
