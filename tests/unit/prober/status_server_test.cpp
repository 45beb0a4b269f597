#include "prober/status_server.hpp"

#include <array>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace slimtax::prober;
using namespace std::chrono_literals;
using slimtax::probes::Loop;
using slimtax::probes::Task;

namespace {

Task<StatusResponse> echo(StatusRequest request) {
    if (request.path == "/broken") {
        throw std::runtime_error("it broke");
    }
    StatusResponse response;
    response.body = request.method + " " + request.path + "\n";
    co_return response;
}

// A blocking client: connects, sends the pieces one by one, reads until the server closes.
class Client {
public:
    explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval patience{20, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() { ::close(fd_); }

    void send(const std::string& text) const { ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
    [[nodiscard]] std::string read_all() const {
        std::string all;
        std::array<char, 4096> room{};
        for (;;) {
            const auto count = ::recv(fd_, room.data(), room.size(), 0);
            if (count <= 0) {
                return all;
            }
            all.append(room.data(), static_cast<std::size_t>(count));
        }
    }
    [[nodiscard]] bool connected() const { return connected_; }

private:
    int fd_;
    bool connected_ = false;
};

struct House {
    House() : server(StatusServer::listen(loop, "127.0.0.1", 0, echo).value()) {}

    // What the server answers to these pieces, sent from a thread of its own.
    std::string ask(const std::vector<std::string>& pieces) {
        std::string answer;
        std::function<void()> client = [&answer, &pieces, port = server->port()] {
            const Client connection(port);
            for (const std::string& piece : pieces) {
                connection.send(piece);
                std::this_thread::sleep_for(2ms);
            }
            answer = connection.read_all();
        };
        loop.run_until_done(loop.in_worker(std::move(client), Loop::now() + 30s));
        return answer;
    }

    Loop loop;
    std::unique_ptr<StatusServer> server;
};

}  // namespace

TEST_CASE("the status server answers one request and closes") {
    House house;
    const std::string answer = house.ask({"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"});
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.find("Content-Length: 13\r\n") != std::string::npos);
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
    CHECK(answer.ends_with("\r\n\r\nGET /metrics\n"));
}

TEST_CASE("a request may come in pieces") {
    House house;
    CHECK(house.ask({"GE", "T / HTTP/1.1\r", "\n\r", "\n"}).ends_with("\r\n\r\nGET /\n"));
}

TEST_CASE("HEAD gets the length and no body") {
    House house;
    const std::string answer = house.ask({"HEAD /healthz HTTP/1.1\r\n\r\n"});
    CHECK(answer.find("Content-Length: 13\r\n") != std::string::npos);
    CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("what is no request, too long, or breaks its handler is answered so") {
    House house;
    CHECK(house.ask({"hello\r\n\r\n"}).starts_with("HTTP/1.1 400 "));
    CHECK(house.ask({"GET / HTTP/1.1\r\nX: " + std::string(9000, 'x')}).starts_with("HTTP/1.1 431 "));
    CHECK(house.ask({"GET /broken HTTP/1.1\r\n\r\n"}).starts_with("HTTP/1.1 500 "));
}

TEST_CASE("a web page cannot post to the status server") {
    House house;
    CHECK(house.ask({"POST /-/reload HTTP/1.1\r\norigin: http://evil.example\r\n\r\n"}).starts_with("HTTP/1.1 403 "));
    CHECK(house.ask({"POST /-/reload HTTP/1.1\r\nHost: x\r\n\r\n"}).starts_with("HTTP/1.1 200 "));
}

TEST_CASE("clients that say nothing do not keep others from their answer, and too many are closed") {
    House house;
    std::vector<std::unique_ptr<Client>> silent;
    for (int i = 0; i < StatusServer::most_connections - 1; ++i) {
        silent.push_back(std::make_unique<Client>(house.server->port()));
        REQUIRE(silent.back()->connected());
    }
    CHECK(house.ask({"GET / HTTP/1.1\r\n\r\n"}).starts_with("HTTP/1.1 200 "));
    silent.push_back(std::make_unique<Client>(house.server->port()));
    CHECK(house.ask({"GET / HTTP/1.1\r\n\r\n"}).empty());
}

TEST_CASE("the status server listens on this machine only, and says why it cannot") {
    Loop loop;
    const auto wide = StatusServer::listen(loop, "0.0.0.0", 0, echo);
    REQUIRE_FALSE(wide.has_value());
    CHECK(wide.error().find("the prober answers on this machine only") != std::string::npos);
    CHECK_FALSE(StatusServer::listen(loop, "192.0.2.1", 0, echo).has_value());
    CHECK_FALSE(StatusServer::listen(loop, "example.com", 0, echo).has_value());
    CHECK(StatusServer::listen(loop, "localhost", 0, echo).has_value());
    const auto first = StatusServer::listen(loop, "127.0.0.1", 0, echo);
    const auto second = StatusServer::listen(loop, "127.0.0.1", (*first)->port(), echo);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().find("Address already in use; another program has the port") != std::string::npos);
}
