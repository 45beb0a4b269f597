#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>

#include "probes/io/child.hpp"
#include "tests/unit/prober/folder.hpp"
#include "tests/unit/probes/local_step.hpp"

namespace slimtax::probes {
std::span<const Operation> command_operations();
}

using namespace slimtax;
using namespace slimtax::probes;
using namespace std::chrono_literals;
using schemas::TextList;
using schemas::TextMap;
using schemas::Verdict;
using slimtax::tests::Folder;
using slimtax::tests::read_file;

namespace {

const std::string plugins = "/usr/lib/nagios/plugins/";

LocalStep command() {
    return LocalStep(command_operations(), "command.run");
}

TextList shell(const std::string& script) {
    return {"/bin/sh", "-c", script};
}

LocalStep::Ran run(LocalStep::Values values, std::chrono::milliseconds timeout = 60s) {
    return command().run(std::move(values), timeout);
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        ++count;
    }
    return count;
}

/// Processes whose parent we are, zombies included.
std::size_t children() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream stat(entry.path() / "stat");
        std::string text;
        std::getline(stat, text);
        const std::size_t after = text.rfind(") ");
        count += after != std::string::npos && std::atoi(text.c_str() + after + 4) == ::getpid() ? 1 : 0;
    }
    return count;
}

bool gone(pid_t pid) {
    for (int i = 0; i < 20'000; ++i) {
        std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
        std::string text;
        std::getline(stat, text);
        if (text.empty() || has(text, ") Z ")) {
            return true;
        }
        std::this_thread::sleep_for(1ms);
    }
    return false;
}

}  // namespace

TEST_CASE("a command that exits with 0 is ok, and leaves its output behind") {
    const auto ran = run({{"argv", TextList{"/bin/echo", "hello", "two  words"}}});
    CHECK(ran.outcome.verdict == Verdict::ok);
    CHECK(ran.text("output") == "hello two  words\n");
    CHECK(ran.text("first_line") == "hello two  words");
    CHECK(ran.number("exit_code") == 0);
    CHECK(ran.report.measured.has_value());
}

TEST_CASE("no shell looks at the arguments") {
    CHECK(run({{"argv", TextList{"echo", "$HOME; `id` > /tmp/x"}}}).text("output") == "$HOME; `id` > /tmp/x\n");
}

TEST_CASE("another exit code fails, with the code and what the command said") {
    const auto ran = run({{"argv", shell("echo on output; echo no such database >&2; exit 7")}});
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(ran.outcome.reason == "command /bin/sh exited with code 7: no such database");
    CHECK(ran.number("exit_code") == 7);
    CHECK(ran.text("errors") == "no such database\n");
}

TEST_CASE("the good exit codes are a list of numbers and ranges") {
    struct Row {
        std::string codes;
        int code;
        Verdict verdict;
    };
    for (const Row& row : std::vector<Row>{{"0", 0, Verdict::ok},
                                           {"0", 1, Verdict::failed},
                                           {"1", 0, Verdict::failed},
                                           {"0,3", 3, Verdict::ok},
                                           {" 0 , 2-4 ", 3, Verdict::ok},
                                           {"0, 2-4", 5, Verdict::failed},
                                           {"0, 2-4", 1, Verdict::failed},
                                           {"255", 255, Verdict::ok},
                                           {"any", 9, Verdict::ok},
                                           {"", 0, Verdict::prober_fault},
                                           {"zero", 0, Verdict::prober_fault},
                                           {"0,", 0, Verdict::prober_fault},
                                           {"3-2", 0, Verdict::prober_fault},
                                           {"0 1", 0, Verdict::prober_fault},
                                           {"-1", 0, Verdict::prober_fault},
                                           {"256", 0, Verdict::prober_fault}}) {
        CAPTURE(row.codes);
        CAPTURE(row.code);
        const auto ran = run({{"argv", shell("exit " + std::to_string(row.code))}, {"exit", row.codes}});
        CHECK(ran.outcome.verdict == row.verdict);
    }
}

TEST_CASE("the output must match the pattern, where there is one") {
    CHECK(run({{"argv", TextList{"echo", "rows: 12"}}, {"match", pattern("rows: \\d+")}}).outcome.verdict ==
          Verdict::ok);
    const auto ran = run({{"argv", TextList{"echo", "rows: none"}}, {"match", pattern("rows: \\d+")}});
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(ran.outcome.reason ==
          "the output of command echo does not match 'rows: \\d+': it begins with \"rows: none\"");
}

TEST_CASE("a command that a signal ends has failed, with the signal's name") {
    const auto ran = run({{"argv", shell("kill -SEGV $$")}});
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(has(ran.outcome.reason, "signal 11 (Segmentation fault)"));
    CHECK(ran.number("exit_code") == 139);
}

TEST_CASE("a command that cannot be started is our fault, and the reason says why") {
    const Folder folder;
    tests::write_file(folder / "plain", "no program");
    struct Row {
        TextList argv;
        std::string cwd;
        std::string reason;
    };
    for (const Row& row : std::vector<Row>{{{"/no/such/command"}, "/", "No such file or directory"},
                                           {{"no-such-command"}, "/", "No such file or directory"},
                                           {{(folder / "plain").string()}, "/", "Permission denied"},
                                           {{"/bin/true"}, "/no/such/folder", "No such file or directory"},
                                           {{}, "/", "argv is empty"},
                                           {{""}, "/", "argv is empty"}}) {
        const auto ran = run({{"argv", row.argv}, {"cwd", row.cwd}});
        CHECK(ran.outcome.verdict == Verdict::prober_fault);
        CHECK_MESSAGE(has(ran.outcome.reason, row.reason), ran.outcome.reason);
    }
}

TEST_CASE("a command gets its input, folder and variables, and none of the prober's secrets") {
    ::setenv("SLIMTAX_SECRET_TEST", "hush", 1);
    const auto ran = run({{"argv", shell("cat; pwd; echo $GREETING; env")},
                          {"stdin", std::string("from stdin\n")},
                          {"cwd", std::string("/usr")},
                          {"env", TextMap{{"GREETING", "good morning"}, {"LANG", "C.UTF-8"}}}});
    ::unsetenv("SLIMTAX_SECRET_TEST");
    const std::string output = ran.text("output");
    CHECK(has(output, "from stdin\n/usr\ngood morning\n"));
    CHECK(has(output, "\nPATH="));
    CHECK(has(output, "LANG=C.UTF-8"));
    CHECK(!has(output, "hush"));
}

TEST_CASE("a command may leave its input unread, however long it is") {
    const auto ran = run({{"argv", TextList{"/bin/true"}}, {"stdin", std::string(8 << 20, 'x')}});
    CHECK(ran.outcome.verdict == Verdict::ok);
    CHECK(run({{"argv", TextList{"wc", "-c"}}, {"stdin", std::string(3 << 20, 'x')}}).text("output") == "3145728\n");
    CHECK(run({{"argv", TextList{"wc", "-c"}}}).text("output") == "0\n");
}

TEST_CASE("a command sees no descriptor beyond its three, and starts with nothing blocked or ignored") {
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    // ls itself opens the folder as descriptor 3.
    CHECK(run({{"argv", TextList{"ls", "/proc/self/fd"}}}).text("output") == "0\n1\n2\n3\n");
    const std::string status = run({{"argv", TextList{"cat", "/proc/self/status"}}}).text("output");
    CHECK(has(status, "SigBlk:\t0000000000000000"));
    // Signals 32 and 33 are the C library's own; its posix_spawn leaves them ignored.
    ::signal(SIGPIPE, before);
    const std::uint64_t ignored = std::stoull(status.substr(status.find("SigIgn:") + 7), nullptr, 16);
    CHECK((ignored & ~std::uint64_t{0x1'8000'0000}) == 0);
}

TEST_CASE("output beyond the limit is read and thrown away, so that the command can end") {
    const auto ran = run({{"argv", shell("head -c 20000000 /dev/zero; head -c 5000 /dev/zero >&2")},
                          {"output_limit", std::int64_t{1000}}});
    CHECK(ran.outcome.verdict == Verdict::ok);
    CHECK(ran.text("output").size() == 1000);
    CHECK(ran.text("errors").size() == 1000);
}

TEST_CASE("at the time-out the command and all that it started are killed") {
    const Folder folder;
    const std::string pids = (folder / "pids").string();
    const auto begun = Loop::now();
    const auto ran = run({{"argv", shell("echo $$ > " + pids + "; trap '' TERM INT HUP; sleep 1000 & echo $! >> " +
                                         pids + "; echo begun; wait")}},
                         500ms);
    CHECK(ran.outcome.verdict == Verdict::timeout);
    CHECK(ran.outcome.reason == "command /bin/sh did not end within 500 ms; it was killed");
    CHECK(Loop::now() - begun < 30s);
    std::ifstream file(pids);
    pid_t leader = 0;
    pid_t sleeper = 0;
    file >> leader >> sleeper;
    REQUIRE(leader > 0);
    REQUIRE(sleeper > 0);
    CHECK(gone(leader));
    CHECK(gone(sleeper));
    CHECK(children() == 0);
}

TEST_CASE("what a command leaves in the background is ended with it, and does not hold up the result") {
    const Folder folder;
    const std::string pids = (folder / "pids").string();
    const auto ran = run({{"argv", shell("sleep 1000 & echo $! > " + pids + "; echo done")}});
    CHECK(ran.outcome.verdict == Verdict::ok);
    CHECK(ran.text("output") == "done\n");
    pid_t sleeper = 0;
    std::ifstream(pids) >> sleeper;
    REQUIRE(sleeper > 0);
    CHECK(gone(sleeper));
}

TEST_CASE("a grandchild that got away with the output open does not hold up the result either") {
    const Folder folder;
    const std::string pids = (folder / "pids").string();
    const auto ran = run({{"argv", shell("setsid sh -c 'echo $$ > " + pids + "; exec sleep 1000' & while [ ! -s " +
                                         pids + " ]; do sleep 0.01; done; echo done")}});
    CHECK(ran.text("output") == "done\n");
    pid_t sleeper = 0;
    std::ifstream(pids) >> sleeper;
    REQUIRE(sleeper > 0);
    ::kill(sleeper, SIGKILL);
}

TEST_CASE("many commands at once, some killed, leave neither zombies nor descriptors") {
    auto step = command();
    (void)step.run({{"argv", TextList{"/bin/true"}}});
    const std::size_t before = open_descriptors();
    Loop& loop = step.engine().loop();
    int ended = 0;
    int timed_out = 0;
    constexpr int many = 60;
    const auto one = [&](int i) -> Task<void> {
        ChildOptions options;
        options.argv = shell(i % 3 == 0 ? "sleep 1000" : "echo " + std::to_string(i));
        options.environment = plain_environment();
        const ChildEnd end = co_await run_child(loop, std::move(options), Loop::now() + (i % 3 == 0 ? 200ms : 60s));
        timed_out += end.how == ChildEnd::How::timed_out ? 1 : 0;
        if (end.how == ChildEnd::How::exited) {
            CHECK(end.output == std::to_string(i) + "\n");
        }
    };
    for (int i = 0; i < many; ++i) {
        loop.spawn(one(i), [&](std::exception_ptr error) {
            CHECK(error == nullptr);
            if (++ended == many) {
                loop.stop();
            }
        });
    }
    loop.run();
    CHECK(timed_out == many / 3);
    CHECK(open_descriptors() == before);
    CHECK(children() == 0);
}

TEST_CASE("shutting the loop down kills what runs") {
    Loop loop;
    std::optional<ChildEnd> end;
    const auto one = [&]() -> Task<void> {
        ChildOptions options;
        options.argv = {"sleep", "1000"};
        options.environment = plain_environment();
        end = co_await run_child(loop, std::move(options), Loop::now() + 1h);
    };
    loop.spawn(one(), [](std::exception_ptr) {});
    loop.call_at(Loop::now() + 50ms, [&] { loop.stop(); });
    loop.run();
    CHECK(loop.shut_down(30s) == 0);
    REQUIRE(end.has_value());
    CHECK(end->how == ChildEnd::How::cancelled);
    CHECK(children() == 0);
}

TEST_CASE("running out of descriptors is our fault") {
    auto step = command();
    std::vector<int> taken;
    for (int fd = 0; (fd = ::dup(0)) >= 0;) {
        taken.push_back(fd);
        if (taken.size() > 200'000) {
            break;
        }
    }
    ::close(taken.back());
    taken.pop_back();
    const auto ran = step.run({{"argv", TextList{"/bin/true"}}});
    for (const int fd : taken) {
        ::close(fd);
    }
    CHECK(ran.outcome.verdict == Verdict::prober_fault);
    CHECK_MESSAGE(has(ran.outcome.reason, "Too many open files"), ran.outcome.reason);
}

TEST_CASE("a Nagios plugin's exit code is the verdict and its first line the reason") {
    struct Row {
        std::string state;
        Verdict verdict;
        std::string reason;
    };
    for (const Row& row : std::vector<Row>{{"0", Verdict::ok, ""},
                                           {"1", Verdict::slow, "WARNING: queue is long"},
                                           {"2", Verdict::failed, "CRITICAL: queue is long"},
                                           {"3", Verdict::prober_fault, "UNKNOWN: queue is long"}}) {
        const auto ran =
            run({{"argv", TextList{plugins + "check_dummy", row.state, "queue is long"}}, {"plugin", true}});
        CHECK(ran.outcome.verdict == row.verdict);
        CHECK(ran.outcome.reason == row.reason);
        CHECK(ran.number("exit_code") == std::stoi(row.state));
    }
}

TEST_CASE("a real plugin's figures are kept, and one of them is a value") {
    const auto ran = run({{"argv", TextList{plugins + "check_procs", "-w", "1:", "-c", "1:"}}, {"plugin", true}});
    CHECK_MESSAGE(ran.outcome.verdict == Verdict::ok, ran.outcome.reason);
    CHECK(has(ran.text("perfdata"), "procs="));
    CHECK(ran.number("value") >= 1);
    CHECK(has(ran.text("first_line"), "PROCS OK"));
    CHECK(!has(ran.text("first_line"), "|"));
}

TEST_CASE("figures are found by their labels, as plugins write them") {
    const std::string output =
        "DISK OK | /=24MB;30;40;0;50 'a label'=1.5s;; bad=U 'it=is'=7\nlong text\nmore|x=3\ny=4\n";
    struct Row {
        std::string perf;
        std::optional<double> value;
    };
    for (const Row& row : std::vector<Row>{{"", 24},
                                           {"/", 24},
                                           {"a label", 1.5},
                                           {"it=is", 7},
                                           {"x", 3},
                                           {"y", 4},
                                           {"bad", std::nullopt},
                                           {"none", std::nullopt}}) {
        CAPTURE(row.perf);
        const auto ran = run({{"argv", TextList{"printf", "%s", output}}, {"plugin", true}, {"perf", row.perf}});
        CHECK(ran.text("first_line") == "DISK OK");
        CHECK(ran.text("perfdata") == "/=24MB;30;40;0;50 'a label'=1.5s;; bad=U 'it=is'=7 x=3 y=4");
        const schemas::OutputValue* const value = ran.report.outputs.find("value");
        REQUIRE((value != nullptr) == row.value.has_value());
        if (value != nullptr) {
            CHECK(std::get<double>(*value) == *row.value);
        }
    }
}

TEST_CASE("figures are kept with the result: so many, and no rubbish") {
    std::string output = "OK | load=0.5;1:;2 rubbish time=12ms";
    for (int i = 0; i < 40; ++i) {
        output += " f" + std::to_string(i) + "=1";
    }
    const auto ran = run({{"argv", TextList{"printf", "%s", output}}, {"plugin", true}});
    REQUIRE(ran.report.figures.size() == schemas::most_figures);
    CHECK(ran.report.figures[0].name == "load");
    CHECK(ran.report.figures[1].value == 12);
    CHECK(ran.report.figures[1].unit == "ms");
    CHECK(ran.number("figures") == 42);
    CHECK(ran.text("warn") == "1:");
    CHECK(ran.text("crit") == "2");
    std::string notes;
    for (const std::string& line : ran.report.transcript) {
        notes += line + "\n";
    }
    CHECK(has(notes, "10 more figures are not kept"));
    CHECK(has(notes, "no figure, and ignored: rubbish"));
}

TEST_CASE("a plugin that breaks says nothing about the service") {
    for (const std::string script : {"exit 4", "exit 127", "kill -ABRT $$"}) {
        const auto ran = run({{"argv", shell("echo half a lin; " + script)}, {"plugin", true}});
        CHECK(ran.outcome.verdict == Verdict::prober_fault);
        CHECK(has(ran.outcome.reason, "which no plugin should: half a lin"));
    }
    const auto silent = run({{"argv", shell("exit 2")}, {"plugin", true}});
    CHECK(silent.outcome.verdict == Verdict::failed);
    CHECK(silent.outcome.reason == "command /bin/sh exited with code 2 and said nothing");
}

TEST_CASE("hostile output makes a readable reason") {
    const auto ran = run({{"argv", shell("printf 'bad \\033[31m\\001\\377 end\\nsecond' >&2; exit 1")}});
    CHECK(ran.outcome.verdict == Verdict::failed);
    CHECK(ran.outcome.reason.find('\033') == std::string::npos);
    CHECK(ran.outcome.reason.find('\n') == std::string::npos);
    CHECK(has(ran.outcome.reason, "end"));
}
