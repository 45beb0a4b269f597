// The small parts around the scheduler: stalls, systemd, signals, counts, words.
#include <array>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "prober/fault_log.hpp"
#include "prober/metrics.hpp"
#include "prober/pseudonyms.hpp"
#include "prober/set_up.hpp"
#include "prober/signals.hpp"
#include "prober/stall.hpp"
#include "prober/startup_memory.hpp"
#include "prober/text.hpp"
#include "schemas/service_manager.hpp"
#include "tests/unit/prober/fakes.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using namespace std::chrono_literals;

TEST_CASE("a stall is counted once, also while it lasts, and a busy loop is none") {
    fakes::FakeClock clock;
    StallWatch watch(clock);
    clock.pass(StallWatch::period + 200ms);
    CHECK(watch.total() == 0s);
    CHECK(watch.tick() == 200ms);
    CHECK(watch.total() == 0s);
    clock.pass(StallWatch::period + 3s);
    CHECK(watch.total() == 3s);
    CHECK(watch.tick() == 3s);
    CHECK(watch.total() == 3s);
    clock.suspend(10s);
    CHECK(watch.total() == 13s);
    clock.pass(StallWatch::period);
    CHECK(watch.tick() == 0s);
    CHECK(watch.total() == 13s);
}

TEST_CASE("durations read as people say them") {
    CHECK(plain(0us) == "0 µs");
    CHECK(plain(850us) == "850 µs");
    CHECK(plain(1ms) == "1 ms");
    CHECK(plain(12'345us) == "12.3 ms");
    CHECK(plain(999'400us) == "999 ms");
    CHECK(plain(999'600us) == "1 s");
    CHECK(plain(9'213'456us) == "9.21 s");
    CHECK(plain(25s) == "25 s");
    CHECK(plain(119s) == "119 s");
    CHECK(plain(200s) == "3 min 20 s");
    CHECK(plain(2h + 5min) == "2 h 5 min");
    CHECK(plain(72h) == "3 d");
    CHECK(plain(-3s) == "-3 s");
}

TEST_CASE("a sentence is cut between characters, and bytes that are none are replaced") {
    CHECK(tidy_sentence("a\xFF"
                        "b\x1B[31m\n") ==
          "a\xEF\xBF\xBD"
          "b [31m");
    CHECK(tidy_sentence("ééééé", 8) == "éé…");
    CHECK(tidy_sentence("ééé", 6) == "ééé");
}

TEST_CASE("systemd hears of ready, reload and stop, by a path or an abstract name") {
    const std::string path =
        (std::filesystem::temp_directory_path() / ("slimtax-notify-" + std::to_string(::getpid())));
    for (const std::string& address : {path, "@" + path}) {
        const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        std::memcpy(name.sun_path, address.data(), address.size());
        if (address[0] == '@') {
            name.sun_path[0] = '\0';
        }
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
        REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&name), length) == 0);
        const schemas::ServiceManager manager(address);
        manager.ready();
        manager.reloading();
        manager.alive();
        manager.stopping();
        std::string heard;
        std::array<char, 256> room{};
        for (int i = 0; i < 4; ++i) {
            const auto count = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
            REQUIRE(count > 0);
            heard.append(room.data(), static_cast<std::size_t>(count)) += "|";
        }
        CHECK(heard.starts_with("READY=1|RELOADING=1\nMONOTONIC_USEC="));
        CHECK(heard.ends_with("|WATCHDOG=1|STOPPING=1|"));
        ::close(fd);
    }
    ::unlink(path.c_str());
    schemas::ServiceManager("").ready();
}

TEST_CASE("a signal arrives on the loop") {
    probes::Loop loop;
    std::string heard;
    const Signals signals(loop, {{SIGHUP, [&heard] { heard += "reload "; }}, {SIGTERM, [&heard, &loop] {
                                                                                  heard += "stop";
                                                                                  loop.stop();
                                                                              }}});
    ::raise(SIGHUP);
    ::raise(SIGTERM);
    loop.run();
    CHECK(heard == "reload stop");
}

TEST_CASE("a prober fault is said when it is new, changes, lasts, and ends") {
    FaultLog log;
    schemas::RunResult result;
    result.key = {"web", "front", "", "noc"};
    CHECK(log.note(result).empty());
    result.verdict = schemas::Verdict::prober_fault;
    result.reason = "no secret";
    CHECK(log.note(result) == to_string(result.key) + ": no secret");
    result.started += 1min;
    CHECK(log.note(result).empty());
    result.reason = "no descriptors";
    CHECK_FALSE(log.note(result).empty());
    result.started += 10min;
    CHECK_FALSE(log.note(result).empty());
    result.verdict = schemas::Verdict::failed;
    CHECK(log.note(result) == to_string(result.key) + ": can be run again");
    CHECK(log.note(result).empty());
}

TEST_CASE("metrics are Prometheus text, with cumulative buckets") {
    Metrics metrics;
    metrics.outcome(schemas::Verdict::ok);
    metrics.outcome(schemas::Verdict::ok);
    metrics.outcome(schemas::Verdict::timeout);
    metrics.run_started(50us);
    metrics.run_started(2s);
    metrics.run_started(1h);
    metrics.reloaded(false);
    Gauges now;
    now.location = "a \"b\"";
    now.version = "1";
    now.in_flight = 7;
    const std::string text = metrics.text(now);
    for (const char* line :
         {"slimtax_prober_runs_total{verdict=\"ok\"} 2\n", "slimtax_prober_runs_total{verdict=\"timeout\"} 1\n",
          "slimtax_prober_start_lateness_seconds_bucket{le=\"0.0001\"} 1\n",
          "slimtax_prober_start_lateness_seconds_bucket{le=\"5\"} 2\n",
          "slimtax_prober_start_lateness_seconds_bucket{le=\"+Inf\"} 3\n",
          "slimtax_prober_start_lateness_seconds_count 3\n", "slimtax_prober_runs_in_flight 7\n",
          "slimtax_prober_reloads_total{taken=\"false\"} 1\n", "location=\"a \\\"b\\\"\"",
          "# TYPE slimtax_prober_start_lateness_seconds histogram\n"}) {
        INFO(line);
        CHECK(text.find(line) != std::string::npos);
    }
    CHECK(text.find("process_resident_memory_bytes 0\n") == std::string::npos);
}

TEST_CASE("the pseudonyms' key is made once, for us alone, and never replaced by itself") {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("slimtax-key-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    const auto file = folder / "pseudonym.key";
    const auto made = kept_pseudonym_key(file);
    REQUIRE(made.has_value());
    CHECK(made->size() == 32);
    CHECK(kept_pseudonym_key(file) == made);
    struct stat facts {};
    ::stat(file.c_str(), &facts);
    CHECK((facts.st_mode & 0777) == 0600);
    std::ofstream(file, std::ios::trunc) << "short";
    CHECK_FALSE(kept_pseudonym_key(file).has_value());
    CHECK_FALSE(kept_pseudonym_key(folder / "no" / "such").has_value());
    std::filesystem::remove_all(folder);
}

TEST_CASE("a run has room for the descriptors of its steps, and for one at least") {
    schemas::Probe probe = fakes::probe("story", 60s, 30s);
    CHECK(descriptors_of(probe) == 1);
    probe.steps = {fakes::step("http.get")};
    CHECK(descriptors_of(probe) == 1);
    probe.steps = {fakes::step("command.run"), fakes::step("ldap.bind"), fakes::step("no.such")};
    CHECK(descriptors_of(probe) == 6);
    CHECK(descriptors_for_runs() >= 48);
}

TEST_CASE("the memory that only the start needed is given back, and what is needed again comes back by itself") {
    const auto mapped = [] {  // kB of mapped files
        std::ifstream status("/proc/self/status");
        for (std::string word; status >> word;) {
            if (word == "RssFile:") {
                long kilobytes = 0;
                status >> kilobytes;
                return kilobytes;
            }
        }
        return 0L;
    };
    const long before = mapped();
    REQUIRE(before > 0);
    give_back_startup_memory();
    CHECK(mapped() < before);
    CHECK(plain(1500ms) == "1.5 s");
}
