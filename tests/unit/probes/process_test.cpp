#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include <doctest/doctest.h>

#include "tests/unit/prober/folder.hpp"
#include "tests/unit/probes/local_step.hpp"

namespace slimtax::probes {
std::span<const Operation> process_operations();
}

using namespace slimtax;
using namespace slimtax::probes;
using namespace std::chrono_literals;
using schemas::Verdict;
using slimtax::tests::Folder;

namespace {

LocalStep::Ran look_for(LocalStep::Values values) {
    return LocalStep(process_operations(), "process.exists").run(std::move(values));
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A real process under a name of the test's own: /bin/sleep by another file name.
class Sleeper {
public:
    explicit Sleeper(const std::filesystem::path& program) {
        if (!std::filesystem::exists(program)) {
            std::filesystem::copy_file("/bin/sleep", program);
        }
        const std::string path = program.string();
        const char* const argv[] = {path.c_str(), "1000", nullptr};
        REQUIRE(::posix_spawn(&pid_, path.c_str(), nullptr, nullptr, const_cast<char* const*>(argv), environ) == 0);
    }
    ~Sleeper() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    pid_t pid_ = 0;
};

}  // namespace

TEST_CASE("a process is found by its name, with its number, age and memory") {
    const Folder folder;
    const Sleeper sleeper(folder / "stx-daemon");
    const auto ran = look_for({{"name", std::string("stx-daemon")}});
    CHECK(ran.outcome.verdict == Verdict::ok);
    CHECK(ran.number("count") == 1);
    CHECK(ran.number("pid") == sleeper.pid());
    CHECK(ran.number("age") >= 0);
    CHECK(ran.number("age") < 3600);
    CHECK(ran.number("rss") > 50'000);
}

TEST_CASE("a process that is not there fails, with what was looked for") {
    const auto ran = look_for({{"name", std::string("no-such-thing")}, {"user", std::string("0")}});
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(ran.outcome.reason == "there is no process 'no-such-thing' of user '0' on this machine");
    CHECK(ran.number("count") == 0);
}

TEST_CASE("a name longer than the kernel keeps is found, and its beginning alone is not") {
    const Folder folder;
    const Sleeper sleeper(folder / "stx-a-very-long-daemon-name");
    CHECK(look_for({{"name", std::string("stx-a-very-long-daemon-name")}}).number("count") == 1);
    CHECK(look_for({{"name", std::string("stx-a-very-long-daemon-other")}}).number("count") == 0);
}

TEST_CASE("a script is found by its own name") {
    const Folder folder;
    const auto script = folder / "stx-long-script-name";
    tests::write_file(script, "#!/bin/sh\nkill -STOP $$\n");
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    const Sleeper sleeper(script);
    CHECK(look_for({{"name", std::string("stx-long-script-name")}}).number("pid") == sleeper.pid());
}

TEST_CASE("a command line is matched with its arguments joined by blanks, and never our own") {
    const Folder folder;
    const Sleeper sleeper(folder / "stx-daemon");
    const std::string path = (folder / "stx-daemon").string();
    CHECK(look_for({{"command", pattern("^" + path + " 1000$")}}).number("pid") == sleeper.pid());
    CHECK(look_for({{"command", pattern("stx-daemon 2000")}}).number("count") == 0);
    char before[16];
    ::prctl(PR_GET_NAME, before);
    ::prctl(PR_SET_NAME, "stx-own-name");
    CHECK(look_for({{"name", std::string("stx-own-name")}}).number("count") == 0);
    ::prctl(PR_SET_NAME, before);
}

TEST_CASE("counts below the least and above the most fail") {
    const Folder folder;
    const Sleeper one(folder / "stx-daemon");
    const Sleeper two(folder / "stx-daemon");
    const std::string name = "stx-daemon";
    const auto few = look_for({{"name", name}, {"least", std::int64_t{3}}});
    CHECK(few.outcome.verdict == Verdict::failed);
    CHECK(few.outcome.reason == "there are 2 of process 'stx-daemon' on this machine, not 3");
    const auto many = look_for({{"name", name}, {"most", std::int64_t{1}}});
    CHECK(many.outcome.verdict == Verdict::failed);
    CHECK(many.outcome.reason == "there are 2 of process 'stx-daemon' on this machine, more than 1");
    CHECK(look_for({{"name", name}, {"least", std::int64_t{2}}, {"most", std::int64_t{2}}}).outcome.verdict ==
          Verdict::ok);
    CHECK(look_for({{"name", name}, {"least", std::int64_t{0}}, {"most", std::int64_t{0}}}).outcome.verdict ==
          Verdict::failed);
    CHECK(look_for({{"name", std::string("none")}, {"least", std::int64_t{0}}, {"most", std::int64_t{0}}})
              .outcome.verdict == Verdict::ok);
}

TEST_CASE("a process younger or older than it should be fails") {
    const Folder folder;
    const Sleeper sleeper(folder / "stx-daemon");
    const std::string name = "stx-daemon";
    const auto young = look_for({{"name", name}, {"age_least", schemas::Duration(1h)}});
    CHECK(young.outcome.verdict == Verdict::failed);
    CHECK(has(young.outcome.reason, "it was restarted"));
    const auto init =
        look_for({{"command", pattern(".")}, {"user", std::string("0")}, {"age_most", schemas::Duration(1ms)}});
    CHECK(init.outcome.verdict == Verdict::failed);
    CHECK(has(init.outcome.reason, "longer than 1ms"));
    CHECK(look_for({{"name", name}, {"age_most", schemas::Duration(1h)}}).outcome.verdict == Verdict::ok);
}

TEST_CASE("whose process it is counts, by name or by number") {
    const Folder folder;
    const Sleeper sleeper(folder / "stx-daemon");
    const std::string name = "stx-daemon";
    const std::string me = std::to_string(::geteuid());
    CHECK(look_for({{"name", name}, {"user", me}}).number("count") == 1);
    CHECK(look_for({{"name", name}, {"user", std::string("4294967290")}}).number("count") == 0);
    const auto nobody = look_for({{"name", name}, {"user", std::string("no-such-user")}});
    CHECK(nobody.outcome.verdict == Verdict::prober_fault);
    CHECK(nobody.outcome.reason == "this machine has no user 'no-such-user'");
}

TEST_CASE("a zombie is no running process") {
    const Folder folder;
    const Sleeper sleeper(folder / "stx-daemon");
    ::kill(sleeper.pid(), SIGKILL);
    siginfo_t info;
    ::waitid(P_PID, static_cast<id_t>(sleeper.pid()), &info, WEXITED | WNOWAIT);
    const auto ran = look_for({{"name", std::string("stx-daemon")}});
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(ran.outcome.reason == "there is no process 'stx-daemon' on this machine (1 ended, but still listed)");
    CHECK(ran.number("zombies") == 1);
}

TEST_CASE("names with blanks, parentheses and line ends do not confuse") {
    const Folder folder;
    const Sleeper sleeper(folder / "a) R 1 (b\n");
    const auto ran = look_for({{"name", std::string("a) R 1 (b\n")}});
    CHECK(ran.number("pid") == sleeper.pid());
}

TEST_CASE("without anything to look for it says what to write") {
    const auto ran = look_for({});
    CHECK(ran.outcome.verdict == Verdict::prober_fault);
    CHECK(has(ran.outcome.reason, "write name, command, user, unit or listens_on"));
}

TEST_CASE("processes that vanish while they are looked at do no harm") {
    const Folder folder;
    const Sleeper sleeper(folder / "stx-daemon");
    std::atomic<bool> enough{false};
    std::thread churn([&enough] {
        while (!enough) {
            pid_t pid = 0;
            const char* const argv[] = {"/bin/true", nullptr};
            if (::posix_spawn(&pid, argv[0], nullptr, nullptr, const_cast<char* const*>(argv), environ) == 0) {
                ::waitpid(pid, nullptr, 0);
            }
        }
    });
    LocalStep step(process_operations(), "process.exists");
    for (int i = 0; i < 100; ++i) {
        CHECK(step.run({{"name", std::string("stx-daemon")}}).number("count") == 1);
    }
    enough = true;
    churn.join();
}

TEST_CASE("the processes of a systemd unit are found in its control group, also below it and in both versions") {
    const Folder folder;
    const Folder groups;
    const Sleeper one(folder / "stx-main");
    const Sleeper two(folder / "stx-worker");
    const Sleeper other(folder / "stx-main");
    const auto group = [&groups](const std::string& path, const std::string& pids) {
        std::filesystem::create_directories(groups / path);
        tests::write_file(groups / path / "cgroup.procs", pids);
    };
    const std::string main_pid = std::to_string(one.pid()) + "\n";
    group("system.slice/stx.service", main_pid + "0\n");
    group("system.slice/stx.service/workers", std::to_string(two.pid()) + "\n99999999\n");
    group("systemd/system.slice/stx.service", main_pid);
    group("system.slice/other.service", std::to_string(other.pid()) + "\n");
    EngineOptions options;
    options.cgroup_root = groups.path().string();
    LocalStep step(process_operations(), "process.exists", options);
    const auto look = [&step](LocalStep::Values values) { return step.run(std::move(values)); };

    CHECK(look({{"unit", std::string("stx.service")}}).number("count") == 2);
    const auto main = look({{"unit", std::string("stx")}, {"name", std::string("stx-main")}});
    CHECK(main.number("count") == 1);
    CHECK(main.number("pid") == one.pid());
    const auto wrong = look({{"unit", std::string("other.service")}, {"name", std::string("stx-worker")}});
    CHECK(wrong.outcome.reason == "there is no process 'stx-worker' of unit 'other.service' on this machine");
    const auto stopped = look({{"unit", std::string("gone")}});
    CHECK(stopped.outcome.verdict == Verdict::failed);
    CHECK(stopped.outcome.reason ==
          "there is no process of unit 'gone.service' on this machine: the unit does not run");
}

TEST_CASE("a machine without systemd is told from a unit that does not run") {
    const Folder groups;
    EngineOptions options;
    options.cgroup_root = groups.path().string();
    const auto run = LocalStep(process_operations(), "process.exists", options).run({{"unit", std::string("nginx")}});
    CHECK(run.outcome.verdict == Verdict::prober_fault);
    CHECK(has(run.outcome.reason, "there are no systemd units below"));
    options.cgroup_root = (groups / "none").string();
    LocalStep nowhere(process_operations(), "process.exists", options);
    CHECK(nowhere.run({{"unit", std::string("nginx")}}).outcome.verdict == Verdict::prober_fault);
}

TEST_CASE("a process is found by the port that it listens at") {
    const Folder folder;
    // Inherited by the sleeper, on purpose; not by anybody else.
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    socklen_t length = sizeof address;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
    const auto port = static_cast<std::int64_t>(ntohs(address.sin_port));
    {
        const Sleeper sleeper(folder / "stx-server");
        ::close(listener);
        const Sleeper bystander(folder / "stx-other");
        const auto ran = look_for({{"listens_on", port}});
        CHECK(ran.outcome.verdict == Verdict::ok);
        CHECK(ran.number("count") == 1);
        CHECK(ran.number("pid") == sleeper.pid());
        const auto other = look_for({{"listens_on", port}, {"name", std::string("stx-other")}});
        CHECK(other.outcome.verdict == Verdict::failed);
        CHECK(other.outcome.reason == "there is no process 'stx-other' that listens on port " + std::to_string(port) +
                                          " on this machine: another process listens there");
    }
    const auto gone = look_for({{"listens_on", port}});
    CHECK(gone.outcome.verdict == Verdict::failed);
    CHECK(has(gone.outcome.reason, ": nothing listens there"));
}
