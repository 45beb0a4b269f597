#include "reporter/render/render.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "reporter/judgement.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/words.hpp"
#include "tests/unit/reporter/sample_report.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace std::chrono_literals;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) {
        ++found;
    }
    return found;
}

/// With SLIMTAX_WRITE_SAMPLES=DIR the samples are left there, to be looked at.
void keep(const std::string& name, const std::string& content) {
    if (const char* folder = std::getenv("SLIMTAX_WRITE_SAMPLES")) {
        std::ofstream(std::string(folder) + "/" + name, std::ios::binary) << content;
    }
}

}  // namespace

TEST_CASE("times are said in words of a sensible size") {
    CHECK(time_words(0s) == "none");
    CHECK(time_words(250ms) == "250 ms");
    CHECK(time_words(1500ms) == "1.5 s");
    CHECK(time_words(90s) == "90 s");
    CHECK(time_words(150s) == "2.5 min");
    CHECK(time_words(12min) == "12 min");
    CHECK(time_words(4h + 12min) == "4 h 12 min");
    CHECK(time_words(4h) == "4 h");
    CHECK(time_words(52h) == "2 d 4 h");
    CHECK(time_words(-25min) == "minus 25 min");
    CHECK(response_words(0.5) == "0.50 ms");
    CHECK(response_words(37) == "37 ms");
    CHECK(response_words(1240) == "1.24 s");
    CHECK(response_words(24800) == "24.8 s");
}

TEST_CASE("a share is never rounded up to all or down to nothing") {
    CHECK(share_words(1) == "100 %");
    CHECK(share_words(0) == "0 %");
    CHECK(share_words(0.98) == "98 %");
    CHECK(share_words(0.9712) == "97.1 %");
    CHECK(share_words(0.9999) == "99.99 %");
    CHECK(share_words(0.0002) == "0.02 %");
    CHECK(share_words(0.9999999) == "over 99.999 %");
    CHECK(share_words(1e-9) == "under 0.001 %");
}

TEST_CASE("rounded kinds of time still add up to the rounded period") {
    BookedTime booked;
    for (const schemas::Booking booking : schemas::all_bookings) {
        booked[booking] = 100ms * (4 + static_cast<int>(booking));  // 0.4 s to 0.9 s, 3.9 s in all
    }
    const auto parts = whole_units(booked, 1s);
    CHECK(std::accumulate(parts.begin(), parts.end(), std::int64_t{0}) == 4);
    CHECK(parts == std::array<std::int64_t, 6>{0, 0, 1, 1, 1, 1});
}

TEST_CASE("a verdict without a note of its own is explained by its figures") {
    ObjectiveReport objective;
    objective.minutes[schemas::Booking::up] = 100h;
    objective.minutes[schemas::Booking::unmeasured] = 3min;
    objective.budget.allowed = 50;
    objective.budget.spent = objective.budget.spent_at_least = 48;
    objective.budget.spent_at_most = 49;
    objective.judgement = Judgement::not_proven;
    CHECK(judgement_reason(objective, false) ==
          "3 min not measured; an outage in it could have used up the 2 min that were left.");
    objective.judgement = Judgement::met;
    objective.verdict_note = "30 s were not measured.";  // worth saying, but they cannot turn it
    CHECK(judgement_reason(objective, false) == "48 min of outage; 2 min of 50 min left. 30 s were not measured.");
}

TEST_CASE("the headline answers the question, and the worst service comes first") {
    const Report week = sample::week();
    const Headline line = headline(week);
    CHECK(line.answer == "No.");
    CHECK(line.sentence == "One of 7 services missed a promise: Campus instant messaging.");
    CHECK(line.others == "Of the others, 4 kept every promise, 1 has one that is not proven and 1 was not measured.");
    CHECK(worst_first(week).front()->id == "campus-im");

    Report good = week;
    good.services.resize(1);
    CHECK(headline(good).answer == "Yes.");
    CHECK(headline(good).sentence == "The one promise of the service was kept.");
    CHECK(headline(Report{}).answer == "Nothing to say.");

    // Overspent by what was counted, but not for certain.
    good.services[0].objectives[0].judgement = Judgement::not_proven;
    good.services[0].objectives[0].met = false;
    CHECK(headline(good).judgement == Judgement::not_proven);
    CHECK(headline(good).answer == "Probably not.");
    CHECK(headline(good).sentence ==
          "The service missed a promise by what was counted, but that is not proven: Campus directory.");
    CHECK(judgement_word(good.services[0].objectives[0]) == "probably missed");
    good.services[0].objectives[0].met = true;
    CHECK(headline(good).answer == "Not proven.");
    CHECK(judgement_word(good.services[0].objectives[0]) == "not proven");
}

TEST_CASE("the line of the lights says what is wrong now") {
    CHECK(now_line(sample::so_far()).sentence == "Campus instant messaging is down; there is no data about Backup.");
    CHECK(now_line(sample::so_far()).light == schemas::Light::red);
    Report good = sample::so_far();
    good.services.resize(1);
    CHECK(now_line(good).sentence == "Everything is up.");
    good.services[0].objectives[0].light = schemas::Light::amber;
    CHECK(now_line(good).sentence == "The budget of Campus directory is nearly spent.");
    CHECK(light_word(good.services[0].objectives[0]) == "budget low");
    good.services[0].objectives[0].strip.back().booking = schemas::Booking::degraded;
    CHECK(now_line(good).sentence == "Campus directory is slow.");
    CHECK(now_line(Report{}).sentence == "No service is defined yet.");
}

TEST_CASE("a promise is put into prose") {
    const Report week = sample::week();
    const ServiceReport& im = week.services.at(1);
    CHECK(promise(im, im.objectives.at(0)) ==
          "Users can log in over the network. At most 50 min of outage per week. Down only when none of its 2 servers "
          "works. It counts as down when the majority of the places that measure says so. An outage is to be over "
          "within 15 min.");
    CHECK(
        promise(im, im.objectives.at(1)) ==
        "Key transactions complete fast enough: at least 98 % within 8 s and at most 5 % between 8 s and 20 s. At "
        "most 60 min of outage per week. Staying below that for 10 min counts as an outage. Each of its 2 servers has "
        "to work. It counts as down when the majority of the places that measure says so.");
    // What is on record keeps its words for good: others would mark every report that was given out as revised.
    CHECK(promise_on_record(im, im.objectives.at(0)) ==
          "Users can log in over the network. At most 50 min per week of outage. Down only when none of its 2 servers "
          "works. It counts as down when the majority of the places that measure says so. An outage is to be over "
          "within 15 min.");
    CHECK(window_words(im.source->window) == "Mon–Fri 06:00–24:00 and Sat–Sun 08:00–22:00");
    CHECK(window_words({}) == "at all times");
}

TEST_CASE("a clock shows the service's own time, also across a clock change") {
    const WallClock clock("America/New_York");
    CHECK(clock.full(sample::week_start()) == "Mon 16 Nov 00:00");
    CHECK(WallClock("Mars/Olympus").name() == "UTC");
    const auto november = *schemas::parse_rfc3339("2026-11-01T12:00:00Z");  // the day has 25 hours
    CHECK(clock.next_day(november) - clock.day_start(november) == 25h);
    const auto march = *schemas::parse_rfc3339("2026-03-08T12:00:00Z");
    CHECK(clock.next_day(march) - clock.day_start(march) == 23h);
    CHECK(period_words(sample::week()) == "Monday 16 to Sunday 22 November 2026 (America/New_York)");
    CHECK(period_title(sample::week()) == "week 47 of 2026");
}

TEST_CASE("the json has the promised names, and its minutes add up to the period") {
    const std::string text = render_json(sample::week());
    keep("week.json", text);
    const auto json = nlohmann::json::parse(text);
    CHECK(json.at("method") == "slimtax-ledger-1");
    CHECK(json.at("period").at("name") == "2026-W47");
    CHECK(json.at("period").at("from") == "2026-11-16T05:00:00Z");
    REQUIRE(json.at("services").size() == 7);
    for (const auto& service : json.at("services")) {
        for (const auto& objective : service.at("objectives")) {
            const auto& minutes = objective.at("minutes");
            double sum = 0;
            for (const char* kind : {"outside", "planned", "unmeasured", "up", "degraded", "down"}) {
                sum += minutes.at(kind).get<double>();
            }
            CHECK(sum == doctest::Approx(minutes.at("period").get<double>()).epsilon(1e-12));
            for (const char* name : {"id", "title", "level", "met", "budget", "outages", "runs", "response_ms"}) {
                CHECK(objective.contains(name));
            }
        }
    }
    const auto& outage = json.at("services").at(1).at("objectives").at(0).at("outages").at(0);
    CHECK(outage.at("minutes") == 48);
    CHECK(outage.at("at_least") == doctest::Approx(47.333333));
    CHECK(outage.at("cause") == "application");
}

TEST_CASE("the text answers first, puts the worst first, prints the sums, and holds no control character") {
    const std::string text = render_text(sample::week());
    keep("week.txt", text);
    CHECK(text.starts_with("No. One of 7 services missed a promise: Campus instant messaging.\n"));
    CHECK(text.find("Campus instant messaging\n-----") < text.find("Backup\n------"));
    // Nine objectives, one of them up and one unmeasured all the time.
    CHECK(count(text, "168:00:00") == 11);
    CHECK(text.find("(at least 47 min,") != std::string::npos);
    CHECK(std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 && c != '\n'; }));
    CHECK(text.find("\xE2\x80\xAE") == std::string::npos);
}

TEST_CASE("the csv follows RFC 4180 and no cell is a formula") {
    const std::string csv = render_csv(sample::week());
    keep("week.csv", csv);
    CHECK(csv.starts_with("period,from,to,service,"));
    CHECK(csv.ends_with("\r\n"));
    CHECK(csv.find("\"<script>document.title='owned'</script>\"\"'>") != std::string::npos);
    Report formula = sample::week();
    formula.services.resize(1);
    formula.services[0].title = "=1+2";
    CHECK(render_csv(formula).find(",'=1+2,") != std::string::npos);
}

TEST_CASE("the csv has as many cells in each row as in its header") {
    const std::string csv = render_csv(sample::week());
    std::size_t wanted = 0;
    std::size_t cells = 1;
    bool quoted = false;
    std::size_t rows = 0;
    for (const char c : csv) {
        quoted = c == '"' ? !quoted : quoted;
        if (c == ',' && !quoted) {
            ++cells;
        } else if (c == '\n' && !quoted) {
            wanted = wanted == 0 ? cells : wanted;
            CHECK(cells == wanted);
            cells = 1;
            ++rows;
        }
    }
    CHECK(rows == 10);
}

TEST_CASE("the xlsx is a zip file, the same each time, and its date is the period's end") {
    const std::string book = render_xlsx(sample::week());
    keep("week.xlsx", book);
    CHECK(book.starts_with("PK\x03\x04"));
    CHECK(render_xlsx(sample::week()) == book);
    CHECK(render_xlsx(sample::so_far()) != book);
    CHECK(parse_format("xlsx") == Format::xlsx);
}

TEST_CASE("the html is one file that escapes everything and needs nothing") {
    const std::string html = render_html(sample::week(), {{"Lights", "/"}});
    keep("week.html", html);
    CHECK(html.starts_with("<!doctype html>"));
    CHECK(html.find("<script") == std::string::npos);
    CHECK(html.find("javascript:") == std::string::npos);
    CHECK(html.find("<img") == std::string::npos);
    CHECK(html.find(" style=") == std::string::npos);
    CHECK(html.find("&lt;script&gt;document.title=&#39;owned&#39;") != std::string::npos);
    CHECK(count(html, "168:00:00") == 11);
    // The dashboard's own frame has its icon; the file that is mailed asks nobody for anything.
    const std::string mailed = render_html(sample::week());
    CHECK(mailed.find("<link") == std::string::npos);
}

TEST_CASE("a mail has inline styles only, and is short enough for every mail program") {
    const std::string mail = render_mail(sample::week(), "slimtax-2026-W47.html");
    keep("mail.html", mail);
    for (const char* part : {"<style", "<svg", "<script", "<img", " class=", "url("}) {
        CAPTURE(part);
        CHECK(mail.find(part) == std::string::npos);
    }
    for (const char* part :
         {"slimtax-2026-W47.html", "not counted: planned work", "what they share is the application.",
          "37 min too much", "A sign an hour", "8 min less"}) {
        CAPTURE(part);
        CHECK(mail.find(part) != std::string::npos);
    }
    CHECK(mail.size() < 102'000);

    Report crowd;
    for (int i = 0; i < 7; ++i) {
        const Report week = sample::week();
        crowd.period = week.period;
        crowd.services.insert(crowd.services.end(), week.services.begin(), week.services.end());
    }
    const std::string long_one = render_mail(crowd);
    CHECK(long_one.size() < 102'000);
    CHECK(long_one.find("Not told in full, for a mail has no room: ") != std::string::npos);
}

TEST_CASE("the report so far says so") {
    const std::string html = render_html(sample::so_far());
    keep("so-far.html", html);
    CHECK(html.find("so far") != std::string::npos);
    CHECK(html.find("still going on") != std::string::npos);
    CHECK(render_html(sample::so_far()) == html);
}

TEST_CASE("an empty report is a page too") {
    Report empty;
    empty.period = {"2026-W47", sample::week_start(), sample::week_start() + 24h * 7};
    for (const Format format : {Format::html, Format::text, Format::json, Format::csv, Format::xlsx}) {
        CHECK(!render(empty, format).empty());
    }
}

TEST_CASE("what is left is rounded down, and overspending is named") {
    BudgetUse budget;
    budget.allowed = 60;
    CHECK(left_words(budget) == "60 min left");
    budget.spent = 0.5;
    CHECK(left_words(budget) == "59 min left");
    budget.spent = 55.5;
    CHECK(left_words(budget) == "4.5 min left");
    budget.spent = 86;
    CHECK(left_words(budget) == "26 min too much");
}

TEST_CASE("a service that is measured since today has a strip of today") {
    using schemas::Booking;
    const auto monday = sample::week_start();
    const Period week{"2026-W47", monday, monday + 24h * 5};
    ObjectiveReport objective;
    objective.strip = {{monday, week.to - 3min, Booking::unmeasured}, {week.to - 3min, week.to, Booking::up}};
    CHECK(measured_part(objective, week).from == week.to - 3min);
    objective.strip[0].booking = Booking::outside;  // nothing was missed: it was closed
    CHECK(measured_part(objective, week).from == monday);
    objective.strip = {{monday, monday + 24h, Booking::unmeasured}, {monday + 24h, week.to, Booking::up}};
    CHECK(measured_part(objective, week).from == monday);
    objective.strip = {{monday, week.to, Booking::unmeasured}};
    CHECK(measured_part(objective, week).from == monday);
}

TEST_CASE("periods of every length have their strip") {
    Report report = sample::week();
    report.services.resize(2);
    for (const auto length : {3min, 60min, 26h + 0min, 24h * 60 + 0min, 24h * 366 + 0min}) {
        report.period.to = report.period.from + length;
        CHECK(render_html(report).find("strip-row") != std::string::npos);
        CHECK(!render_text(report).empty());
    }
}
