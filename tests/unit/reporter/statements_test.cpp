#include "reporter/render/statements.hpp"

#include <doctest/doctest.h>

#include "reporter/render/render.hpp"
#include "reporter/render/scale.hpp"
#include "tests/unit/reporter/sample_report.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

const ObjectiveReport& sign_in(const Report& week) {
    return week.services.at(1).objectives.at(0);
}

}  // namespace

TEST_CASE("an excused outage is counted apart, and spends neither number nor length") {
    const Report week = sample::week();
    const OutageFigures figures = outage_figures(sign_in(week));
    CHECK(figures.count == 2);
    CHECK(figures.excused == 1);
    CHECK(figures.longest == 48min);
    CHECK(figures.to_restore == 43min + 30s);
    CHECK(outages_title(sign_in(week)) == "2 outages, and 1 that does not count");
    CHECK(figures_words(sign_in(week)) ==
          "The longest took 48 min. On average it took 44 min until the service worked again, and it worked for 2 d 10 "
          "h between two outages.");
    CHECK(excuse_words(sign_in(week).outages.at(2)) == "not counted: planned work");
    CHECK(figures_words(ObjectiveReport{}).empty());
}

TEST_CASE("nines are a translation that never flatters") {
    ObjectiveReport objective;
    CHECK(nines_words(objective).empty());
    objective.minutes[schemas::Booking::unmeasured] = 5h;  // leaves the fraction alone
    objective.minutes[schemas::Booking::up] = 999h;
    objective.minutes[schemas::Booking::down] = 1h;
    CHECK(has(nines_words(objective), "99.9 % of the measured time in promised hours (three nines)"));
    objective.minutes[schemas::Booking::up] = 998h;
    objective.minutes[schemas::Booking::down] = 2h;
    CHECK(has(nines_words(objective), "(two nines)"));
    objective.minutes[schemas::Booking::up] = 0s;
    CHECK(has(nines_words(objective), "(no nine)"));
}

TEST_CASE("a budget is said with its bounds and its interval") {
    BudgetUse budget;
    budget.allowed = 50;
    CHECK(spent_words(budget) == "None of 50 min spent; 50 min left.");
    CHECK(likely_words(budget).empty());
    budget.spent = 87;
    budget.spent_at_least = 85;
    budget.spent_at_most = 89;
    budget.likely = Interval{84, 93};
    CHECK(spent_words(budget) == "87 min spent, 50 min allowed (at least 85 min, at most 89 min); 37 min too much.");
    CHECK(likely_words(budget) ==
          "With 95 % certainty it was 84 min to 93 min, counting also outages too short to be sure of.");
}

TEST_CASE("a correction names who, when and why, and one that was taken back says so") {
    const WallClock clock("America/New_York");
    const Report week = sample::week();
    const Outage& undone = sign_in(week).outages.at(1);
    CHECK(amendment_words(undone.amendments.at(0), clock) ==
          "Correction 2: Called no outage by j.weber, Fri 20 Nov 09:12: nobody complained. (It was taken back.)");
    CHECK(amendment_words(undone.amendments.at(1), clock) ==
          "Correction 3: Correction 2 taken back by m.tanaka, Fri 20 Nov 11:40: the help desk had 14 calls.");
    CHECK(cause_words(undone).empty());
    CHECK(has(cause_words(sign_in(week).outages.at(0)), "Likely cause: application. Both targets failed"));
    CHECK(cause_words(sign_in(week).outages.at(2)) == "Cause: power, said by m.tanaka.");
}

TEST_CASE("what no share covers has a row of its own") {
    const Report week = sample::week();
    const auto rows = cause_rows(sign_in(week));
    REQUIRE(rows.size() == 4);
    CHECK(rows.at(3).cause == "another cause, or none named");
    CHECK(rows.at(3).spent == doctest::Approx(39));
    CHECK(cause_rows(ObjectiveReport{}).empty());
}

TEST_CASE("a revision tells what was said, what is different and why") {
    const WallClock clock("America/New_York");
    const Report week = sample::week();
    CHECK(revision_words(sign_in(week), clock) ==
          "The report of Mon 23 Nov 08:00 said \"missed\", with 95 min spent. Now it is 87 min: 8 min less. Why: 412 "
          "results came late from medical-centre, and 1 outage was amended.");
    ObjectiveReport now = sign_in(week);
    now.revised->judgement = Judgement::met;
    now.revised->spent = 0;
    now.revised->why.clear();
    CHECK(revision_words(now, clock) ==
          "The report of Mon 23 Nov 08:00 said \"kept\", with none spent. Now it is \"missed\", with 87 min: 87 min "
          "more.");
}

TEST_CASE("of many outages the longest are shown, in the order of time") {
    ObjectiveReport objective;
    for (int i = 0; i < 20; ++i) {
        Outage one;
        one.from = sample::week_start() + 1h * i;
        one.nominal = 1min * (i % 5 + 1);
        objective.outages.push_back(one);
    }
    const ShownOutages shown = shown_outages(objective, 4);
    REQUIRE(shown.outages.size() == 4);
    CHECK(shown.left_out == 16);
    CHECK(shown.left_out_time == 40min);
    for (const Outage* one : shown.outages) {
        CHECK(one->nominal == 5min);
    }
    CHECK(shown.outages.at(0)->from < shown.outages.at(1)->from);
}

TEST_CASE("a week with a clock change says which day was longer") {
    const WallClock clock("America/New_York");
    const auto monday = *schemas::parse_rfc3339("2026-10-26T04:00:00Z");
    CHECK(clock_change_words({"2026-W44", monday, monday + 169h}, clock) ==
          "On Sun 01 Nov the clocks changed: that day has 25 hours.");
    CHECK(clock_change_words({"2026-W47", sample::week_start(), sample::week_start() + 168h}, clock).empty());
}

TEST_CASE("what people said of an outage, and when the failures come again, stands in every form for people") {
    for (const Format format : {Format::html, Format::text}) {
        CAPTURE(to_string(format));
        std::string text = render(sample::week(), format);
        for (std::size_t at = 0; (at = text.find_first_of("\n", at)) != std::string::npos;) {
            const std::size_t end = text.find_first_not_of(" \n", at);
            text.replace(at, (end == std::string::npos ? text.size() : end) - at, " ");
        }
        for (const char* part :
             {"not counted: planned work", "Called no outage by j.weber", "Correction 2 taken back by m.tanaka",
              "what they share is the application.", "about 1 minute, every 10 minutes, since Tuesday 10:02",
              "its machine was restarted", "week 43", "power", "In nines: 98.8 %", "8 min less",
              "412 results came late", "With 95 % certainty", "4,240 user-minutes"}) {
            CAPTURE(part);
            CHECK(has(text, part));
        }
    }
}

TEST_CASE("a scale is drawn up to a limit that is near, and not to one that is far") {
    CHECK(scale_over(10, 40, 100.0, true).most >= 100);
    CHECK(scale_over(10, 40, 8000.0, true).most < 100);
    CHECK(scale_over(0, 0, std::nullopt, true).most == 1);
    CHECK_FALSE(scale_over(1, 1000, std::nullopt, false).logarithmic);
}
