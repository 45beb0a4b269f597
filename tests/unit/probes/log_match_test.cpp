#include <chrono>
#include <filesystem>
#include <thread>

#include <doctest/doctest.h>

#include "tests/unit/prober/folder.hpp"
#include "tests/unit/probes/run_operation.hpp"

using namespace slimtax;
using namespace slimtax::probes;
using namespace std::chrono_literals;
using slimtax::tests::append_file;
using slimtax::tests::Folder;
using slimtax::tests::write_file;
namespace fs = std::filesystem;

namespace {

/// A log and a series that looks into it.
class Log {
public:
    explicit Log(Values values) : values_(std::move(values)) {
        values_.insert({"file", path()});
        write_file(path(), "backup finished\nFATAL of old\n");
    }
    [[nodiscard]] std::string path() const { return (folder / "x.log").string(); }
    void write(const std::string& line) { append_file(path(), line + "\n"); }
    StepRun look() { return run.step("log.match", values_); }

    Folder folder;
    Engine engine;
    TestRun run{engine};

private:
    Values values_;
};

}  // namespace

TEST_CASE("log.match: a line must have been added since the last run") {
    Log log({{"match", pattern("finished")}});
    CHECK(log.look().verdict() == "ok");  // the first reading: what was there before does not count
    const StepRun none = log.look();
    CHECK(none.verdict() == "failed");
    CHECK(none.outcome.reason ==
          "log " + log.path() + " has had no line that matches 'finished' since the last run: 0 lines were added");
    log.write("backup finished at 12:00");
    const StepRun found = log.look();
    CHECK(found.verdict() == "ok");
    CHECK(found.number("lines") == 1);
    CHECK(found.text("line") == "backup finished at 12:00");
    CHECK(log.look().verdict() == "failed");
}

TEST_CASE("log.match: with `max_age`, the line may be that old, counted from the first reading") {
    Log log({{"match", pattern("finished")}, {"max_age", schemas::Duration(150ms)}});
    CHECK(log.look().verdict() == "ok");
    log.write("backup finished");
    CHECK(log.look().verdict() == "ok");
    CHECK(log.look().number("lines") == 0);
    // However slow the machine, more than the time passes here.
    std::this_thread::sleep_for(200ms);
    const StepRun late = log.look();
    CHECK(late.verdict() == "failed");
    CHECK(late.outcome.reason.ends_with("longer than 150ms"));
    log.write("backup finished");
    CHECK(log.look().verdict() == "ok");
}

TEST_CASE("log.match: a line that must not appear fails the run that reads it, with the line") {
    Log log({{"no_match", pattern("FATAL")}});
    CHECK(log.look().verdict() == "ok");
    log.write("all is well");
    CHECK(log.look().verdict() == "ok");
    log.write("FATAL: disk \x1b[31m full");
    log.write("FATAL: again");
    const StepRun bad = log.look();
    CHECK(bad.verdict() == "failed");
    CHECK(bad.outcome.reason ==
          "log " + log.path() + " says \"FATAL: disk  [31m full\" (and 1 more), which matches 'FATAL'");
    CHECK(bad.number("unwanted") == 2);
    CHECK(log.look().verdict() == "ok");
}

TEST_CASE("log.match: with `max_age`, an unwanted line keeps failing the runs after it") {
    Log log({{"no_match", pattern("FATAL")}, {"max_age", schemas::Duration(1h)}});
    log.look();
    log.write("FATAL: disk full");
    CHECK(log.look().verdict() == "failed");
    const StepRun still = log.look();
    CHECK(still.verdict() == "failed");
    CHECK(still.outcome.reason.find("had a line that matches 'FATAL'") != std::string::npos);
    CHECK(still.outcome.reason.ends_with("ago, within 1h"));
}

TEST_CASE("log.match: both patterns in one step, across a rotation") {
    Log log({{"match", pattern("finished")}, {"no_match", pattern("FATAL")}});
    log.look();
    log.write("backup finished");
    fs::rename(log.path(), log.path() + ".1");
    write_file(log.path(), "a new day\n");
    CHECK(log.look().verdict() == "ok");
    log.write("backup finished, FATAL all the same");
    CHECK(log.look().verdict() == "failed");
}

TEST_CASE("log.match: a log that was emptied out of sight says nothing about the line") {
    Log log({{"match", pattern("finished")}});
    log.look();
    write_file(log.path(), "x\n");
    const StepRun lost = log.look();
    CHECK(lost.verdict() == "prober_fault");
    CHECK(lost.flag("lost"));
    CHECK(lost.outcome.reason.find("truncated") != std::string::npos);
}

TEST_CASE("log.match: without a pattern or a file it says so") {
    Engine engine;
    const StepRun nothing = run_operation(engine, "log.match", {{"file", std::string("/tmp/x")}});
    CHECK(nothing.outcome.reason == "log.match needs to know what to look for: write match, no_match or both");
    const StepRun missing =
        run_operation(engine, "log.match", {{"file", std::string("/no/such.log")}, {"match", pattern("x")}});
    CHECK(missing.verdict() == "prober_fault");
}
