#include "prober/pseudonyms.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

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

tl::expected<std::string, std::string> kept_pseudonym_key(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string key((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (in && key.size() >= 16) {
        return key;
    }
    if (std::filesystem::exists(file)) {
        return tl::unexpected(
            fmt::format("the key of users' pseudonyms in {} cannot be read, or is cut short; removing the file makes "
                        "a new one, under which every user is somebody new",
                        file.string()));
    }
    key = Pseudonyms::random_key();
    const std::string temporary = file.string() + ".new";
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const bool written =
        fd >= 0 && ::write(fd, key.data(), key.size()) == static_cast<ssize_t>(key.size()) && ::fsync(fd) == 0;
    const int error = errno;
    if (fd >= 0) {
        ::close(fd);
    }
    if (!written || ::rename(temporary.c_str(), file.c_str()) != 0) {
        return tl::unexpected(fmt::format("the key of users' pseudonyms cannot be written to {}: {}", file.string(),
                                          std::strerror(written ? errno : error)));
    }
    return key;
}

}  // namespace slimtax::prober
