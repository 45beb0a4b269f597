// The reporter's HTTP server: plain requests and responses for the handlers, event streams for live pages.
// Behind it stands libmicrohttpd (tests/bench/event_streams_bench.cpp measures it): one thread watches all
// connections, a few workers run the handlers, so a handler may wait (for a commit) without holding others up.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace slimtax::reporter {

struct Request {
    std::string method;  ///< "GET" (also for HEAD: the server leaves the body out), "POST"
    std::string path;    ///< percent-decoded, without the query: "/services/campus-im"
    std::vector<std::pair<std::string, std::string>> query;   ///< decoded, in order
    std::map<std::string, std::string, std::less<>> headers;  ///< names in lower case
    std::string body;
    std::string remote;  ///< the peer's numeric address
    std::string user;    ///< the viewer who signed in; empty when nobody has to

    /// The first value of that name in the query, or nothing.
    [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
    /// The header's value, or an empty text. `name` in lower case.
    [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct Response {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    /// More headers, or others than the server's own: what stands here wins over Content-Security-Policy
    /// (default-src 'self'), Cache-Control (no-store) and the like.
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    [[nodiscard]] static Response text(int status, std::string body);
    [[nodiscard]] static Response html(std::string body, int status = 200);
    [[nodiscard]] static Response json(std::string body, int status = 200);
    [[nodiscard]] static Response redirect(std::string to);  ///< 303
};

/// Called on a worker's thread, several at once. What it throws becomes a 500 without details.
using Handler = std::function<Response(const Request&)>;

/// Looks at a request's headers before its body is read: a response here ends it (wrong token), nothing lets it in.
using Guard = std::function<std::optional<Response>(const Request&)>;

/// Who may call a route.
enum class Access {
    viewer,  ///< whoever may see the pages: signed-in viewers when there are any, else everybody who can connect
    open,    ///< everybody: the route has its own guard, or nothing to hide
};

struct RouteOptions {
    Access access = Access::viewer;
    std::size_t body_limit = 64 * 1024;  ///< bytes; more is a 413
    Guard guard;
};

/// Server-sent events to many browsers. A new stream gets the last event of each name at once; a stream that reads
/// slowly gets only the newest event of each name, so what waits for it is bounded. Safe from every thread.
class EventHub {
public:
    explicit EventHub(std::size_t most_streams = 4000);
    ~EventHub();
    EventHub(const EventHub&) = delete;
    EventHub& operator=(const EventHub&) = delete;

    /// `event` is a word; `data` may have several lines.
    void publish(std::string_view event, std::string_view data);

    /// How many listen now.
    [[nodiscard]] std::size_t streams() const;

private:
    friend class HttpServer;
    struct State;
    std::shared_ptr<State> state_;
};

struct HttpOptions {
    struct Viewer {
        std::string name;
        std::string password;
    };
    std::string address = "127.0.0.1";  ///< numeric, or "localhost"
    std::uint16_t port = 8080;          ///< 0: any free one
    /// With viewers every `Access::viewer` route asks for HTTP Basic. Without them the server refuses to listen
    /// beyond loopback, and answers only to numeric and `localhost` Host headers (against DNS rebinding).
    std::vector<Viewer> viewers;
    std::size_t most_connections = 5000;
    std::chrono::seconds idle_timeout{30};  ///< of a connection that neither asks nor takes
    unsigned workers = 8;
};

class HttpServer {
public:
    explicit HttpServer(HttpOptions options);
    ~HttpServer();  ///< stops
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Before start(). `path` is exact, or a prefix when it ends with a slash and is not "/". GET serves HEAD too.
    void route(std::string method, std::string path, Handler handler, RouteOptions options = {});

    /// Before start(). Answers GET where no route fits, for everybody: it may not wait, and may tell nothing.
    void not_found(Handler handler);

    /// Before start(). GET `path` is a stream of the hub's events. The hub must outlive the server.
    void events(std::string path, EventHub& hub);

    /// Starts to serve and returns the port, or a sentence that says why not.
    [[nodiscard]] tl::expected<std::uint16_t, std::string> start();

    /// Ends the streams, answers what is being handled, closes. May be called twice.
    void stop();

    /// For /metrics.
    struct Counts {
        std::uint64_t requests = 0;
        std::uint64_t connections = 0;             ///< open now
        std::map<int, std::uint64_t> by_status{};  ///< answers so far
    };
    [[nodiscard]] Counts counts() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::reporter
