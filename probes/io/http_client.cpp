#include "probes/io/http_client.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <curl/curl.h>

#include "probes/io/http_multi.hpp"
#include "probes/io/http_plain.hpp"
#include "probes/io/http_transfer.hpp"
#include "probes/io/server_timing.hpp"
#include "probes/io/stream.hpp"

namespace slimtax::probes {
namespace {

struct UrlDeleter {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlDeleter>;

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK) {
        return {};
    }
    std::string copy = text;
    curl_free(text);
    return copy;
}

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// The rules of RFC 9110 §15.4, as browsers follow them: a POST becomes a GET but for 307 and 308.
void follow(HttpRequest& request, int status) {
    const bool keeps_method = status == 307 || status == 308 || (status != 303 && request.method != "POST");
    if (!keeps_method && request.method != "HEAD") {
        request.method = "GET";
        request.body.clear();
        std::erase_if(request.headers, [](const auto& header) {
            return header.first == "Content-Type" || header.first == "content-type";
        });
    }
}

/// What was meant for one server is not told to another.
void forget_credentials(HttpRequest& request) {
    request.user.clear();
    request.password.clear();
    std::erase_if(request.headers, [](const auto& header) {
        return curl_strequal(header.first.c_str(), "authorization") != 0 ||
               curl_strequal(header.first.c_str(), "cookie") != 0;
    });
}

void add(HttpTimes& sum, const HttpTimes& times) {
    sum.lookup += times.lookup;
    sum.connect += times.connect;
    sum.tls += times.tls;
    sum.first_byte += times.first_byte;
    sum.body += times.body;
    if (times.server) {
        sum.server = sum.server.value_or(schemas::Duration::zero()) + *times.server;
    }
}

}  // namespace

tl::expected<HttpTarget, std::string> parse_http_url(const std::string& url, const std::string& base) {
    const Url parser(curl_url());
    CURLUcode code = CURLUE_OK;
    if (!base.empty()) {
        code = curl_url_set(parser.get(), CURLUPART_URL, base.c_str(), 0);
    }
    if (code == CURLUE_OK) {
        code = curl_url_set(parser.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME);
    }
    if (code != CURLUE_OK) {
        return tl::unexpected("\"" + url + "\" is no URL: " + curl_url_strerror(code));
    }
    const std::string scheme = part_of(parser.get(), CURLUPART_SCHEME);
    if (scheme != "http" && scheme != "https") {
        return tl::unexpected("\"" + scheme + "\" is not http or https");
    }
    HttpTarget target;
    target.tls = scheme == "https";
    target.url = part_of(parser.get(), CURLUPART_URL);
    target.host = part_of(parser.get(), CURLUPART_HOST);
    if (target.host.starts_with('[')) {
        target.host = target.host.substr(1, target.host.size() - 2);
    }
    target.port = static_cast<std::uint16_t>(std::stoi(part_of(parser.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT)));
    return target;
}

namespace {

/// The same target under another name: that is asked for, the connection goes where it went.
tl::expected<HttpTarget, std::string> named_instead(const HttpTarget& target, const std::string& name) {
    const Url parser(curl_url());
    CURLUcode code = curl_url_set(parser.get(), CURLUPART_URL, target.url.c_str(), 0);
    if (code == CURLUE_OK) {
        code = curl_url_set(parser.get(), CURLUPART_HOST, name.c_str(), 0);
    }
    if (code != CURLUE_OK) {
        return tl::unexpected("server_name is \"" + name +
                              "\", which is no name of a server: " + curl_url_strerror(code));
    }
    HttpTarget named = target;
    named.url = part_of(parser.get(), CURLUPART_URL);
    named.server_name = name;
    return named;
}

}  // namespace

std::string_view HttpResponse::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (key == name) {
            return value;
        }
    }
    return {};
}

class HttpClient::Impl {
public:
    explicit Impl(Engine& engine) : engine_(engine), multi_(engine.loop()) {}

    Task<tl::expected<HttpResponse, Trouble>> fetch(HttpRequest request, TimePoint deadline);

private:
    Task<tl::expected<HttpResponse, Trouble>> fetch_one(const HttpRequest& request, const HttpTarget& target,
                                                        TimePoint deadline) {
        auto connected = co_await connect_tcp(engine_, target.host, target.port, deadline);
        if (!connected) {
            co_return tl::unexpected(std::move(connected.error()));
        }
        if (goes_plain(request, target)) {
            co_return co_await exchange_plain(engine_, request, target, std::move(*connected), deadline);
        }
        co_return co_await exchange_http(engine_, multi_, request, target, std::move(*connected), deadline);
    }

    /// As parse_http_url, but what is asked for again and again is parsed once.
    tl::expected<HttpTarget, std::string> target_of(const std::string& url) {
        constexpr std::size_t most_known = 1000;
        constexpr std::size_t longest_known = 500;
        if (const auto it = known_.find(url); it != known_.end()) {
            return it->second;
        }
        auto target = parse_http_url(url);
        if (target && url.size() <= longest_known) {
            if (known_.size() >= most_known) {
                known_.clear();
            }
            known_.emplace(url, *target);
        }
        return target;
    }

    Engine& engine_;
    HttpMulti multi_;
    std::unordered_map<std::string, HttpTarget> known_;
};

namespace {

/// RFC 9110, 5.6.2. A server would refuse the whole request, and look broken.
bool is_header_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
        return std::isalnum(c) != 0 ||
               std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
    });
}

}  // namespace

Task<tl::expected<HttpResponse, Trouble>> HttpClient::Impl::fetch(HttpRequest request, TimePoint deadline) {
    for (const auto& header : request.headers) {
        if (!is_header_name(header.first)) {
            co_return tl::unexpected(Trouble{Trouble::Kind::ours, "\"" + header.first + "\" is no name of a header"});
        }
    }
    auto target = target_of(request.url);
    if (!target) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, target.error()});
    }
    if (!request.server_name.empty()) {
        auto named = named_instead(*target, request.server_name);
        if (!named) {
            co_return tl::unexpected(Trouble{Trouble::Kind::ours, named.error()});
        }
        target = std::move(named);
    }
    HttpTimes times;
    for (int redirects = 0;; ++redirects) {
        auto response = co_await fetch_one(request, *target, deadline);
        if (!response) {
            co_return response;
        }
        response->times.server = stated_server_time(response->headers);
        add(times, response->times);
        response->times = times;
        response->redirects = redirects;
        const std::string location(response->header("location"));
        if (request.redirects == 0 || !is_redirect(response->status) || location.empty()) {
            co_return response;
        }
        if (redirects == request.redirects) {
            Trouble trouble{Trouble::Kind::refused,
                            target->peer() + " redirects once more after " + std::to_string(redirects) + " redirects"};
            co_return tl::unexpected(std::move(trouble));
        }
        auto next = parse_http_url(location, target->url);
        if (!next) {
            Trouble trouble{Trouble::Kind::refused, target->peer() + " redirects to nowhere: " + next.error()};
            co_return tl::unexpected(std::move(trouble));
        }
        if (next->peer() != target->peer() || (target->tls && !next->tls)) {
            forget_credentials(request);
        }
        follow(request, response->status);
        target = std::move(next);
    }
}

namespace {

/// curl's one-time set-up, before the first handle. It loads no roots of trust.
bool start_curl() {
    return curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
}

}  // namespace

HttpClient::HttpClient(Engine& engine) {
    [[maybe_unused]] static const bool started = start_curl();
    impl_ = std::make_unique<Impl>(engine);
}
HttpClient::~HttpClient() = default;

Task<tl::expected<HttpResponse, Trouble>> HttpClient::fetch(HttpRequest request, TimePoint deadline) {
    return impl_->fetch(std::move(request), deadline);
}

}  // namespace slimtax::probes
