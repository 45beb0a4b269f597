// A tiny HTTP/1.1 responder on the loop for /metrics, /healthz and /-/reload: one request a connection, loopback
// only, everything bounded. Not a web server: it answers monitoring and the administrator on the same machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "probes/io/loop.hpp"
#include "probes/io/task.hpp"

namespace slimtax::prober {

struct StatusRequest {
    std::string method;  ///< "GET"
    std::string path;    ///< "/metrics", without a query
};

struct StatusResponse {
    int status = 200;
    std::string body;
    std::string content_type = "text/plain; charset=utf-8";
};

class StatusServer {
public:
    static constexpr std::size_t largest_request = 8192;        ///< bytes of request line and headers
    static constexpr int most_connections = 32;                 ///< at a time; more are closed unanswered
    static constexpr auto patience = std::chrono::seconds(10);  ///< for a request to come and an answer to go

    using Handler = std::function<probes::Task<StatusResponse>(StatusRequest)>;

    /// Listens on a loopback address; port 0 takes a free one. The error is a sentence.
    [[nodiscard]] static tl::expected<std::unique_ptr<StatusServer>, std::string> listen(probes::Loop& loop,
                                                                                         const std::string& host,
                                                                                         std::uint16_t port,
                                                                                         Handler handler);
    ~StatusServer();
    StatusServer(const StatusServer&) = delete;
    StatusServer& operator=(const StatusServer&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }

    /// Takes no more connections; those that are open are answered. To be called before the loop shuts down.
    void close();

private:
    StatusServer(probes::Loop& loop, int fd, std::uint16_t port, Handler handler);
    void watch();
    void accept_some();
    probes::Task<void> serve(int fd);
    probes::Task<StatusResponse> answer(std::string head);

    probes::Loop& loop_;
    int fd_;
    std::uint16_t port_;
    Handler handler_;
    probes::Loop::TimerId retry_ = 0;
    std::shared_ptr<int> open_ = std::make_shared<int>(0);
};

}  // namespace slimtax::prober
