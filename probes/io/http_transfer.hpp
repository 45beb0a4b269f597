// One HTTP exchange over a connected socket, by libcurl. For HttpClient only.
#pragma once

#include <cstdint>
#include <string>

#include <tl/expected.hpp>

#include "probes/io/http_client.hpp"
#include "probes/io/stream.hpp"

namespace slimtax::probes {

/// The parts of a URL that matter before a connection.
struct HttpTarget {
    std::string url;
    std::string host;           ///< without brackets
    std::string server_name{};  ///< that the certificate must bear; empty: the host
    std::uint16_t port = 80;
    bool tls = false;
    /// "im1:443", for reasons.
    [[nodiscard]] std::string peer() const { return host_and_port(host, port); }
};

/// `url`, or where it leads from `base` when it is relative. The error is a sentence.
[[nodiscard]] tl::expected<HttpTarget, std::string> parse_http_url(const std::string& url,
                                                                   const std::string& base = {});

class HttpMulti;

/// Sends `request` to `target` over the connection and reads the answer to its end. No redirects. All references
/// outlive the call.
Task<tl::expected<HttpResponse, Trouble>> exchange_http(Engine& engine, HttpMulti& multi, const HttpRequest& request,
                                                        const HttpTarget& target, Connected connected,
                                                        TimePoint deadline);

}  // namespace slimtax::probes
