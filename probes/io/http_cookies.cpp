#include "probes/io/http_cookies.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <libpsl.h>

namespace slimtax::probes {
namespace {

constexpr std::size_t longest_cookie = 4096;
constexpr std::size_t most_cookies = 50;  // as curl keeps of one answer
constexpr std::int64_t end_of_time = 4'000'000'000'000;

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

std::string lower(std::string_view text) {
    std::string small(text);
    for (char& letter : small) {
        letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
    return small;
}

bool is_address(const std::string& host) {
    in6_addr room;
    return ::inet_pton(AF_INET, host.c_str(), &room) == 1 || ::inet_pton(AF_INET6, host.c_str(), &room) == 1;
}

/// True when a server of that name may set a cookie for the whole domain.
bool may_set_for(const std::string& host, const std::string& domain) {
    if (domain == host) {
        return true;
    }
    const bool inside = !is_address(host) && host.size() > domain.size() && host.ends_with(domain) &&
                        host[host.size() - domain.size() - 1] == '.';
    return inside && domain.find('.') != std::string::npos &&
           psl_is_cookie_domain_acceptable(psl_builtin(), host.c_str(), domain.c_str()) == 1;
}

/// When a cookie ends by its Max-Age, in seconds since 1970.
std::optional<std::int64_t> end_by_age(std::string_view text, std::int64_t now) {
    std::int64_t age = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), age);
    if (end == text.data() || (error != std::errc() && error != std::errc::result_out_of_range)) {
        return std::nullopt;
    }
    if (error != std::errc()) {
        return text.front() == '-' ? 1 : end_of_time;
    }
    return age <= 0 ? 1 : now + std::min(age, end_of_time - now);
}

struct Cookie {
    std::string domain;
    bool for_subdomains = false;
    std::string path;
    bool secure = false;
    bool http_only = false;
    std::optional<std::int64_t> age_end;
    std::optional<std::int64_t> date_end;
};

/// False when the server may not say this.
bool take_attribute(std::string_view name_and_value, const std::string& host, std::int64_t now, Cookie& cookie) {
    const auto sign = name_and_value.find('=');
    const std::string name = lower(trimmed(name_and_value.substr(0, sign)));
    const std::string value(sign == std::string_view::npos ? std::string_view()
                                                           : trimmed(name_and_value.substr(sign + 1)));
    if (name == "secure") {
        cookie.secure = true;
    } else if (name == "httponly") {
        cookie.http_only = true;
    } else if (name == "path" && value.starts_with('/')) {
        cookie.path = value;
    } else if (name == "max-age") {
        cookie.age_end = end_by_age(value, now);
    } else if (name == "expires") {
        const std::int64_t date = curl_getdate(value.c_str(), nullptr);
        if (date != -1) {
            cookie.date_end = std::max<std::int64_t>(date, 1);
        }
    } else if (name == "domain" && !value.empty()) {
        const std::string domain = lower(value.starts_with('.') ? value.substr(1) : value);
        if (domain.empty() || !may_set_for(host, domain)) {
            return false;
        }
        cookie.domain = domain;
        cookie.for_subdomains = !is_address(domain);
    }
    return true;
}

/// Everything up to the last slash: where a cookie without a path of its own belongs.
std::string default_path(std::string_view path) {
    path = path.substr(0, path.find_first_of("?#"));
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos || slash == 0 ? "/" : std::string(path.substr(0, slash));
}

}  // namespace

void take_cookie(std::string_view header, const std::string& host, std::string_view path, schemas::Instant now,
                 std::vector<std::string>& lines) {
    const auto bad = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    if (header.size() > longest_cookie || std::ranges::any_of(header, bad)) {
        return;
    }
    const std::string_view pair = header.substr(0, header.find(';'));
    const auto sign = pair.find('=');
    const std::string name(trimmed(pair.substr(0, sign)));
    if (sign == std::string_view::npos || name.empty()) {
        return;
    }
    const std::string value(trimmed(pair.substr(sign + 1)));
    const std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    Cookie cookie{host, false, default_path(path), false, false, {}, {}};
    std::string_view rest = header.substr(pair.size());
    while (!rest.empty()) {
        rest.remove_prefix(1);  // the semicolon
        const std::string_view attribute = rest.substr(0, rest.find(';'));
        rest.remove_prefix(attribute.size());
        if (!take_attribute(attribute, host, seconds, cookie)) {
            return;
        }
    }
    // What only a secure connection may set (this one is in the clear); to this machine itself it counts as secure.
    const bool safe_place = host == "localhost" || host == "127.0.0.1" || host == "::1";
    const std::string its_name = lower(name);
    if ((cookie.secure && !safe_place) || (its_name.starts_with("__secure-") && !cookie.secure) ||
        (its_name.starts_with("__host-") && !(cookie.secure && cookie.path == "/" && !cookie.for_subdomains))) {
        return;
    }
    const std::int64_t end = cookie.age_end.value_or(cookie.date_end.value_or(0));  // 0: with the run
    const std::string same = "\t" + name + "\t";
    const std::string before_end =
        (cookie.for_subdomains ? "." + cookie.domain + "\tTRUE\t" : cookie.domain + "\tFALSE\t") + cookie.path + "\t";
    std::erase_if(lines, [&](std::string_view line) {
        line.remove_prefix(line.starts_with("#HttpOnly_") ? 10 : 0);
        return line.starts_with(before_end) && line.find(same) != std::string_view::npos;
    });
    if ((end != 0 && end <= seconds) || lines.size() >= most_cookies) {
        return;
    }
    lines.push_back((cookie.http_only ? "#HttpOnly_" : "") + before_end + (cookie.secure ? "TRUE" : "FALSE") + "\t" +
                    std::to_string(end) + same + value);
}

}  // namespace slimtax::probes
