#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include <doctest/doctest.h>

#include "tests/unit/prober/folder.hpp"
#include "tests/unit/probes/run_operation.hpp"

using namespace slimtax;
using namespace slimtax::probes;
using slimtax::tests::Folder;
using slimtax::tests::write_file;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A socket of our own that listens (a stream) or is bound (datagrams).
class Bound {
public:
    Bound(int family, int type, const std::string& address) : fd_(::socket(family, type | SOCK_CLOEXEC, 0)) {
        REQUIRE(fd_ >= 0);
        if (family == AF_UNIX) {
            sockaddr_un name{};
            name.sun_family = AF_UNIX;
            std::memcpy(name.sun_path, address.data(), address.size());
            const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
            REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&name), length) == 0);
        } else if (family == AF_INET6) {
            sockaddr_in6 name{};
            name.sin6_family = AF_INET6;
            ::inet_pton(AF_INET6, address.c_str(), &name.sin6_addr);
            bind_and_ask(name, name.sin6_port);
        } else {
            sockaddr_in name{};
            name.sin_family = AF_INET;
            ::inet_pton(AF_INET, address.c_str(), &name.sin_addr);
            bind_and_ask(name, name.sin_port);
        }
        if (type == SOCK_STREAM) {
            REQUIRE(::listen(fd_, 16) == 0);
        }
    }
    ~Bound() { ::close(fd_); }
    Bound(const Bound&) = delete;
    Bound& operator=(const Bound&) = delete;
    [[nodiscard]] std::int64_t port() const { return port_; }

private:
    void bind_and_ask(auto& name, const in_port_t& port) {
        REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
        socklen_t length = sizeof name;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &length);
        port_ = ntohs(port);
    }

    int fd_;
    std::int64_t port_ = 0;
};

/// Connections to a port of 127.0.0.1 that nobody accepts.
class Callers {
public:
    Callers(std::int64_t port, int count) {
        for (int i = 0; i < count; ++i) {
            sockaddr_in name{};
            name.sin_family = AF_INET;
            name.sin_port = htons(static_cast<std::uint16_t>(port));
            name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            fds_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            REQUIRE(::connect(fds_.back(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
        }
    }
    ~Callers() {
        for (const int fd : fds_) {
            ::close(fd);
        }
    }
    Callers(const Callers&) = delete;
    Callers& operator=(const Callers&) = delete;

private:
    std::vector<int> fds_;
};

StepRun look(const Values& values) {
    Engine engine;
    return run_operation(engine, "socket.listening", values);
}

}  // namespace

TEST_CASE("socket.listening: a TCP port is found, with its address, user and process, and nobody connects to it") {
    const Bound server(AF_INET, SOCK_STREAM, "127.0.0.1");
    const StepRun run = look({{"port", server.port()}});
    CHECK(run.verdict() == "ok");
    CHECK(run.number("count") == 1);
    CHECK(run.text("address") == "127.0.0.1:" + std::to_string(server.port()));
    CHECK(run.number("pid") == ::getpid());
    CHECK(run.text("process") == "unit-probes");
    CHECK(run.number("waiting") == 0);
    CHECK_FALSE(run.text("user").empty());
}

TEST_CASE("socket.listening: nothing there fails, and is what `listening = false` wants") {
    std::int64_t port = 0;
    {
        const Bound server(AF_INET, SOCK_STREAM, "127.0.0.1");
        port = server.port();
        const StepRun open = look({{"port", port}, {"listening", false}});
        CHECK(open.verdict() == "failed");
        CHECK(has(open.outcome.reason, "something listens on TCP port " + std::to_string(port)));
        CHECK(has(open.outcome.reason, "unit-probes"));
        // Open to this machine alone is not open to all.
        CHECK(look({{"port", port}, {"listening", false}, {"address", std::string("0.0.0.0")}}).verdict() == "ok");
    }
    const StepRun gone = look({{"port", port}});
    CHECK(gone.verdict() == "failed");
    CHECK(gone.outcome.reason == "nothing on this machine listens on TCP port " + std::to_string(port));
    CHECK(look({{"port", port}, {"listening", false}}).verdict() == "ok");
}

TEST_CASE("socket.listening: an address is served by its own socket or by one for all addresses") {
    const Bound one(AF_INET, SOCK_STREAM, "127.0.0.1");
    const Bound all(AF_INET, SOCK_STREAM, "0.0.0.0");
    const Bound all6(AF_INET6, SOCK_STREAM, "::");
    const Bound one6(AF_INET6, SOCK_STREAM, "::1");
    const auto served = [](const Bound& server, const char* address) {
        return look({{"port", server.port()}, {"address", std::string(address)}}).verdict() == "ok";
    };
    CHECK(served(one, "127.0.0.1"));
    CHECK_FALSE(served(one, "127.0.0.2"));
    CHECK(served(all, "127.0.0.2"));
    CHECK_FALSE(served(all, "::1"));
    CHECK(served(all6, "::1"));
    CHECK(served(all6, "127.0.0.1"));
    CHECK(served(one6, "::1"));
    CHECK_FALSE(served(one6, "::2"));
    CHECK(look({{"port", one6.port()}}).text("address") == "[::1]:" + std::to_string(one6.port()));
}

TEST_CASE("socket.listening: a UDP port is another one than the TCP port of that number") {
    const Bound server(AF_INET, SOCK_DGRAM, "127.0.0.1");
    CHECK(look({{"port", server.port()}, {"protocol", std::string("udp")}}).verdict() == "ok");
    CHECK(look({{"port", server.port()}}).verdict() == "failed");
}

TEST_CASE("socket.listening: Unix sockets are found by their path, also abstract ones and those with blanks") {
    const Folder folder;
    const std::string path = (folder / "a b.sock").string();
    const Bound stream(AF_UNIX, SOCK_STREAM, path);
    const Bound datagrams(AF_UNIX, SOCK_DGRAM, path + ".log");
    const Bound abstract(AF_UNIX, SOCK_STREAM, std::string(1, '\0') + path);
    CHECK(look({{"path", path}}).verdict() == "ok");
    CHECK(look({{"path", path}}).text("address") == path);
    CHECK(look({{"path", path + ".log"}}).verdict() == "ok");
    CHECK(look({{"path", "@" + path}}).verdict() == "ok");
    const StepRun gone = look({{"path", path + ".no"}});
    CHECK(gone.outcome.reason == "nothing on this machine listens on Unix socket " + path + ".no");
}

TEST_CASE("socket.listening: connections that nobody accepts are counted") {
    const Bound server(AF_INET, SOCK_STREAM, "127.0.0.1");
    const Callers callers(server.port(), 3);
    const StepRun run = look({{"port", server.port()}, {"max_waiting", std::int64_t{3}}});
    CHECK(run.verdict() == "ok");
    CHECK(run.number("waiting") == 3);
    const StepRun full = look({{"port", server.port()}, {"max_waiting", std::int64_t{2}}});
    CHECK(full.verdict() == "failed");
    CHECK(has(full.outcome.reason, "3 connections wait at TCP port"));
}

TEST_CASE("socket.listening: the wrong program at the right port fails") {
    const Bound server(AF_INET, SOCK_STREAM, "127.0.0.1");
    CHECK(look({{"port", server.port()}, {"process", std::string("unit-probes")}}).verdict() == "ok");
    const StepRun other = look({{"port", server.port()}, {"process", std::string("nginx")}});
    CHECK(other.verdict() == "failed");
    CHECK(has(other.outcome.reason, "is not listened on by process 'nginx', but by 'unit-probes'"));
}

TEST_CASE("socket.listening: what it cannot read or understand is our fault") {
    Engine engine;
    CHECK(run_operation(engine, "socket.listening", {}).verdict() == "prober_fault");
    CHECK(look({{"port", std::int64_t{1}}, {"path", std::string("/x")}}).verdict() == "prober_fault");
    const StepRun name = look({{"port", std::int64_t{1}}, {"address", std::string("localhost")}});
    CHECK(name.outcome.reason == "address = \"localhost\" is no numeric address");

    const Folder proc;
    EngineOptions options;
    options.proc_root = proc.path().string();
    Engine elsewhere(options);
    CHECK(run_operation(elsewhere, "socket.listening", {{"port", std::int64_t{1}}}).verdict() == "prober_fault");
    // Lines that are none do no harm; a socket whose process is gone is still listening.
    std::filesystem::create_directory(proc / "net");
    write_file(proc / "net/tcp",
               "heading\nnonsense\n 0: zz 0 0A\n 1: 0100007F:01BB 00000000:0000 0A 00000000:00000005 00:00000000 "
               "00000000  4294967 0 77 1 0 100 0 0 10 0\n 2: 0100007F:01BB 00000000:0000 01 0:0 0:0 0 0 0 78\n");
    const StepRun run = run_operation(elsewhere, "socket.listening", {{"port", std::int64_t{443}}});
    CHECK(run.verdict() == "ok");
    CHECK(run.number("count") == 1);
    CHECK(run.number("waiting") == 5);
    CHECK(run.text("user") == "4294967");
    CHECK_FALSE(run.has("pid"));
}
