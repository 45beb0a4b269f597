#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"
#include "tests/unit/probes/scripted_step.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

std::string exchange(ScriptedServer::Script script, Values values, std::chrono::milliseconds patience = 20s) {
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    Engine engine(options);
    return told(engine, "tcp.exchange", std::move(script), std::move(values), patience);
}

schemas::TextList list(std::initializer_list<std::string> texts) {
    return texts;
}

// A unix domain socket in a folder of its own, of some kind, listening or not.
class UnixSocket {
public:
    explicit UnixSocket(int type, int backlog) : fd_(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path().c_str(), path().size());
        REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        if (backlog >= 0) {
            REQUIRE(::listen(fd_, backlog) == 0);
        }
    }
    ~UnixSocket() { ::close(fd_); }
    UnixSocket(const UnixSocket&) = delete;
    UnixSocket& operator=(const UnixSocket&) = delete;
    [[nodiscard]] std::string path() const { return (folder_.path() / "socket").string(); }

private:
    TemporaryFolder folder_;
    int fd_;
};

std::string at_socket(const std::string& path, Values values = {}, std::chrono::milliseconds patience = 20s) {
    Engine engine;
    values.emplace("path", path);
    const StepRun run = run_operation(engine, "unix.exchange", values, patience);
    return run.verdict() + ": " + replaced(run.outcome.reason, path, "PATH");
}

}  // namespace

TEST_CASE("an exchange ends when the kernel had the reply, however late the loop came to read it") {
    Engine engine;
    std::atomic<bool> blocked = false;
    std::atomic<bool> sent = false;
    TimePoint sent_at;
    const auto until = [](const std::atomic<bool>& flag) {
        for (int i = 0; i < 10'000 && !flag; ++i) {
            std::this_thread::sleep_for(1ms);
        }
    };
    const ScriptedServer server([&](ScriptedConnection& connection) {
        connection.read_until("PING");
        engine.loop().post([&] {  // something holds the loop up while the reply arrives, and some time more
            blocked = true;
            until(sent);
            std::this_thread::sleep_for(100ms);
        });
        until(blocked);
        connection.send("PONG");
        sent_at = Loop::now();
        sent = true;
    });
    const TimePoint begun = Loop::now();
    const StepRun run = run_operation(engine, "tcp.exchange",
                                      {{"host", "127.0.0.1"},
                                       {"port", std::int64_t{server.port()}},
                                       {"send", list({"PING"})},
                                       {"replies", list({"PONG"})}});
    CHECK(run.outcome.reason == "");
    REQUIRE(sent);
    REQUIRE(run.report.measured.has_value());
    // The stamp is the wall clock's: a millisecond for what lies between the two clocks.
    CHECK(begun + *run.report.measured <= sent_at + 1ms);
    CHECK(run.number("time.exchange") <= schemas::to_seconds(*run.report.measured));
}

TEST_CASE("tcp.exchange: a conversation with a real mail server") {
    const CampusServer exim("exim");
    Engine engine;
    const StepRun run = run_operation(engine, "tcp.exchange",
                                      {{"host", "127.0.0.1"},
                                       {"port", std::int64_t(exim.port())},
                                       {"greeting", pattern("^220 ")},
                                       {"send", list({"EHLO probe\r\n", "NOOP\r\n", "QUIT\r\n"})},
                                       {"replies", list({"(?m)^250 ", "", "(?m)^221 "})}});
    CHECK(run.outcome.reason == "");
    CHECK(run.text("said").find("221 ") != std::string::npos);
    CHECK(run.number("time.greeting") > 0);
    CHECK(run.number("time.exchange") > 0);
    CHECK(run.has("address"));
}

TEST_CASE("tcp.exchange: replies that come in pieces, late ones, none and other ones") {
    const Values dialogue{{"send", list({"one\n", "two\n"})}, {"replies", list({"^1$", "^2$"})}};
    CHECK(exchange(answers({"", "1", "2"}), dialogue) == "ok: ");
    CHECK(exchange(
              [](ScriptedConnection& connection) {
                  connection.read_line();
                  connection.send("12");
                  std::this_thread::sleep_for(5ms);
                  connection.send("34");
                  connection.hang();
              },
              {{"send", list({"x\n"})}, {"replies", list({"1234"})}}) == "ok: ");
    CHECK(exchange(answers({"", "1", "3"}), dialogue, 2s) ==
          "timeout: SERVER said \"3\", which does not hold '^2$', and no more within 2 s");
    CHECK(exchange(answers({"", "1"}), dialogue, 2s) ==
          "timeout: SERVER did not say anything that holds '^2$' within 2 s");
    CHECK(exchange(answers_and_closes({"", "1", "3"}), dialogue) ==
          "failed: SERVER said \"3\", which does not hold '^2$'");
    CHECK(exchange(answers_and_closes({"bye\r\n"}), {{"greeting", pattern("^220 ")}}) ==
          "failed: SERVER said \"bye\", which does not hold '^220 '");
    CHECK(exchange(
              [](ScriptedConnection& connection) {
                  connection.read_line();
                  connection.reset();
              },
              dialogue) == "failed: connection to SERVER broken: Connection reset by peer");
    CHECK(exchange(
              [](ScriptedConnection& connection) {
                  const std::string part(65536, 'x');
                  while (connection.send(part)) {
                  }
              },
              dialogue)
              .starts_with("failed: SERVER said \"xxxxx"));
}

TEST_CASE("tcp.exchange: over TLS") {
    CHECK(exchange(
              [](ScriptedConnection& connection) {
                  if (connection.start_tls(certificate("server.pem"), certificate("server.key"))) {
                      connection.send(connection.read_line());
                      connection.hang();
                  }
              },
              {{"tls", true}, {"send", list({"echo\n"})}, {"replies", list({"^echo"})}}) == "ok: ");
}

TEST_CASE("tcp.exchange: what cannot be is our own side's trouble") {
    CHECK(exchange(answers({}), {{"send", list({"x"})}, {"replies", list({"a", "b"})}})
              .starts_with("prober_fault: there are 2 `replies` to 1 text in `send`"));
}

TEST_CASE("unix.exchange: a real Redis server answers at its socket") {
    const CampusServer redis("redis", {"open=yes"});
    const std::string path = (redis.folder() / "socket").string();
    Engine engine;
    const StepRun run = run_operation(engine, "unix.exchange",
                                      {{"path", path}, {"send", list({"PING\r\n"})}, {"replies", list({"^\\+PONG"})}});
    CHECK(run.outcome.reason == "");
    CHECK(run.text("said") == "+PONG\r\n");
    CHECK(run.number("time.connect") > 0);
    redis.freeze();
    CHECK(at_socket(path, {{"send", list({"PING\r\n"})}, {"replies", list({"^\\+PONG"})}}, 2s) ==
          "timeout: the service at PATH did not say anything that holds '^\\+PONG' within 2 s");
}

TEST_CASE("unix.exchange: no socket, nobody there, another kind, a full queue, a path that is none") {
    CHECK(at_socket("/nonexistent/socket") == "failed: there is no socket PATH");
    {
        const UnixSocket left_over(SOCK_STREAM, -1);
        CHECK(at_socket(left_over.path()) == "failed: nobody listens at the socket PATH");
        const UnixSocket datagrams(SOCK_DGRAM, -1);
        CHECK(at_socket(datagrams.path()) == "failed: the socket PATH is of another kind: it takes no connections");
    }
    const UnixSocket silent(SOCK_STREAM, 0);
    CHECK(at_socket(silent.path(), {{"greeting", pattern("hello")}}, 2s) ==
          "timeout: the service at PATH did not say anything that holds 'hello' within 2 s");
    CHECK(at_socket(silent.path(), {{"greeting", pattern("hello")}}, 2s) ==
          "timeout: the service at PATH did not accept the connection within 2 s");
    CHECK(
        at_socket("/" + std::string(200, 'x')).starts_with("prober_fault: the path of a unix domain socket has 1 to "));
    CHECK(at_socket("@slimtax-nobody-has-this") == "failed: nobody listens at the socket PATH");
}

}  // namespace slimtax::probes
