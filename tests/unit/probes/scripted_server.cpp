#include "tests/unit/probes/scripted_server.hpp"

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace slimtax::probes {
namespace {

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

/// A socket bound to a port of 127.0.0.1; 0: a free one, which is left there.
int bound_socket(int type, std::uint16_t& port) {
    const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t length = sizeof address;
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        fail("no port for a scripted server");
    }
    port = ntohs(address.sin_port);
    return fd;
}

}  // namespace

ScriptedConnection::ScriptedConnection(int fd) : fd_(fd) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // what is sent is on its way at once
}

ScriptedConnection::~ScriptedConnection() {
    SSL_free(tls_);
    SSL_CTX_free(context_);
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

bool ScriptedConnection::fill() {
    char room[16384];
    const ssize_t got = tls_ != nullptr ? SSL_read(tls_, room, sizeof room) : ::recv(fd_, room, sizeof room, 0);
    if (got <= 0) {
        return false;
    }
    received_.append(room, static_cast<std::size_t>(got));
    return true;
}

std::string ScriptedConnection::read_until(std::string_view end) {
    while (received_.find(end) == std::string::npos && fill()) {
    }
    const std::size_t place = received_.find(end);
    return read_bytes(place == std::string::npos ? received_.size() : place + end.size());
}

std::string ScriptedConnection::read_bytes(std::size_t count) {
    while (received_.size() < count && fill()) {
    }
    const std::string taken = received_.substr(0, count);
    received_.erase(0, taken.size());
    return taken;
}

bool ScriptedConnection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = tls_ != nullptr ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                                             : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool ScriptedConnection::start_tls(const std::string& certificate_file, const std::string& key_file) {
    context_ = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(context_, certificate_file.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context_, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
        throw std::runtime_error("no certificate for a scripted server: " + certificate_file);
    }
    tls_ = SSL_new(context_);
    SSL_set_fd(tls_, fd_);
    return SSL_accept(tls_) == 1;
}

void ScriptedConnection::hang() {
    while (fill()) {
    }
}

void ScriptedConnection::close() {
    if (tls_ != nullptr) {
        SSL_shutdown(tls_);
    }
    ::shutdown(fd_, SHUT_RDWR);
}

void ScriptedConnection::reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    // Only a real close sends the reset; the number stays taken, so that `interrupt` hits nobody else.
    const int stand_in = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::dup2(stand_in, fd_);
    ::close(stand_in);
}

void ScriptedConnection::interrupt() const {
    ::shutdown(fd_, SHUT_RDWR);
}

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    listener_ = bound_socket(SOCK_STREAM, port_);
    if (::listen(listener_, 128) != 0) {
        fail("a scripted server cannot listen");
    }
    acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (const Client& client : clients_) {
            client.connection->interrupt();
        }
    }
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (Client& client : clients_) {
        client.thread.join();
    }
    ::close(listener_);
}

void ScriptedServer::accept_all() {
    for (;;) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const std::lock_guard lock(mutex_);
        if (fd < 0 || stopping_) {
            if (fd >= 0) {
                ::close(fd);
            }
            return;
        }
        ++count_;
        Client& client = clients_.emplace_back();
        client.connection = std::make_unique<ScriptedConnection>(fd);
        client.thread = std::thread([this, &connection = *client.connection] {
            script_(connection);
            connection.close();
        });
    }
}

ScriptedDatagrams::ScriptedDatagrams(Script script, std::uint16_t port) : script_(std::move(script)), port_(port) {
    fd_ = bound_socket(SOCK_DGRAM, port_);
    stop_ = ::eventfd(0, EFD_CLOEXEC);
    thread_ = std::thread([this] {
        for (;;) {
            pollfd both[] = {{fd_, POLLIN, 0}, {stop_, POLLIN, 0}};
            ::poll(both, 2, -1);
            if (both[1].revents != 0) {
                return;
            }
            char room[65536];
            sockaddr_in peer{};
            socklen_t length = sizeof peer;
            const ssize_t got = ::recvfrom(fd_, room, sizeof room, 0, reinterpret_cast<sockaddr*>(&peer), &length);
            if (got < 0) {
                continue;
            }
            ++count_;
            if (const auto answer = script_(std::string(room, static_cast<std::size_t>(got)))) {
                ::sendto(fd_, answer->data(), answer->size(), 0, reinterpret_cast<sockaddr*>(&peer), length);
            }
        }
    });
}

ScriptedDatagrams::~ScriptedDatagrams() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_, &one, sizeof one);
    thread_.join();
    ::close(fd_);
    ::close(stop_);
}

RefusingPort::RefusingPort() : fd_(-1), port_(0) {
    fd_ = bound_socket(SOCK_STREAM, port_);
}
RefusingPort::~RefusingPort() {
    ::close(fd_);
}

DeafPort::DeafPort() : fd_(-1), port_(0) {
    fd_ = bound_socket(SOCK_STREAM, port_);
    if (::listen(fd_, 0) != 0) {
        fail("a deaf port cannot listen");
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    // A queue of length 0 holds one connection; the rest of these callers keep it full.
    for (int i = 0; i < 4; ++i) {
        const int caller = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        [[maybe_unused]] const int begun = ::connect(caller, reinterpret_cast<sockaddr*>(&address), sizeof address);
        callers_.push_back(caller);
    }
}

DeafPort::~DeafPort() {
    for (const int caller : callers_) {
        ::close(caller);
    }
    ::close(fd_);
}

}  // namespace slimtax::probes
