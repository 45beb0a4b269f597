// Servers that do exactly what a test says, also what no good server does: refuse, hang, half-answer, lie, reset.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

struct ssl_st;
struct ssl_ctx_st;

namespace slimtax::probes {

/// One accepted connection, in the hands of the script. Calls block; all of them end when the server is destroyed.
class ScriptedConnection {
public:
    explicit ScriptedConnection(int fd);
    ~ScriptedConnection();
    ScriptedConnection(const ScriptedConnection&) = delete;
    ScriptedConnection& operator=(const ScriptedConnection&) = delete;

    /// Reads until `end` has come (included in the result), or the peer closed: then what there was.
    std::string read_until(std::string_view end);
    std::string read_line() { return read_until("\n"); }
    /// Exactly that many bytes, or what there was when the peer closed.
    std::string read_bytes(std::size_t count);

    /// False when the peer is gone.
    bool send(std::string_view bytes);

    /// Becomes the server's side of a TLS handshake; false when the peer gave up.
    bool start_tls(const std::string& certificate_file, const std::string& key_file);

    /// Says nothing until the peer closes or the server is destroyed.
    void hang();
    /// Closes in good order (also done after the script).
    void close();
    /// Closes with a TCP reset.
    void reset();

private:
    friend class ScriptedServer;
    bool fill();
    void interrupt() const;

    int fd_;
    std::string received_;
    ssl_ctx_st* context_ = nullptr;
    ssl_st* tls_ = nullptr;
};

/// Listens on 127.0.0.1 at a free port; runs the script for each connection, each in a thread of its own.
class ScriptedServer {
public:
    using Script = std::function<void(ScriptedConnection&)>;

    explicit ScriptedServer(Script script);
    ~ScriptedServer();
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    /// Accepted so far.
    [[nodiscard]] int connections() const { return count_; }

private:
    void accept_all();

    Script script_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<int> count_ = 0;
    std::mutex mutex_;
    bool stopping_ = false;
    struct Client {
        std::unique_ptr<ScriptedConnection> connection;
        std::thread thread;
    };
    std::list<Client> clients_;
    std::thread acceptor_;
};

/// A UDP socket on 127.0.0.1: the script makes an answer for each datagram, or none.
class ScriptedDatagrams {
public:
    using Script = std::function<std::optional<std::string>(const std::string& datagram)>;

    /// `port` 0: a free one.
    explicit ScriptedDatagrams(Script script, std::uint16_t port = 0);
    ~ScriptedDatagrams();
    ScriptedDatagrams(const ScriptedDatagrams&) = delete;
    ScriptedDatagrams& operator=(const ScriptedDatagrams&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] int datagrams() const { return count_; }

private:
    Script script_;
    int fd_ = -1;
    int stop_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<int> count_ = 0;
    std::thread thread_;
};

/// A TCP port of 127.0.0.1 that nobody listens at and nobody else gets: connections are refused.
class RefusingPort {
public:
    RefusingPort();
    ~RefusingPort();
    RefusingPort(const RefusingPort&) = delete;
    RefusingPort& operator=(const RefusingPort&) = delete;
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    int fd_;
    std::uint16_t port_;
};

/// A port whose queue of connections is full: a further one is neither accepted nor refused.
class DeafPort {
public:
    DeafPort();
    ~DeafPort();
    DeafPort(const DeafPort&) = delete;
    DeafPort& operator=(const DeafPort&) = delete;
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    int fd_;
    std::uint16_t port_;
    std::list<int> callers_;
};

}  // namespace slimtax::probes
