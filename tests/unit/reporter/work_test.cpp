#include "reporter/ledger/work.hpp"

#include <doctest/doctest.h>

#include "unit/reporter/scenario.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace slimtax::reporter::testing;
using namespace std::chrono_literals;
using schemas::Booking;

namespace {

const Instant begin = at("2026-11-18T08:00:00Z");

/// "4 active within 5 min", "30 per user per hour": 120 units an hour, 2 a minute. Read every minute.
Scenario chatting(const std::vector<std::string>& locations = {"im1"}) {
    Scenario scenario;
    scenario.objective().level = scenario.probe().level = schemas::Level::A4;
    scenario.objective().users = schemas::ActiveUsers{4, 5min};
    scenario.objective().work = schemas::WorkRate{30, 1h};
    scenario.surroundings.locations = locations;
    for (const std::string& location : locations) {
        scenario.play(scenario.key(location), begin - 10min, begin + 70min, [](Instant) { return Verdict::ok; });
    }
    return scenario;
}

/// `units` of work by each of `users` in every reading of [from, to).
void work(Scenario& scenario, const std::string& location, Instant from, Instant to, int users, std::uint64_t units,
          const std::string& prefix = "user") {
    for (Run& run : scenario.runs[scenario.key(location)]) {
        if (run.intended < from || run.intended >= to) {
            continue;
        }
        run.work_span = 60s;
        run.work = 0;
        run.users.clear();
        for (int user = 0; user < users; ++user) {
            run.users.push_back({prefix + std::to_string(user), units});
            run.work += units;
        }
    }
}

}  // namespace

TEST_CASE("a population that gets its work done is up, and the report says how much that is") {
    Scenario scenario = chatting();
    work(scenario, "im1", begin - 10min, begin + 70min, 5, 2);
    const ObjectiveReport report = scenario.report(begin, begin + 1h);
    CHECK(shown(report.minutes) == "up 60");
    REQUIRE(report.work);
    CHECK(report.work->peak_active_users == 5);
    CHECK(report.work->units == 600);
    CHECK(report.work->total_per_hour == doctest::Approx(600));
    CHECK(report.work->per_user_hour == doctest::Approx(120));
}

TEST_CASE("exactly the promised work is enough, a unit less in the trailing time is down") {
    Scenario scenario = chatting();
    work(scenario, "im1", begin - 10min, begin + 70min, 2, 1);  // 2 a minute
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "up 60");
    work(scenario, "im1", begin + 20min, begin + 21min, 1, 1);  // 1 in this minute
    const ObjectiveReport report = scenario.report(begin, begin + 1h);
    CHECK(shown(report.minutes) == "up 55 down 5");
    CHECK(shown(report.outages).substr(0, 13) == "08:20-08:25 5");
    REQUIRE(report.outages.size() == 1);
    CHECK(report.outages[0].reason == "108 units of work an hour by 2 active users, 120 an hour were promised");
}

TEST_CASE("an outage costs its minutes times the users who were there just before it") {
    Scenario scenario = chatting();
    work(scenario, "im1", begin - 10min, begin + 70min, 6, 2);
    work(scenario, "im1", begin + 20min, begin + 40min, 0, 0);  // nobody gets anything done
    const ObjectiveReport report = scenario.report(begin, begin + 1h);
    REQUIRE(report.outages.size() == 1);
    // All six were active in the five minutes before the work of five minutes was too little.
    CHECK(report.outages[0].user_minutes == 6 * schemas::to_minutes(report.outages[0].nominal));
    REQUIRE(report.work);
    CHECK(report.work->user_minutes_lost == report.outages[0].user_minutes);
    // In a period that begins in the midst of the outage it is still those of before.
    const ObjectiveReport later = scenario.report(begin + 30min, begin + 1h);
    REQUIRE(later.outages.size() == 1);
    CHECK(later.outages[0].user_minutes == 6 * schemas::to_minutes(later.outages[0].nominal));
    // Where nobody logs in at all there is nobody to lose anything.
    CHECK(scenario.report(begin, begin + 15min).work->user_minutes_lost == 0);
}

TEST_CASE("only the time that readings cover is judged") {
    Scenario scenario = chatting();
    work(scenario, "im1", begin - 10min, begin + 70min, 2, 1);
    // Nobody read for half an hour; the first readings after it cover little of the trailing time, but all of it well.
    scenario.lose(scenario.key("im1"), begin + 10min, begin + 40min);
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "up 30 unmeasured 30");
}

TEST_CASE("a run that read no work says nothing, a failed one is down") {
    Scenario scenario = chatting();
    work(scenario, "im1", begin - 10min, begin + 70min, 3, 1);
    for (Run& run : scenario.runs[scenario.key("im1")]) {
        if (run.intended == begin + 10min) {
            run.work_span = 0s;
        }
    }
    scenario.spoil(scenario.key("im1"), begin + 30min, begin + 32min, Verdict::failed);
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "up 57 down 2 unmeasured 1");
}

TEST_CASE("several logs hold one population: their work adds up and nobody votes") {
    Scenario scenario = chatting({"im1", "im2"});
    work(scenario, "im1", begin - 10min, begin + 70min, 1, 1, "a");
    work(scenario, "im2", begin - 10min, begin + 70min, 1, 1, "b");
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "up 60");
    const ObjectiveReport report = scenario.report(begin, begin + 1h);
    CHECK(report.work->peak_active_users == 2);
    CHECK(report.work->total_per_hour == doctest::Approx(120));
}

TEST_CASE("while one log is unread, too little work elsewhere proves nothing, but enough is enough") {
    Scenario scenario = chatting({"im1", "im2"});
    work(scenario, "im1", begin - 10min, begin + 70min, 1, 1, "a");
    work(scenario, "im2", begin - 10min, begin + 70min, 1, 1, "b");
    scenario.lose(scenario.key("im2"), begin + 20min, begin + 70min);
    CHECK(scenario.report(begin, begin + 1h).minutes[Booking::down] == 0s);
    CHECK(scenario.report(begin, begin + 1h).minutes[Booking::unmeasured] > 30min);
    work(scenario, "im1", begin - 10min, begin + 70min, 2, 1, "a");
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "up 60");
}

TEST_CASE("users alone, work alone and a total are promises of their own") {
    Scenario scenario = chatting();
    work(scenario, "im1", begin - 10min, begin + 70min, 3, 1);
    schemas::Objective& objective = scenario.objective();
    objective.work.reset();
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "down 60");  // 3 of 4 users
    objective.users->users = 3;
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "up 60");
    objective.users.reset();
    objective.work = schemas::WorkRate{1, 1min};  // for each active user
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "up 60");
    objective.work = schemas::WorkRate{2, 1min};
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "down 60");
    objective.work.reset();
    objective.total = schemas::WorkRate{180, 1h};
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "up 60");
    objective.total = schemas::WorkRate{181, 1h};
    CHECK(shown(scenario.report(begin, begin + 1h).minutes) == "down 60");
}
