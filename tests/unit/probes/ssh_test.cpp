#include <doctest/doctest.h>

#include <dirent.h>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/scripted_server.hpp"
#include "tests/unit/probes/step_runner.hpp"

using namespace slimtax::probes;
using slimtax::schemas::Verdict;
using namespace std::chrono_literals;

namespace {

// One sshd for all tests of this file.
const CampusServer& sshd() {
    static const CampusServer server("sshd");
    return server;
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

StepRunner::Values by_key(const CampusServer& server) {
    return {{"host", "127.0.0.1"},
            {"port", server.port_text()},
            {"user", first_line(server.read("user"))},
            {"key_file", (server.folder() / "id_probe").string()}};
}

StepRunner::Values by_password(std::uint16_t port, const std::string& password = "pw-probe") {
    return {{"host", "127.0.0.1"}, {"port", std::to_string(port)}, {"user", "probe"}, {"password", password}};
}

// True where sshd has an account of its own for tests (it needs root for that).
bool has_password_account() {
    return first_line(sshd().read("user")) == "probe";
}

Ran ssh(StepRunner& runner, const StepRunner::Values& values, std::chrono::milliseconds timeout = 20s) {
    return runner.run("ssh.login", values, timeout);
}

StepRunner::Values with(StepRunner::Values values, const std::string& name, const std::string& value) {
    values[name] = value;
    return values;
}

int open_descriptors() {
    int count = 0;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (::readdir(folder) != nullptr) {
        ++count;
    }
    ::closedir(folder);
    return count;
}

struct Tried {
    Verdict verdict;
    std::string reason;
};

Tried login(const ScriptedServer::Script& script, std::chrono::milliseconds timeout = 10s) {
    const ScriptedServer server(script);
    StepRunner runner;
    const Ran ran = ssh(runner, by_password(server.port(), "hunter2-secret"), timeout);
    CHECK(ran.said().find("hunter2") == std::string::npos);
    std::string reason = ran.outcome.reason;
    const std::string address = "127.0.0.1:" + std::to_string(server.port());
    for (auto at = reason.find(address); at != std::string::npos; at = reason.find(address)) {
        reason.replace(at, address.size(), "SERVER");
    }
    return {ran.outcome.verdict, reason};
}

}  // namespace

TEST_CASE("a user logs in by key, from a file and from text, and opens a session") {
    StepRunner runner;
    const Ran file = ssh(runner, by_key(sshd()));
    CHECK(file.outcome.reason == "");
    REQUIRE(file.outcome.verdict == Verdict::ok);
    CHECK(file.text("fingerprint").starts_with("SHA256:"));
    CHECK(file.text("key_type") == "ssh-ed25519");
    CHECK(file.text("banner").starts_with("SSH-2.0-OpenSSH"));
    for (const char* part : {"lookup", "connect", "key_exchange", "authenticate", "channel"}) {
        CAPTURE(part);
        CHECK(file.timing(part));
    }
    StepRunner::Values text = with(by_key(sshd()), "key", sshd().read("id_probe"));
    text.erase("key_file");
    text["channel"] = "false";
    const Ran by_text = ssh(runner, text);
    CHECK(by_text.outcome.reason == "");
    CHECK_FALSE(by_text.timing("channel"));
    CHECK(by_text.said().find("PRIVATE KEY") == std::string::npos);
}

TEST_CASE("a user logs in by password, and a wrong one is refused") {
    if (!has_password_account()) {
        MESSAGE("only root can give sshd an account with a password");
        return;
    }
    StepRunner runner;
    const Ran good = ssh(runner, by_password(sshd().port()));
    CHECK(good.outcome.reason == "");
    const Ran bad = ssh(runner, by_password(sshd().port(), "wrong-secret"));
    CHECK(bad.outcome.verdict == Verdict::failed);
    CHECK(bad.outcome.reason == "SSH login of probe at 127.0.0.1:" + sshd().port_text() +
                                    " refused: permission denied (by password; it allows password, publickey)");
    CHECK(bad.said().find("wrong-secret") == std::string::npos);
    CHECK(bad.text("fingerprint").starts_with("SHA256:"));
}

TEST_CASE("a key that the server does not know is refused") {
    StepRunner runner;
    const Ran bad = ssh(runner, with(by_key(sshd()), "key_file", (sshd().folder() / "host_rsa").string()));
    CHECK(bad.outcome.verdict == Verdict::failed);
    CHECK(bad.outcome.reason.find("refused: permission denied (by key; it allows ") != std::string::npos);
}

TEST_CASE("the host key is compared as fingerprint and as public key line, of any of its kinds") {
    StepRunner runner;
    const std::string fingerprint = ssh(runner, by_key(sshd())).text("fingerprint");
    const std::string ed25519 = first_line(sshd().read("host_ed25519.pub"));
    const std::string rsa = first_line(sshd().read("host_rsa.pub"));
    const std::string other = first_line(sshd().read("id_probe.pub"));
    for (const std::string& expected : {fingerprint, fingerprint + "=", ed25519, rsa, other + "\n" + ed25519 + "\n"}) {
        CAPTURE(expected);
        CHECK(ssh(runner, with(by_key(sshd()), "host_key", expected)).outcome.reason == "");
    }
    CHECK(ssh(runner, with(by_key(sshd()), "host_key", rsa)).text("key_type") == "ssh-rsa");
    for (const std::string& expected : {other, std::string("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")}) {
        CAPTURE(expected);
        const Ran differs = ssh(runner, with(by_key(sshd()), "host_key", expected));
        CHECK(differs.outcome.verdict == Verdict::failed);
        CHECK(differs.outcome.reason.starts_with("the host key of SSH server 127.0.0.1:" + sshd().port_text() +
                                                 " differs: it shows ssh-ed25519 " + fingerprint +
                                                 ", expected SHA256:"));
    }
    for (const char* rubbish : {"rubbish", "ssh-ed25519 !!!", "ssh-what AAAA", "MD5:aa:bb"}) {
        CAPTURE(rubbish);
        CHECK(ssh(runner, with(by_key(sshd()), "host_key", rubbish)).outcome.verdict == Verdict::prober_fault);
    }
}

TEST_CASE("a key or a choice of keys that cannot be used is our own fault") {
    StepRunner runner;
    CHECK(ssh(runner, with(by_key(sshd()), "password", "x")).outcome.reason ==
          "an SSH login needs exactly one of password, key and key_file");
    const Ran missing = ssh(runner, with(by_key(sshd()), "key_file", "/nonexistent/key"));
    CHECK(missing.outcome.verdict == Verdict::prober_fault);
    CHECK(missing.outcome.reason == "the key file /nonexistent/key cannot be read: No such file or directory");
    const Ran rubbish = ssh(runner, with(by_key(sshd()), "key_file", (sshd().folder() / "sshd_config").string()));
    CHECK(rubbish.outcome.verdict == Verdict::prober_fault);
    CHECK(rubbish.outcome.reason.find("is not a private key, or needs another passphrase") != std::string::npos);
}

TEST_CASE("a key with a passphrase") {
    const TemporaryFolder folder;
    const std::string locked = (folder.path() / "locked").string();
    REQUIRE(std::system(("cp " + (sshd().folder() / "id_probe").string() + " " + locked + " && chmod 600 " + locked +
                         " && ssh-keygen -q -p -P '' -N open-sesame -f " + locked + " > /dev/null")
                            .c_str()) == 0);
    StepRunner runner;
    const StepRunner::Values values = with(by_key(sshd()), "key_file", locked);
    CHECK(ssh(runner, with(values, "key_passphrase", "open-sesame")).outcome.reason == "");
    for (const char* wrong : {"", "closed"}) {
        const Ran refused = ssh(runner, with(values, "key_passphrase", wrong));
        CHECK(refused.outcome.verdict == Verdict::prober_fault);
        CHECK(refused.outcome.reason ==
              "the key file " + locked + " is not a private key, or needs another passphrase");
    }
    const Ran without = ssh(runner, values);  // and nobody is asked at a terminal
    CHECK(without.outcome.verdict == Verdict::prober_fault);
}

TEST_CASE("no descriptor is left after logins, good and bad") {
    StepRunner runner;
    ssh(runner, by_key(sshd()));
    runner.end_run();
    const int before = open_descriptors();
    for (int i = 0; i < 5; ++i) {
        ssh(runner, by_key(sshd()));
        ssh(runner, with(by_key(sshd()), "host_key", "SHA256:x"));
        ssh(runner, by_key(sshd()), 1ms);
    }
    runner.end_run();
    CHECK(open_descriptors() == before);
}

TEST_CASE("an SSH server that refuses the connection is named with its port") {
    const RefusingPort port;
    StepRunner runner;
    CHECK(ssh(runner, by_password(port.port())).outcome.reason ==
          "connection to 127.0.0.1:" + std::to_string(port.port()) + " refused");
}

TEST_CASE("an SSH server that hangs is a time-out that names the stage") {
    const Tried silent = login([](ScriptedConnection& c) { c.hang(); }, 200ms);
    CHECK(silent.verdict == Verdict::timeout);
    CHECK(silent.reason == "SSH server SERVER did not send its greeting within 200 ms");
    const Tried half = login(
        [](ScriptedConnection& c) {
            c.send("SSH-2.0-Open");
            c.hang();
        },
        200ms);
    CHECK(half.reason == "SSH server SERVER did not send its greeting within 200 ms");
    const Tried greeted = login(
        [](ScriptedConnection& c) {
            c.send("SSH-2.0-OpenSSH_9.2\r\n");
            c.hang();
        },
        200ms);
    CHECK(greeted.verdict == Verdict::timeout);
    CHECK(greeted.reason == "SSH server SERVER did not finish the key exchange within 200 ms");
}

TEST_CASE("an SSH server that goes away or is none is a failure") {
    const Tried closed = login([](ScriptedConnection& c) { c.close(); });
    CHECK(closed.verdict == Verdict::failed);
    CHECK(closed.reason.starts_with("SSH server SERVER did not send its greeting: "));
    // On a busy machine the reset may be there before our loop has seen that the connection stands.
    const Tried reset = login([](ScriptedConnection& c) { c.reset(); });
    CHECK(reset.verdict == Verdict::failed);
    const bool told = reset.reason == "connection to SERVER reset by the server" ||
                      reset.reason == "SSH server SERVER did not send its greeting: Connection reset by peer";
    CHECK_MESSAGE(told, reset.reason);
    const Tried later = login([](ScriptedConnection& c) {
        c.send("SSH-2.0-OpenSSH_9.2\r\n");
        c.read_line();
        c.close();
    });
    CHECK(later.verdict == Verdict::failed);
    CHECK(later.reason.starts_with("SSH server SERVER did not finish the key exchange: "));
    for (const std::string& bytes :
         {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("SSH-1.5-old\r\n"), std::string(1 << 16, 'x'),
          "SSH-2.0-x\r\n" + std::string(64, '\xff'), "SSH-2.0-" + std::string(100'000, 'y') + "\r\n"}) {
        CAPTURE(bytes.substr(0, 20));
        const Tried garbage = login(
            [bytes](ScriptedConnection& c) {
                c.send(bytes);
                c.close();
            },
            5s);
        CHECK(garbage.verdict == Verdict::failed);
    }
}

TEST_CASE("an SSH server that talks without end before its greeting is stopped") {
    const Tried flood = login([](ScriptedConnection& c) {
        std::string lines;
        for (int i = 0; i < 4096; ++i) {
            lines += "250-a line\r\n";
        }
        while (c.send(lines)) {
        }
    });
    CHECK(flood.verdict == Verdict::failed);
    CHECK(flood.reason == "SSH server SERVER sent more than 1048576 bytes and did not send its greeting");
}

TEST_CASE("ssh.run: a command in the log-in's session, and in one of its own") {
    StepRunner runner;
    CHECK(ssh(runner, by_key(sshd())).outcome.reason == "");
    const StepRunner::Values there{{"host", "127.0.0.1"}, {"port", sshd().port_text()}};
    const auto run = [&](const std::string& command, StepRunner::Values more = {}) {
        more.merge(StepRunner::Values(there));
        more["command"] = command;
        return runner.run("ssh.run", more);
    };
    const Ran said = run("echo out; echo err >&2", {{"match", "^out$"}});
    CHECK(said.outcome.reason == "");
    CHECK(said.number("exit_code") == 0);
    CHECK(said.text("output") == "out\n");
    CHECK(said.text("errors") == "err\n");
    CHECK(said.timing("command"));
    CHECK_FALSE(said.timing("connect"));
    const std::string server = "SSH server 127.0.0.1:" + sshd().port_text();
    const Ran failed = run("echo 'disk full' >&2; exit 3");
    CHECK(failed.outcome.verdict == Verdict::failed);
    CHECK(failed.outcome.reason == "the command on " + server + " exited with code 3: disk full");
    CHECK(run("exit 3", {{"exit", "3-4"}}).outcome.reason == "");
    CHECK(run("true", {{"exit", "good"}}).outcome.verdict == Verdict::prober_fault);
    CHECK(run("kill -TERM $$").outcome.reason == "the command on " + server + " was ended by signal TERM");
    CHECK(run("echo no", {{"match", "yes"}}).outcome.reason ==
          "the output of the command on " + server + " does not match 'yes': it begins with \"no\"");
    CHECK(run("cat").outcome.reason == "");  // its input is at its end

    StepRunner other;
    StepRunner::Values own = by_key(sshd());
    own["command"] = "echo own";
    const Ran alone = other.run("ssh.run", own);
    CHECK(alone.outcome.reason == "");
    CHECK(alone.text("output") == "own\n");
    CHECK(alone.timing("authenticate"));
    own.erase("user");
    CHECK(other.run("ssh.run", own).outcome.verdict == Verdict::prober_fault);
}

TEST_CASE("ssh.run: output without end is not kept, and a command without end is left at the deadline") {
    StepRunner runner;
    StepRunner::Values values = by_key(sshd());
    values["command"] = "head -c 3000000 /dev/zero | tr '\\0' x";
    values["output_limit"] = "1000";
    const Ran much = runner.run("ssh.run", values);
    CHECK(much.outcome.reason == "");
    CHECK(much.text("output") == std::string(1000, 'x'));
    CHECK(much.said().find("not all that it printed is kept") != std::string::npos);
    for (const char* command : {"sleep 100", "yes"}) {
        values["command"] = command;
        const Ran late = runner.run("ssh.run", values, 3s);
        CHECK(late.outcome.verdict == Verdict::timeout);
        CHECK(late.outcome.reason.find("SSH server 127.0.0.1:" + sshd().port_text() + " did not ") == 0);
    }
}

TEST_CASE("a host key that differs is told with the one that was expected, whichever way it was written") {
    StepRunner runner;
    const std::string public_key = first_line(sshd().read("host_ed25519.pub"));
    const std::string seen = ssh(runner, by_key(sshd())).text("fingerprint");
    CHECK(ssh(runner, with(by_key(sshd()), "host_key", seen)).outcome.reason == "");
    CHECK(ssh(runner, with(by_key(sshd()), "host_key", public_key)).outcome.reason == "");
    CHECK(ssh(runner, with(by_key(sshd()), "host_key", "[127.0.0.1]:2222 " + public_key)).outcome.reason == "");
    const std::string elsewhere = "SHA256:" + std::string(43, 'a');
    const Ran other =
        ssh(runner, with(by_key(sshd()), "host_key", elsewhere + "\n" + first_line(sshd().read("id_probe.pub"))));
    CHECK(other.outcome.verdict == Verdict::failed);
    CHECK(other.outcome.reason.find(" differs: it shows ssh-ed25519 " + seen + ", expected " + elsewhere +
                                    " or SHA256:") != std::string::npos);
    // What is no key at all is nothing that the server did.
    const Ran none = ssh(runner, with(by_key(sshd()), "host_key", "SHA256:abc"));
    CHECK(none.outcome.verdict == Verdict::prober_fault);
    CHECK(none.outcome.reason.starts_with("host_key: \"SHA256:abc\" is no fingerprint"));
}
