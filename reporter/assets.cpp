#include "reporter/assets.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "reporter/asset_files.hpp"

namespace slimtax::reporter {

std::span<const Asset> assets() {
    // Built at the first call: the embedded texts are not constants to the compiler.
    static const std::array all{
        Asset{"base.css", "text/css; charset=utf-8", embedded::base_css},
        Asset{"dashboard.css", "text/css; charset=utf-8", embedded::dashboard_css},
        Asset{"icon.svg", "image/svg+xml", embedded::icon_svg},
        Asset{"live.js", "text/javascript; charset=utf-8", embedded::live_js},
        Asset{"report.css", "text/css; charset=utf-8", embedded::report_css},
    };
    return all;
}

const Asset& asset(std::string_view name) {
    for (const Asset& one : assets()) {
        if (one.name == name) {
            return one;
        }
    }
    throw std::logic_error("no embedded file is called " + std::string(name));
}

std::string policy_hash(const Asset& asset) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    EVP_Digest(asset.content.data(), asset.content.size(), digest.data(), &size, EVP_sha256(), nullptr);
    std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> text{};
    const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
    return "'sha256-" + std::string(text.begin(), text.begin() + length) + "'";
}

}  // namespace slimtax::reporter
