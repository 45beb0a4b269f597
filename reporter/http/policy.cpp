#include "reporter/http/policy.hpp"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace slimtax::reporter {
namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest digest(std::string_view text) {
    Digest out;
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
    return out;
}

bool same_word(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    });
}

/// What follows "KIND " in an Authorization header; empty when it is of another kind.
std::string_view credentials(std::string_view authorization, std::string_view kind) {
    const std::size_t space = authorization.find(' ');
    if (space == std::string_view::npos || !same_word(authorization.substr(0, space), kind)) {
        return {};
    }
    const std::size_t begin = authorization.find_first_not_of(' ', space);
    return begin == std::string_view::npos ? std::string_view() : authorization.substr(begin);
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.empty() || text.size() % 4 != 0) {
        return std::nullopt;
    }
    std::string out(text.size() / 4 * 3, '\0');
    const int length =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (length < 0) {
        return std::nullopt;
    }
    const auto padding = static_cast<std::size_t>(std::ranges::count(text.substr(text.size() - 2), '='));
    out.resize(static_cast<std::size_t>(length) - padding);
    return out;
}

/// Host without its port and brackets.
std::string_view bare_host(std::string_view host) {
    if (host.starts_with('[')) {
        const std::size_t end = host.find(']');
        return end == std::string_view::npos ? std::string_view() : host.substr(1, end - 1);
    }
    return host.substr(0, host.rfind(':'));
}

bool is_numeric(std::string_view host) {
    in6_addr ignored;
    const std::string text(host);
    return inet_pton(AF_INET, text.c_str(), &ignored) == 1 || inet_pton(AF_INET6, text.c_str(), &ignored) == 1;
}

/// A page of another site must not make a browser change something here.
bool is_from_elsewhere(const Request& request) {
    const std::string_view origin = request.header("origin");
    if (request.method == "GET" || origin.empty()) {
        return false;
    }
    const std::size_t scheme = origin.find("://");
    return scheme == std::string_view::npos || !same_word(origin.substr(scheme + 3), request.header("host"));
}

}  // namespace

bool same_secret(std::string_view a, std::string_view b) {
    // Digests, so that the length is not told either.
    const Digest left = digest(a);
    const Digest right = digest(b);
    return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string_view bearer_token(const Request& request) {
    return credentials(request.header("authorization"), "Bearer");
}

std::optional<std::string> signed_in(std::string_view authorization, const std::vector<HttpOptions::Viewer>& viewers) {
    const auto pair = from_base64(credentials(authorization, "Basic"));
    const std::size_t colon = pair ? pair->find(':') : std::string::npos;
    if (colon == std::string::npos) {
        return std::nullopt;
    }
    const std::string name = pair->substr(0, colon);
    const std::string password = pair->substr(colon + 1);
    std::optional<std::string> found;
    for (const HttpOptions::Viewer& viewer : viewers) {
        const bool right_name = same_secret(viewer.name, name);
        const bool right_password = same_secret(viewer.password, password);
        if (right_name && right_password && !password.empty()) {
            found = viewer.name;
        }
    }
    return found;
}

bool is_rebinding_safe(std::string_view host) {
    const std::string_view bare = bare_host(host);
    return same_word(bare, "localhost") || is_numeric(bare);
}

bool is_loopback(std::string_view address) {
    return same_word(address, "localhost") || address == "::1" || (is_numeric(address) && address.starts_with("127."));
}

std::optional<Response> refused(Request& request, Access access, const std::vector<HttpOptions::Viewer>& viewers) {
    if (access == Access::open) {
        return std::nullopt;
    }
    if (viewers.empty()) {
        const std::string_view host = request.header("host");
        if (!host.empty() && !is_rebinding_safe(host)) {
            return Response::text(421,
                                  "This reporter has no viewers configured, so it answers only when it is addressed as "
                                  "localhost or by number. Use http://127.0.0.1:PORT/, or add [[reporter.viewer]] to "
                                  "its configuration.\n");
        }
    } else {
        const auto user = signed_in(request.header("authorization"), viewers);
        if (!user) {
            Response response = Response::text(401, "Sign in with the name and password of a viewer.\n");
            response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"slimtax\", charset=\"UTF-8\"");
            return response;
        }
        request.user = *user;
    }
    if (is_from_elsewhere(request)) {
        return Response::text(403, "A page of another site may not do this here.\n");
    }
    return std::nullopt;
}

const std::vector<std::pair<std::string, std::string>>& usual_headers() {
    static const std::vector<std::pair<std::string, std::string>> headers{
        {"Content-Security-Policy",
         "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cache-Control", "no-store"},
    };
    return headers;
}

}  // namespace slimtax::reporter
