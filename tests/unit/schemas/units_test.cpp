#include "schemas/units.hpp"

#include <doctest/doctest.h>

using namespace slimtax::schemas;
using namespace std::chrono_literals;

namespace {
bool holds(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}
}  // namespace

TEST_CASE("a duration is read in every unit, with or without a blank") {
    struct Row {
        std::string text;
        Duration duration;
    };
    const Row rows[] = {
        {"7us", 7us},         {"250ms", 250ms}, {"30s", 30s},      {"15min", 15min}, {"15 min", 15min},
        {" 15  min ", 15min}, {"2 h", 2h},      {"1 d", 24h},      {"1w", 168h},     {"1.5s", 1500ms},
        {"0.001s", 1ms},      {"0s", 0s},       {"2.5 h", 150min}, {"0.5d", 12h},    {"1234567us", 1234567us},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(parse_duration(row.text) == row.duration);
    }
}

TEST_CASE("what is no duration is refused with a sentence that names the unit to write") {
    struct Row {
        std::string text;
        const char* part;
    };
    const Row rows[] = {
        {"", "expected a duration such as \"30s\""},
        {"fast", "found \"fast\""},
        {"30", "write the unit"},
        {"5m", "minutes or months: write \"min\""},
        {"5 minutes", "write \"min\" for \"minutes\""},
        {"5 sec", "write \"s\" for \"sec\""},
        {"5 parsecs", "\"parsecs\" is no unit"},
        {"-5s", "expected a duration"},
        {"1h30min", "\"h30min\" is no unit"},
        {"1.s", "expected a duration"},
        {".5s", "expected a duration"},
        {"1e3s", "\"e3s\" is no unit"},
        {"5 S", "\"S\" is no unit"},
        {"99999999999999999999 w", "at most 100 years"},
        {"nan s", "expected a duration"},
        {"inf s", "expected a duration"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto duration = parse_duration(row.text);
        REQUIRE_FALSE(duration);
        CHECK_MESSAGE(holds(duration.error(), row.part), duration.error());
    }
}

TEST_CASE("a duration is written in a short form, which reads back the same") {
    struct Row {
        Duration duration;
        std::string text;
    };
    const Row rows[] = {
        {0s, "0s"},
        {1us, "1us"},
        {250ms, "250ms"},
        {1500ms, "1.5s"},
        {30s, "30s"},
        {90s, "90s"},
        {15min, "15min"},
        {2h, "2h"},
        {24h, "1d"},
        {36h, "36h"},
        {168h, "1w"},
        {1234567us, "1.234567s"},
        {999999us, "999999us"},
    };
    for (const Row& row : rows) {
        CHECK(to_text(row.duration) == row.text);
        CHECK(parse_duration(row.text) == row.duration);
    }
    for (std::int64_t micros = 1; micros < 4'000'000'000'000; micros = micros * 3 + 1) {
        CHECK(parse_duration(to_text(Duration(micros))) == Duration(micros));
    }
}

TEST_CASE("a think time is one duration or a range from the shorter to the longer") {
    CHECK(parse_think("2s")->least == 2s);
    CHECK(parse_think("2s")->most == 2s);
    CHECK(parse_think("1s..4s")->least == 1s);
    CHECK(parse_think("500ms .. 4 s")->most == 4s);
    CHECK(holds(parse_think("4s..1s").error(), "the shorter time comes first"));
    CHECK_FALSE(parse_think("1..4s"));
    CHECK_FALSE(parse_think("1s.."));
    CHECK_FALSE(parse_think(""));
}

TEST_CASE("budgets, failures, users, work and shares are read with their units") {
    const auto budget = parse_budget("50 min per week");
    REQUIRE(budget);
    CHECK(budget->allowance == 50min);
    CHECK(budget->per == BudgetPeriod::week);
    CHECK(parse_budget("2 h per quarter")->per == BudgetPeriod::quarter);
    CHECK(parse_budget("0s per day")->allowance == 0s);

    const auto failures = parse_failures("50 per week");
    REQUIRE(failures);
    CHECK(failures->failures == 50);
    CHECK(failures->per == BudgetPeriod::week);

    const auto users = parse_users("200 active within 15 min");
    REQUIRE(users);
    CHECK(users->users == 200);
    CHECK(users->within == 15min);

    const auto work = parse_work_per_user("30 per user per hour");
    REQUIRE(work);
    CHECK(work->amount == 30);
    CHECK(work->per == 1h);
    CHECK(parse_work_per_user("0.5 per user per minute")->per == 1min);
    CHECK(parse_total("12000 per hour")->amount == 12000);

    CHECK(parse_share("98%") == doctest::Approx(0.98));
    CHECK(parse_share("98.5 %") == doctest::Approx(0.985));
    CHECK(parse_share("100%") == doctest::Approx(1));
}

TEST_CASE("bad budgets, failures, users, work and shares say what was expected") {
    struct Row {
        std::string text;
        std::string error;
        const char* part;
    };
    const Row rows[] = {
        {"50 min", parse_budget("50 min").error(), "\"50 min per week\""},
        {"50 per week", parse_budget("50 per week").error(), "write the unit"},
        {"50 min per fortnight", parse_budget("50 min per fortnight").error(), "\"fortnight\" is not day"},
        {"50 min per ", parse_failures("50 min per ").error(), "\"50 per week\""},
        {"-1 per week", parse_failures("-1 per week").error(), "a number of failures"},
        {"1.5 per week", parse_failures("1.5 per week").error(), "a number of failures"},
        {"5 per weeks", parse_failures("5 per weeks").error(), "\"weeks\" is not day"},
        {"200 active", parse_users("200 active").error(), "\"200 active within 15 min\""},
        {"200 active within 15", parse_users("200 active within 15").error(), "write the unit"},
        {"0 active within 15 min", parse_users("0 active within 15 min").error(), "a population"},
        {"200 active within 0 min", parse_users("200 active within 0 min").error(), "a population"},
        {"30 per hour", parse_work_per_user("30 per hour").error(), "\"30 per user per hour\""},
        {"30 per user per week", parse_work_per_user("30 per user per week").error(), "\"week\" is not second"},
        {"many per hour", parse_total("many per hour").error(), "\"12000 per hour\""},
        {"0 per hour", parse_total("0 per hour").error(), "\"12000 per hour\""},
        {"98", parse_share("98").error(), "from 0% to 100%"},
        {"101%", parse_share("101%").error(), "from 0% to 100%"},
        {"0.98", parse_share("0.98").error(), "\"98%\""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK_MESSAGE(holds(row.error, row.part), row.error);
    }
}

TEST_CASE("opening hours name days and times") {
    struct Row {
        std::string text;
        std::vector<unsigned> days;  // 0 is Sunday
        int from;
        int to;
    };
    const Row rows[] = {
        {"mon-fri 06:00-24:00", {1, 2, 3, 4, 5}, 360, 1440}, {"sat-sun 08:00-22:00", {6, 0}, 480, 1320},
        {"fri-mon 00:00-00:01", {5, 6, 0, 1}, 0, 1},         {"sat,sun 08:00-22:00", {6, 0}, 480, 1320},
        {"mon,wed-thu 08:30-12:15", {1, 3, 4}, 510, 735},    {"daily 08:00-18:00", {1, 2, 3, 4, 5, 6, 0}, 480, 1080},
        {"  mon   22:00-24:00 ", {1}, 1320, 1440},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto hours = parse_hours(row.text);
        REQUIRE(hours);
        REQUIRE(hours->size() == row.days.size());
        for (std::size_t i = 0; i < row.days.size(); ++i) {
            CHECK(hours->at(i).day == std::chrono::weekday(row.days[i]));
            CHECK(hours->at(i).from_minute == row.from);
            CHECK(hours->at(i).to_minute == row.to);
        }
    }
}

TEST_CASE("bad opening hours are refused") {
    for (const std::string text :
         {"", "mon-fri", "mon-fri 06:00", "mon-fri 6:00-18:00", "mon-fri 06:00-24:01", "mon-fri 06:60-18:00",
          "mo-fr 06:00-18:00", "mon- 06:00-18:00", "mon,,tue 06:00-18:00", "mon 25:00-26:00", "mon 06:00-06:00",
          "mon 06:00 - 18:00", "MON 06:00-18:00", "mon -1:00-18:00"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_hours(text));
    }
    CHECK(holds(parse_hours("mon 22:00-06:00").error(), "split hours over midnight"));
    CHECK(holds(parse_hours("mo-fri 06:00-18:00").error(), "\"mo\" is no day"));
}

TEST_CASE("a budget is written as owners write it") {
    CHECK(to_text(Budget{50min, BudgetPeriod::week}) == "50 min per week");
    CHECK(to_text(Budget{2h, BudgetPeriod::year}) == "2 h per year");
    CHECK(to_text(Budget{0s, BudgetPeriod::day}) == "0 s per day");
}

TEST_CASE("sizes are read in decimal and binary units") {
    CHECK(parse_size("2 GB") == 2'000'000'000ULL);
    CHECK(parse_size("512MiB") == 512ULL * 1024 * 1024);
    CHECK(parse_size("1.5 kB") == 1500ULL);
    CHECK(parse_size("0 B") == 0ULL);
    for (const std::string text : {"2", "GB", "2 gb", "-1 B", "2 G", "999999999 TB"}) {
        CAPTURE(text);
        CHECK(holds(parse_size(text).error(), "\"2 GB\""));
    }
}
