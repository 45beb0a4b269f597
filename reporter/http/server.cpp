#include "reporter/http/server.hpp"

#include <microhttpd.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "reporter/http/event_streams.hpp"
#include "reporter/http/listener.hpp"
#include "reporter/http/policy.hpp"
#include "reporter/http/routes.hpp"
#include "reporter/http/work_pool.hpp"

namespace slimtax::reporter {
namespace {

using std::chrono::seconds;

/// A client that went away is noticed when something is sent to it.
constexpr seconds heartbeat{15};
/// How long stop() waits until answers are sent.
constexpr seconds farewell{5};
/// Of a body that is refused, so much is read and thrown away, so that the client gets to read the answer.
constexpr std::size_t most_discarded = 64 * 1024 * 1024;
constexpr std::size_t stream_block = 1024;

/// One request from its first header to its last byte sent. Belongs to the connection; a worker uses it while the
/// connection is suspended.
struct Exchange {
    MHD_Connection* connection = nullptr;
    Request request;
    const Route* route = nullptr;
    std::optional<Response> response;
    std::size_t received = 0;
    bool working = false;  ///< handed to a worker, or answered by one
};

MHD_Result add_header(void* headers, MHD_ValueKind /*kind*/, const char* name, const char* value) {
    std::string key(name);
    std::ranges::transform(key, key.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    auto& all = *static_cast<std::map<std::string, std::string, std::less<>>*>(headers);
    const auto [at, fresh] = all.try_emplace(std::move(key), value == nullptr ? "" : value);
    if (!fresh) {
        at->second.append(", ").append(value == nullptr ? "" : value);
    }
    return MHD_YES;
}

MHD_Result add_parameter(void* query, MHD_ValueKind /*kind*/, const char* name, const char* value) {
    static_cast<std::vector<std::pair<std::string, std::string>>*>(query)->emplace_back(name,
                                                                                        value == nullptr ? "" : value);
    return MHD_YES;
}

std::string numeric(const sockaddr* address) {
    char host[NI_MAXHOST] = "";
    const socklen_t length = address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    getnameinfo(address, length, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
    return host;
}

void log_trouble(void* /*self*/, const char* format, va_list arguments) {
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    spdlog::debug("http: {}", std::string_view(text).substr(0, std::strcspn(text, "\n")));
}

/// Percent-decodes in place. A text with %00 stays as it is: as a C string it would end there, and be another.
std::size_t unescape(void* /*closure*/, MHD_Connection* /*connection*/, char* text) {
    return std::strstr(text, "%00") != nullptr ? std::strlen(text) : MHD_http_unescape(text);
}

}  // namespace

class HttpServer::Impl {
public:
    explicit Impl(HttpOptions options) : options_(std::move(options)) {}
    ~Impl() { stop(); }

    RouteTable& routes() { return routes_; }

    tl::expected<std::uint16_t, std::string> start();
    void stop();
    Counts counts() const;

private:
    static MHD_Result take(void* self, MHD_Connection* connection, const char* url, const char* method,
                           const char* /*version*/, const char* data, std::size_t* size, void** exchange);
    static void completed(void* self, MHD_Connection* /*connection*/, void** exchange,
                          MHD_RequestTerminationCode /*why*/);

    void begin(Exchange& exchange, const char* url, const char* method);
    void receive(Exchange& exchange, const char* data, std::size_t size) const;
    MHD_Result answer(Exchange& exchange);
    MHD_Result send(Exchange& exchange, Response response);
    MHD_Result send_stream(Exchange& exchange);
    MHD_Result send_headers(MHD_Connection* connection, int status, MHD_Response* raw,
                            const std::vector<std::pair<std::string, std::string>>& own);
    void work_on(Exchange& exchange);
    void beat();

    HttpOptions options_;
    RouteTable routes_;
    MHD_Daemon* daemon_ = nullptr;
    std::unique_ptr<WorkPool> workers_;
    std::thread beating_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool ending_ = false;
    std::map<int, std::uint64_t> by_status_;
    std::uint64_t requests_ = 0;
    std::uint64_t under_way_ = 0;
};

tl::expected<std::uint16_t, std::string> HttpServer::Impl::start() {
    if (options_.viewers.empty() && !is_loopback(options_.address)) {
        return tl::unexpected(
            fmt::format("refusing to listen on {}, where others can reach it, without a password: add a "
                        "[[reporter.viewer]] to the configuration, or listen on 127.0.0.1",
                        options_.address));
    }
    raise_descriptor_limit();
    const auto listener = listen_on(options_.address, options_.port);
    if (!listener) {
        return tl::unexpected(listener.error());
    }
    for (const Route& route : routes_.all()) {
        if (route.hub != nullptr) {
            route.hub->state_->begin();
        }
    }
    workers_ = std::make_unique<WorkPool>(options_.workers);
    ending_ = false;
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                           (listener->v6 ? static_cast<unsigned>(MHD_USE_IPv6) : 0U);
    daemon_ = MHD_start_daemon(flags, listener->port, nullptr, nullptr, &Impl::take, this, MHD_OPTION_EXTERNAL_LOGGER,
                               &log_trouble, nullptr, MHD_OPTION_LISTEN_SOCKET, listener->descriptor,
                               MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(options_.most_connections),
                               MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned>(options_.idle_timeout.count()),
                               MHD_OPTION_NOTIFY_COMPLETED, &Impl::completed, this, MHD_OPTION_UNESCAPE_CALLBACK,
                               &unescape, nullptr, MHD_OPTION_END);
    if (daemon_ == nullptr) {
        close(listener->descriptor);
        return tl::unexpected(fmt::format("the web server could not be started: {}", std::strerror(errno)));
    }
    beating_ = std::thread([this] { beat(); });
    return listener->port;
}

void HttpServer::Impl::stop() {
    if (daemon_ == nullptr) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    beating_.join();
    const MHD_socket listening = MHD_quiesce_daemon(daemon_);
    for (const Route& route : routes_.all()) {
        if (route.hub != nullptr) {
            route.hub->state_->end();
        }
    }
    // Every suspended connection is resumed by these two; what was answered shall also be sent.
    workers_->finish();
    {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, farewell, [&] { return under_way_ == 0; });
    }
    MHD_stop_daemon(daemon_);
    daemon_ = nullptr;
    if (listening != MHD_INVALID_SOCKET) {
        close(listening);
    }
}

HttpServer::Counts HttpServer::Impl::counts() const {
    const std::lock_guard lock(mutex_);
    Counts counts{requests_, 0, by_status_};
    if (daemon_ != nullptr) {
        const MHD_DaemonInfo* info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
        counts.connections = info == nullptr ? 0 : info->num_connections;
    }
    return counts;
}

void HttpServer::Impl::beat() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, heartbeat, [&] { return ending_; })) {
        lock.unlock();
        for (const Route& route : routes_.all()) {
            if (route.hub != nullptr) {
                route.hub->state_->send("", ":\n\n");
            }
        }
        lock.lock();
    }
}

/// Called by the web server's thread: once with the headers, then with each part of the body, then once more at its
/// end, and again after each resume.
MHD_Result HttpServer::Impl::take(void* self, MHD_Connection* connection, const char* url, const char* method,
                                  const char* /*version*/, const char* data, std::size_t* size, void** state) {
    auto& server = *static_cast<Impl*>(self);
    if (*state == nullptr) {
        auto fresh = std::make_unique<Exchange>();
        fresh->connection = connection;
        server.begin(*fresh, url, method);
        Exchange& exchange = *fresh;
        *state = fresh.release();
        // A client that asks before it sends its body need not send what would be refused.
        if (exchange.response && !exchange.request.header("expect").empty()) {
            return server.answer(exchange);
        }
        return MHD_YES;
    }
    Exchange& exchange = *static_cast<Exchange*>(*state);
    if (*size > 0) {
        server.receive(exchange, data, *size);
        *size = 0;
        return exchange.received <= most_discarded ? MHD_YES : MHD_NO;
    }
    return server.answer(exchange);
}

void HttpServer::Impl::completed(void* self, MHD_Connection* /*connection*/, void** state,
                                 MHD_RequestTerminationCode /*why*/) {
    auto& server = *static_cast<Impl*>(self);
    if (*state == nullptr) {
        return;
    }
    delete static_cast<Exchange*>(*state);
    *state = nullptr;
    {
        const std::lock_guard lock(server.mutex_);
        --server.under_way_;
    }
    server.changed_.notify_all();
}

void HttpServer::Impl::begin(Exchange& exchange, const char* url, const char* method) {
    {
        const std::lock_guard lock(mutex_);
        ++requests_;
        ++under_way_;
    }
    Request& request = exchange.request;
    request.method = std::strcmp(method, "HEAD") == 0 ? "GET" : method;
    request.path = url;
    MHD_get_connection_values(exchange.connection, MHD_HEADER_KIND, &add_header, &request.headers);
    MHD_get_connection_values(exchange.connection, MHD_GET_ARGUMENT_KIND, &add_parameter, &request.query);
    const MHD_ConnectionInfo* peer = MHD_get_connection_info(exchange.connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    request.remote = peer == nullptr ? "" : numeric(peer->client_addr);
    RouteTable::Found found = routes_.find(request);
    exchange.route = found.route;
    exchange.response =
        found.route == nullptr ? std::move(found.refusal) : turned_away(*found.route, request, options_.viewers);
}

void HttpServer::Impl::receive(Exchange& exchange, const char* data, std::size_t size) const {
    exchange.received += size;
    if (exchange.response) {
        return;  // refused already
    }
    if (exchange.received > exchange.route->options.body_limit) {
        exchange.request.body = {};
        exchange.response = too_long(exchange.route->options.body_limit);
        return;
    }
    exchange.request.body.append(data, size);
}

MHD_Result HttpServer::Impl::answer(Exchange& exchange) {
    if (exchange.response) {
        return send(exchange, *std::exchange(exchange.response, std::nullopt));
    }
    if (exchange.route->hub != nullptr) {
        return send_stream(exchange);
    }
    if (exchange.working) {
        return MHD_YES;  // cannot be: the connection sleeps until the worker is done
    }
    exchange.working = true;
    MHD_suspend_connection(exchange.connection);
    if (!workers_->add([this, &exchange] { work_on(exchange); })) {
        exchange.response = Response::text(503, "The reporter is stopping.\n");
        MHD_resume_connection(exchange.connection);
    }
    return MHD_YES;
}

void HttpServer::Impl::work_on(Exchange& exchange) {
    try {
        exchange.response = exchange.route->handler(exchange.request);
    } catch (const std::exception& error) {
        spdlog::error("{} {} failed: {}", exchange.request.method, exchange.request.path, error.what());
        exchange.response = Response::text(500, "This failed; the reporter's log says why.\n");
    }
    MHD_resume_connection(exchange.connection);
}

MHD_Result HttpServer::Impl::send(Exchange& exchange, Response response) {
    MHD_Response* raw =
        MHD_create_response_from_buffer(response.body.size(), response.body.data(), MHD_RESPMEM_MUST_COPY);
    if (raw == nullptr) {
        return MHD_NO;
    }
    response.headers.emplace_back("Content-Type", response.content_type);
    spdlog::debug("{} {} {} {}", exchange.request.remote, exchange.request.method, exchange.request.path,
                  response.status);
    return send_headers(exchange.connection, response.status, raw, response.headers);
}

MHD_Result HttpServer::Impl::send_stream(Exchange& exchange) {
    struct Open {
        std::shared_ptr<EventHub::State> hub;
        EventStream stream;
        MHD_Connection* connection;
    };
    auto open = std::make_unique<Open>(Open{exchange.route->hub->state_, {}, exchange.connection});
    open->stream.wake = [connection = exchange.connection] { MHD_resume_connection(connection); };
    if (!open->hub->join(open->stream)) {
        Response busy = Response::text(503, "Too many browsers listen already.\n");
        busy.headers.emplace_back("Retry-After", "30");
        return send(exchange, std::move(busy));
    }
    const auto read = [](void* self, std::uint64_t /*at*/, char* buffer, std::size_t size) -> ssize_t {
        auto& its = *static_cast<Open*>(self);
        const auto length = its.hub->read(its.stream, buffer, size, [&] { MHD_suspend_connection(its.connection); });
        return length < 0 ? MHD_CONTENT_READER_END_OF_STREAM : length;
    };
    const auto done = [](void* self) {
        const std::unique_ptr<Open> its(static_cast<Open*>(self));
        its->hub->leave(its->stream);
    };
    MHD_Response* raw = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, stream_block, read, open.get(), done);
    if (raw == nullptr) {
        open->hub->leave(open->stream);
        return MHD_NO;
    }
    static_cast<void>(open.release());
    return send_headers(exchange.connection, 200, raw,
                        {{"Content-Type", "text/event-stream; charset=utf-8"}, {"X-Accel-Buffering", "no"}});
}

MHD_Result HttpServer::Impl::send_headers(MHD_Connection* connection, int status, MHD_Response* raw,
                                          const std::vector<std::pair<std::string, std::string>>& own) {
    for (const auto& [name, value] : own) {
        MHD_add_response_header(raw, name.c_str(), value.c_str());
    }
    for (const auto& [name, value] : usual_headers()) {
        if (MHD_get_response_header(raw, name.c_str()) == nullptr) {
            MHD_add_response_header(raw, name.c_str(), value.c_str());
        }
    }
    {
        const std::lock_guard lock(mutex_);
        ++by_status_[status];
    }
    const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(status), raw);
    MHD_destroy_response(raw);
    return queued;
}

HttpServer::HttpServer(HttpOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpServer::~HttpServer() = default;

void HttpServer::route(std::string method, std::string path, Handler handler, RouteOptions options) {
    impl_->routes().add({std::move(method), std::move(path), false, std::move(handler), std::move(options), nullptr});
}

void HttpServer::not_found(Handler handler) {
    impl_->routes().set_not_found(std::move(handler));
}

void HttpServer::events(std::string path, EventHub& hub) {
    impl_->routes().add({"GET", std::move(path), false, {}, {}, &hub});
}

tl::expected<std::uint16_t, std::string> HttpServer::start() {
    return impl_->start();
}

void HttpServer::stop() {
    impl_->stop();
}

HttpServer::Counts HttpServer::counts() const {
    return impl_->counts();
}

}  // namespace slimtax::reporter
