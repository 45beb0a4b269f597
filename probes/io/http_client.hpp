// HTTP over libcurl on the loop. Names are looked up and connections made by us, so that each phase has its own
// figure and all protocols fail with the same words; curl gets the connected descriptor.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "probes/io/engine.hpp"
#include "probes/io/resolver.hpp"
#include "schemas/time.hpp"

namespace slimtax::probes {

struct HttpRequest {
    HttpRequest(std::string verb, std::string address) : method(std::move(verb)), url(std::move(address)) {}

    std::string method;  ///< "GET", "POST", "HEAD" …
    std::string url;     ///< http or https
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;  ///< sent when the method is POST, PUT or PATCH
    std::string user;  ///< HTTP Basic; empty: none
    std::string password;
    int redirects = 0;                    ///< follow at most so many; 0: a redirect is the answer
    std::uint64_t max_body = 10'000'000;  ///< a longer body is trouble
    std::uint64_t keep_body = 1'000'000;  ///< the rest is read, counted and timed, but not kept
    bool verify = true;                   ///< the server's certificate
    std::string ca_file;                  ///< as in TlsOptions
    /// The name to ask for and to judge the certificate by; empty: the URL's host, which is connected to anyway. It
    /// counts for the first address, not for those that redirects lead to.
    std::string server_name;
    bool http2 = false;  ///< HTTP/2: in the clear without asking, with TLS if the server agrees
    std::vector<std::string>* cookies = nullptr;  ///< sent and updated, in curl's form; outlives the fetch
};

/// Where the time went; the sum over all redirects.
struct HttpTimes {
    schemas::Duration lookup{};
    schemas::Duration connect{};
    schemas::Duration tls{};
    schemas::Duration first_byte{};  ///< from the request's start on a ready connection to the answer's first byte
    schemas::Duration body{};        ///< from there to the answer's end
    /// What the server says it took itself (Server-Timing): no part of its own, but of first_byte and body.
    std::optional<schemas::Duration> server;
    [[nodiscard]] schemas::Duration total() const { return lookup + connect + tls + first_byte + body; }
};

struct HttpResponse {
    int status = 0;
    std::string phrase;  ///< the server's words for the status; may be empty or nonsense
    std::vector<std::pair<std::string, std::string>>
        headers;              ///< names in lower case, in their order; HTTP/2's trailers last
    std::string body;         ///< at most `keep_body` bytes
    std::uint64_t bytes = 0;  ///< of the whole body
    std::string url;          ///< that answered, after redirects
    int redirects = 0;
    HttpTimes times;
    std::optional<schemas::Instant> certificate_until;
    std::string server;  ///< "im1:8080", for reasons
    std::string peer;    ///< "127.0.0.1:8080"

    /// The first header of that name (in lower case), or "".
    [[nodiscard]] std::string_view header(std::string_view name) const;
};

class HttpClient {
public:
    explicit HttpClient(Engine& engine);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// One request, redirects included, on fresh connections. Any status is an answer; trouble is what left no
    /// complete answer, with a reason that names server and phase.
    Task<tl::expected<HttpResponse, Trouble>> fetch(HttpRequest request, TimePoint deadline);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::probes
