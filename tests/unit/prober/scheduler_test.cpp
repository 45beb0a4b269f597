#include "prober/scheduler.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <doctest/doctest.h>

#include "tests/unit/prober/fakes.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using namespace std::chrono_literals;
using schemas::Duration;
using schemas::Instant;
using schemas::Verdict;

namespace {

struct Started {
    RunId id;
    RunRequest request;
    Instant at;
};

// A scheduler with a clock that the test ticks; runs end when the test says so.
class House {
public:
    explicit House(
        std::size_t room = 1000, Scheduler::Weigh weigh = [](const schemas::Probe&) -> std::size_t { return 1; })
        : scheduler(clock, "noc",
                    {[this](RunId id, RunRequest request) {
                         note_outcome(request.key(), request.intended);
                         started.push_back({id, std::move(request), clock.wall()});
                     },
                     [this](schemas::RunResult result) {
                         CHECK(result.verdict == Verdict::not_run);
                         note_outcome(result.key, result.intended);
                         skipped.push_back(std::move(result));
                     },
                     [this](std::string text) { notices.push_back(std::move(text)); }},
                    room, weigh) {}

    // Lets time pass as a loop would: sleeping until the scheduler asks to be called.
    void live(Duration time, bool runs_end_at_once = true) {
        const probes::TimePoint end = clock.steady() + time;
        for (;;) {
            const probes::TimePoint next = scheduler.turn();
            if (runs_end_at_once) {
                end_all();
            }
            if (next >= end) {
                clock.pass(std::chrono::duration_cast<Duration>(end - clock.steady()));
                return;
            }
            // A turn asked for at once comes at once, a little later.
            clock.pass(std::max(std::chrono::duration_cast<Duration>(next - clock.steady()), Duration(1)));
        }
    }

    void end_all() {
        for (; ended < started.size(); ++ended) {
            scheduler.finished(started[ended].id);
        }
    }

    // Every slot of the series that starts in [from, to) has had its outcome, once.
    void check_complete(const schemas::SeriesKey& key, Duration every, Instant from, Instant to) {
        const schemas::Schedule schedule(key, every, 0.5);
        for (Instant start = schedule.first_from(from); start < to; start = schedule.first_from(start + 1us)) {
            INFO("slot at ", schemas::to_rfc3339(start));
            CHECK(outcomes[{key, start}] == 1);
        }
    }

    fakes::FakeClock clock;
    std::vector<Started> started;
    std::vector<schemas::RunResult> skipped;
    std::vector<std::string> notices;
    std::map<std::pair<schemas::SeriesKey, Instant>, int> outcomes;
    std::size_t ended = 0;
    Scheduler scheduler;

private:
    void note_outcome(const schemas::SeriesKey& key, Instant intended) {
        const int times = ++outcomes[{key, intended}];
        CHECK(times == 1);
    }
};

const schemas::SeriesKey web_key{"web", "front", "", "noc"};

schemas::Definitions one_probe(Duration every = 30s, Duration timeout = 10s) {
    return {fakes::definition("web", {fakes::probe("front", every, timeout)})};
}

std::vector<schemas::Probe> many_probes(int count, Duration every, Duration timeout) {
    std::vector<schemas::Probe> probes;
    for (int i = 0; i < count; ++i) {
        probes.push_back(fakes::probe("p" + std::to_string(i), every, timeout));
    }
    return probes;
}

bool mentions(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every due slot is run once, at its intended start") {
    House house;
    const Instant from = house.clock.wall();
    house.scheduler.set_definitions(one_probe());
    house.live(20min);
    CHECK(house.started.size() >= 39);
    for (const Started& run : house.started) {
        CHECK(run.at == run.request.intended);
        CHECK(run.request.started == run.at);
    }
    CHECK(house.skipped.empty());
    house.check_complete(web_key, 30s, from, house.clock.wall());
}

TEST_CASE("a location runs the probes that name it, and those that name none, for each target") {
    auto here = fakes::probe("here", 10s, 5s);
    here.from = {"noc", "elsewhere"};
    here.targets = {"im1", "im2"};
    auto there = fakes::probe("there", 10s, 5s);
    there.from = {"elsewhere"};
    House house;
    house.scheduler.set_definitions({fakes::definition("im", {here, there, fakes::probe("all", 10s, 5s)})});
    CHECK(house.scheduler.series_count() == 3);
    house.live(30s);
    std::set<std::string> seen;
    for (const Started& run : house.started) {
        seen.insert(schemas::to_string(run.request.key()));
    }
    CHECK(seen.size() == 3);
    CHECK(seen.contains(schemas::to_string({"im", "here", "im2", "noc"})));
}

TEST_CASE("a slow run never holds back the next one") {
    House house;
    house.scheduler.set_definitions(one_probe(10s, 60s));
    house.live(60s, false);
    CHECK(house.started.size() >= 5);
    CHECK(house.scheduler.in_flight() == house.started.size());
    CHECK(house.skipped.empty());
}

TEST_CASE("runs that never end do not pile up beyond what time-outs span") {
    House house;
    house.scheduler.set_definitions(one_probe(10s, 15s));
    house.live(10min, false);
    CHECK(house.started.size() == 3);
    REQUIRE(house.skipped.size() >= 50);
    CHECK(house.skipped.front().reason ==
          "3 earlier runs of this probe are still under way, beyond all their time-outs");
}

TEST_CASE("an exclusive probe waits for its predecessor, and starts late within its own slot") {
    auto exclusive = fakes::probe("front", 10s, 8s);
    exclusive.exclusive = true;
    exclusive.jitter = 0;
    House house;
    house.scheduler.set_definitions({fakes::definition("web", {exclusive})});
    house.live(10s + 1us, false);
    REQUIRE(house.started.size() == 1);
    house.live(2s, false);
    REQUIRE(house.started.size() == 1);
    house.scheduler.finished(house.started[0].id);
    REQUIRE(house.started.size() == 2);
    CHECK(house.started[1].at - house.started[1].request.intended >= 1s);
    CHECK(house.skipped.empty());
}

TEST_CASE("what an exclusive probe cannot start before its slot ends is not run, with that reason") {
    auto exclusive = fakes::probe("front", 10s, 8s);
    exclusive.exclusive = true;
    House house;
    house.scheduler.set_definitions({fakes::definition("web", {exclusive})});
    house.live(50s, false);
    CHECK(house.started.size() == 1);
    REQUIRE(house.skipped.size() >= 2);
    CHECK(mentions(house.skipped[0].reason, "the probe is exclusive"));
    CHECK(house.skipped[0].started == house.skipped[0].intended);
    CHECK(house.skipped[0].every == 10s);
}

TEST_CASE("beyond the most runs in flight slots are not run: the prober is overloaded") {
    House house(8);
    house.scheduler.set_definitions({fakes::definition("web", many_probes(20, 30s, 25s))});
    house.live(30s, false);
    CHECK(house.started.size() == 8);
    REQUIRE_FALSE(house.skipped.empty());
    CHECK(house.skipped[0].reason == "the prober is overloaded: 8 runs are under way, the most that it allows");
    house.end_all();
    house.live(1min);
    CHECK(house.started.size() >= 28);
}

TEST_CASE("runs that weigh more leave room for fewer, and one always has room") {
    const auto five = [](const schemas::Probe&) -> std::size_t { return 5; };
    House house(12, five);
    house.scheduler.set_definitions({fakes::definition("web", many_probes(20, 30s, 25s))});
    house.live(30s, false);
    CHECK(house.started.size() == 2);
    CHECK_FALSE(house.skipped.empty());
    house.end_all();
    house.live(1min);
    CHECK(house.started.size() > 2);

    House narrow(3, five);
    narrow.scheduler.set_definitions({fakes::definition("web", many_probes(20, 30s, 25s))});
    narrow.live(30s, false);
    CHECK(narrow.started.size() == 1);
}

TEST_CASE("when the clock jumps an hour ahead, what was skipped is not run and nothing is caught up on") {
    House house;
    const Instant from = house.clock.wall();
    house.scheduler.set_definitions(one_probe(30s, 10s));
    house.live(5min);
    const std::size_t before = house.started.size();
    house.clock.jump(1h);
    house.scheduler.turn();
    CHECK(house.started.size() == before);
    CHECK(house.skipped.size() >= 119);
    CHECK(house.skipped.size() <= 121);
    CHECK(house.skipped[0].reason == "the clock of the prober's machine jumped ahead by 60 min");
    REQUIRE(house.notices.size() == 1);
    house.live(5min);
    CHECK(house.started.size() >= before + 9);
    house.check_complete(web_key, 30s, from, house.clock.wall());
}

TEST_CASE("when the clock jumps an hour back, slots already run are not run again") {
    House house;
    const Instant from = house.clock.wall();
    house.scheduler.set_definitions(one_probe(30s, 10s));
    house.live(90min);
    const std::size_t before = house.started.size();
    house.clock.jump(-1h);
    house.live(59min);
    CHECK(house.started.size() == before);
    CHECK(house.scheduler.waiting_for_clock() == 1);
    REQUIRE(house.notices.size() == 1);
    CHECK(mentions(house.notices[0], "went back by 60 min"));
    house.live(6min);
    CHECK(house.scheduler.waiting_for_clock() == 0);
    CHECK(house.started.size() >= before + 9);
    CHECK(house.skipped.empty());
    house.check_complete(web_key, 30s, from, house.clock.wall());
}

TEST_CASE("a clock that was ahead when the prober started and is put right costs no runs, and none twice") {
    House house;
    house.scheduler.set_definitions(one_probe(30s, 10s));
    house.live(10min);
    const std::size_t before = house.started.size();
    house.clock.jump(-1h);
    const Instant right = house.clock.wall();
    house.live(5min);
    CHECK(house.started.size() >= before + 9);
    house.live(80min);
    CHECK(house.skipped.empty());
    house.check_complete(web_key, 30s, right, house.clock.wall());
}

TEST_CASE("a clock that jumps ahead and back again leaves each slot one outcome") {
    House house;
    const Instant from = house.clock.wall();
    house.scheduler.set_definitions(one_probe(30s, 10s));
    house.live(5min);
    house.clock.jump(1h);
    house.live(5min);
    house.clock.jump(-1h);
    house.live(70min);
    house.clock.jump(-10min);
    house.live(20min);
    house.check_complete(web_key, 30s, from, house.clock.wall());
}

TEST_CASE("a jump of years does not record millions of slots") {
    House house;
    house.scheduler.set_definitions(one_probe(30s, 10s));
    house.live(1min);
    house.clock.jump(24h * 365 * 30);
    house.scheduler.turn();
    CHECK(house.skipped.size() >= 239);
    CHECK(house.skipped.size() <= 242);
    house.live(5min);
    CHECK(house.started.size() >= 10);
}

TEST_CASE("after a jump the many slots to record do not hold the loop in one turn") {
    House house;
    house.scheduler.set_definitions({fakes::definition("web", many_probes(20, 10s, 5s))});
    house.live(1min);
    house.clock.jump(1h);
    CHECK(house.scheduler.turn() == house.clock.steady());
    CHECK(house.skipped.size() == 512);
    house.live(1s);
    CHECK(house.skipped.size() >= 20 * 359);
    CHECK(house.skipped.size() <= 20 * 361);
}

TEST_CASE("while the machine was suspended nothing was run, and nothing is caught up on") {
    House house;
    const Instant from = house.clock.wall();
    house.scheduler.set_definitions(one_probe(30s, 10s));
    house.live(2min);
    const std::size_t before = house.started.size();
    house.clock.suspend(40min);
    house.scheduler.turn();
    CHECK(house.started.size() == before);
    REQUIRE(house.skipped.size() >= 79);
    CHECK(house.skipped[0].reason == "the prober's machine was suspended for 40 min");
    house.live(2min);
    house.check_complete(web_key, 30s, from, house.clock.wall());
}

TEST_CASE("what is more than a slot late is not run, what is less is run late") {
    House house;
    const Instant from = house.clock.wall();
    house.scheduler.set_definitions(one_probe(30s, 10s));
    house.live(2min);
    const std::size_t before = house.started.size();
    house.clock.pass(10min);  // the process was stopped
    house.scheduler.turn();
    CHECK(house.started.size() <= before + 2);
    REQUIRE(house.skipped.size() >= 18);
    CHECK(mentions(house.skipped[0].reason, "late: it was stopped, or its machine overloaded"));
    house.live(2min);
    house.check_complete(web_key, 30s, from, house.clock.wall());
}

TEST_CASE("a small step of the clock is followed without notice") {
    House house;
    house.scheduler.set_definitions(one_probe(30s, 10s));
    for (int i = 0; i < 40; ++i) {
        house.live(7s);
        house.clock.jump(i % 2 == 0 ? 300ms : -300ms);
    }
    CHECK(house.notices.empty());
    CHECK(house.skipped.empty());
    CHECK(house.started.size() >= 9);
}

TEST_CASE("a reload leaves unchanged series undisturbed, takes new ones in and old ones out") {
    House house;
    const Instant from = house.clock.wall();
    house.scheduler.set_definitions({fakes::definition(
        "web", {fakes::probe("front", 30s, 10s), fakes::probe("gone", 30s, 10s), fakes::probe("other", 30s, 10s)})});
    house.live(15s, false);
    const auto change = house.scheduler.set_definitions({fakes::definition(
        "web", {fakes::probe("front", 30s, 12s), fakes::probe("other", 20s, 10s), fakes::probe("new", 30s, 10s)})});
    CHECK(change.kept == 1);
    CHECK(change.added == 2);
    CHECK(change.removed == 2);
    house.end_all();
    CHECK(house.scheduler.in_flight() == 0);
    const std::size_t before = house.started.size();
    house.live(5min);
    house.check_complete(web_key, 30s, from, house.clock.wall());
    std::set<std::string> ids;
    for (std::size_t i = before; i < house.started.size(); ++i) {
        const RunRequest& request = house.started[i].request;
        ids.insert(request.probe->id);
        CHECK(request.probe->timeout == (request.probe->id == "front" ? 12s : 10s));
        CHECK(request.probe->every == (request.probe->id == "other" ? 20s : 30s));
    }
    CHECK(ids == std::set<std::string>{"front", "new", "other"});
}

TEST_CASE("a definition lives as long as a run of it, whatever a reload does") {
    House house;
    auto definition = fakes::definition("web", {fakes::probe("front", 30s, 10s)});
    const std::weak_ptr<const schemas::Definition> watched = definition;
    house.scheduler.set_definitions({std::move(definition)});
    house.live(46s, false);
    REQUIRE(house.started.size() >= 1);
    house.scheduler.set_definitions({});
    CHECK(house.scheduler.series_count() == 0);
    house.started.resize(1, Started{});
    const RunId id = house.started[0].id;
    house.started.clear();
    CHECK_FALSE(watched.expired());
    for (RunId each = 1; each <= id + 3; ++each) {
        house.scheduler.finished(each);
    }
    CHECK(watched.expired());
}

TEST_CASE("after stop nothing starts, and what is abandoned is recorded as not run") {
    House house;
    house.scheduler.set_definitions(one_probe(30s, 10s));
    house.live(46s, false);
    const std::size_t before = house.started.size();
    REQUIRE(house.scheduler.in_flight() >= 1);
    house.scheduler.stop();
    house.live(2min, false);
    CHECK(house.started.size() == before);
    house.outcomes.clear();
    house.scheduler.abandon("the prober was stopped");
    CHECK(house.scheduler.in_flight() == 0);
    REQUIRE_FALSE(house.skipped.empty());
    CHECK(house.skipped.back().reason == "the prober was stopped");
}
