#include "reporter/ledger/ledger.hpp"

#include <array>
#include <string>

#include <doctest/doctest.h>

using namespace slimtax;
using namespace slimtax::reporter;
using namespace std::chrono_literals;
using schemas::Duration;
using schemas::Instant;
using schemas::State;
using schemas::Verdict;

namespace {

// A run a minute on the minute, each of 12 s; time-out 10 s + interval cap it well above that.
const SeriesClock clock_of_a_minute{{"im", "login", "", "noc"}, 60s, 0, 10s, 10s};
const Instant start{std::chrono::sys_days{std::chrono::year(2026) / 11 / 16}};

Verdict verdict_of(char letter) {
    switch (letter) {
        case '+': return Verdict::ok;
        case 's': return Verdict::slow;
        case 'F': return Verdict::failed;
        case 'T': return Verdict::timeout;
        case 'p': return Verdict::prober_fault;
        default: return Verdict::not_run;
    }
}

Run run_at(Instant intended, Verdict verdict) {
    Run run;
    run.intended = run.started = intended;
    run.length = 12s;
    run.verdict = verdict;
    return run;
}

/// One letter a minute; '.' is a run that never came.
std::vector<Run> runs_of(const std::string& letters) {
    std::vector<Run> runs;
    for (std::size_t i = 0; i < letters.size(); ++i) {
        if (letters[i] != '.') {
            runs.push_back(run_at(start + static_cast<int>(i) * 60s, verdict_of(letters[i])));
        }
    }
    return runs;
}

StateSpans spans_of(const SeriesClock& clock, std::vector<Run> runs, Duration length, Instant now) {
    return make_ledger(clock, judge_by_verdict(in_order(std::move(runs), now)), start, start + length, now).spans;
}

char letter_of(State state) {
    return std::array{'+', 's', 'X', '.'}.at(static_cast<std::size_t>(state));
}

/// Two letters a minute: while its run goes on, and half a minute later.
std::string sampled(const StateSpans& spans, State StateSpan::*reading, Duration length) {
    std::string text;
    for (Instant t = start; t < start + length; t += 30s) {
        text += letter_of(span_at(spans, t)->*reading);
    }
    return text;
}

/// The nominal reading as "state until second" marks.
std::string marks(const StateSpans& spans) {
    std::string text;
    for (std::size_t i = 0; i < spans.size(); ++i) {
        if (i + 1 == spans.size() || spans[i].nominal != spans[i + 1].nominal) {
            text += letter_of(spans[i].nominal) + std::to_string((spans[i].to - start) / 1s) + " ";
        }
    }
    return text;
}

}  // namespace

TEST_CASE("each run shows its state until the next due one, in three readings") {
    struct Row {
        const char* what;
        const char* runs;
        const char* nominal;
        const char* shortest;
        const char* longest;
    };
    // clang-format off
    const Row rows[] = {
        {"all is well",                     "+++",     "++++++",         "++++++",         "++++++"},
        {"two failures",                    "++FF++",  "++++XXXX++++",   "+++++X++++++",   "++XXXXXXX+++"},
        {"one failure",                     "++F++",   "++++XX++++",     "++++++++++",     "++XXXXX+++"},
        {"a time-out is a failure",         "+T+",     "++XX++",         "++++++",         "XXXXX+"},
        {"failed to the end",               "+FF",     "++XXXX",         "+++X++",         "XXXXXX"},
        {"lost after a good run",           "++..++",  "++++....++++",   "++++....++++",   "++++....++++"},
        {"lost after a failure",            "+F..+",   "++XX....++",     "++++....++",     "XXXX....X+"},
        {"lost before a failure",           "+..F+",   "++....XX++",     "++....++++",     "XX....XXX+"},
        {"lost inside an outage",           "+F.F+",   "++XX..XX++",     "++++..++++",     "XXXX..XXX+"},
        {"the prober's own fault",          "+p+",     "++..++",         "++..++",         "++..++"},
        {"not run",                         "+n+",     "++..++",         "++..++",         "++..++"},
        {"own fault inside an outage",      "FpF+",    "XX..XX++",       "++..++++",       "XX..XXX+"},
        {"slow",                            "+s+",     "++ss++",         "++++++",         "sssss+"},
        {"slow, then down",                 "+sF+",    "++ssXX++",       "+++s++++",       "ssXXXXX+"},
        {"down, then slow",                 "Fs+",     "XXss++",         "+s++++",         "XXXss+"},
        {"slow between failures",           "FsF+",    "XXssXX++",       "+sss++++",       "XXXXXXX+"},
        {"nothing before the first result", "..+",     "....++",         "....++",         "....++"},
        {"nothing after the last",          "+...",    "++......",       "++......",       "++......"},
        {"nothing at all",                  "...",     "......",         "......",         "......"},
        {"a gap that can be looked across", "F...+",   "XX......++",     "++......++",     "XX......X+"},
        {"a gap too long for that",         "F....+F", "XX........++XX", "++........++++", "XX........XXXX"},
        {"a long gap, then failure",        "+....F+", "++........XX++", "++........++++", "++........XXX+"},
    };
    // clang-format on
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const Duration length = static_cast<int>(std::string(row.runs).size()) * 60s;
        const StateSpans spans = spans_of(clock_of_a_minute, runs_of(row.runs), length, start + length);
        CHECK(sampled(spans, &StateSpan::nominal, length) == row.nominal);
        CHECK(sampled(spans, &StateSpan::shortest, length) == row.shortest);
        CHECK(sampled(spans, &StateSpan::longest, length) == row.longest);
        CHECK(spans.front().from == start);
        CHECK(spans.back().to == start + length);
    }
}

TEST_CASE("a due run is missed only when its time-out and the arrival grace are over") {
    const std::vector<Run> runs = runs_of("+");
    CHECK(marks(spans_of(clock_of_a_minute, runs, 79s, start + 79s)) == "+79 ");
    CHECK(marks(spans_of(clock_of_a_minute, runs, 80s, start + 80s)) == "+60 .80 ");
}

TEST_CASE("a run still under way while a later one is through is not missed") {
    SeriesClock patient = clock_of_a_minute;
    patient.timeout = 150s;
    const std::vector<Run> runs = runs_of("+.F");
    CHECK(marks(spans_of(patient, runs, 180s, start + 180s)) == "+120 X180 ");
    CHECK(marks(spans_of(patient, runs, 300s, start + 300s)) == "+60 .120 X300 ");
}

TEST_CASE("states begin at the actual start, unless that stamp cannot be right") {
    std::vector<Run> runs = runs_of("+F+");
    struct Row {
        const char* what;
        Duration late;
        const char* expected;
    };
    for (const Row& row :
         {Row{"late", 20s, "+80 X120 +180 "}, Row{"too late", 70s, "+60 X120 +180 "},
          Row{"clock an hour ahead", 1h, "+60 X120 +180 "}, Row{"clock an hour behind", -1h, "+60 X120 +180 "}}) {
        CAPTURE(row.what);
        runs[1].started = runs[1].intended + row.late;
        CHECK(marks(spans_of(clock_of_a_minute, runs, 180s, start + 180s)) == row.expected);
    }
}

TEST_CASE("imported runs are judged by their interval: the next one may be late by the jitter") {
    SeriesClock clock = clock_of_a_minute;
    clock.jitter = 0.5;  // so that no run on the minute is on the schedule
    struct Row {
        Duration next;
        const char* expected;
    };
    for (const Row& row :
         {Row{40s, "+40 X100 "}, Row{90s, "+90 X150 "}, Row{91s, "+60 .91 X151 "}, Row{300s, "+60 .300 X360 "}}) {
        const std::vector<Run> runs{run_at(start, Verdict::ok), run_at(start + row.next, Verdict::failed)};
        const Duration length = row.next + 60s;
        CHECK(marks(spans_of(clock, runs, length, start + length)) == row.expected);
    }
}

TEST_CASE("a run of an older interval holds for that interval") {
    std::vector<Run> runs{run_at(start, Verdict::ok), run_at(start + 300s, Verdict::failed)};
    CHECK(marks(spans_of(clock_of_a_minute, runs, 360s, start + 360s)) == "+60 .300 X360 ");
    runs[0].every = 300s;
    CHECK(marks(spans_of(clock_of_a_minute, runs, 360s, start + 360s)) == "+300 X360 ");
}

TEST_CASE("a run that outlasts the next one ends the outage only when it has ended itself") {
    std::vector<Run> runs = runs_of("+F+++");
    runs[2].length = 90s;  // hung, came through after the run after it
    runs[3].length = 50s;
    SeriesClock patient = clock_of_a_minute;
    patient.timeout = 60s;
    const StateSpans spans = spans_of(patient, runs, 300s, start + 300s);
    CHECK(sampled(spans, &StateSpan::nominal, 300s) == "++XX++++++");
    // The first good end: of the run at 120 s it is 210 s, of the one at 180 s it is 230 s.
    CHECK(sampled(spans, &StateSpan::longest, 300s) == "XXXXXXX+++");
    CHECK(span_at(spans, start + 209s)->longest == State::down);
    CHECK(span_at(spans, start + 211s)->longest == State::up);
}

TEST_CASE(
    "a run speaks of some moment of its time: sure is what lies between the first failed end and the last start") {
    std::vector<Run> runs = runs_of("+TTT+");
    runs[1].length = 90s;  // the run after it ended before it did
    const StateSpans spans = spans_of(clock_of_a_minute, runs, 300s, start + 300s);
    CHECK(sampled(spans, &StateSpan::shortest, 300s) == "+++++X++++");
    CHECK(span_at(spans, start + 120s)->shortest == State::up);
    CHECK(span_at(spans, start + 120s + runs[2].length)->shortest == State::down);
    CHECK(span_at(spans, start + 180s)->shortest == State::up);
}

TEST_CASE("missed runs are counted by the schedule, whatever stretch is asked for") {
    SeriesClock clock = clock_of_a_minute;
    clock.jitter = 0.5;
    const schemas::Schedule schedule(clock.key, clock.every, clock.jitter);
    std::vector<Run> runs;
    const std::int64_t first = schedule.slot_at(start) + 1;
    for (const std::int64_t slot : {first, first + 5}) {
        runs.push_back(run_at(schedule.intended_start(slot), Verdict::ok));
    }
    const Instant now = start + 1h;
    const SeriesLedger ledger = make_ledger(clock, judge_by_verdict(runs), start, now, now);
    REQUIRE(ledger.missed.size() == 2);
    CHECK(count_missed(clock, ledger.missed[0], start, now) == 4);
    CHECK(count_missed(clock, ledger.missed[0], schedule.intended_start(first + 2),
                       schedule.intended_start(first + 4)) == 2);
    // After the last one up to what is overdue: slots that begin at least 20 s before now.
    std::uint64_t overdue = 0;
    for (std::int64_t slot = first + 6; schedule.intended_start(slot) + 20s <= now; ++slot) {
        ++overdue;
    }
    CHECK(count_missed(clock, ledger.missed[1], start, now) == overdue);
}

TEST_CASE("a run is counted as missed from the very moment on at which its time is booked so") {
    const std::vector<Run> runs = runs_of("+");
    const auto missed_by = [&](Instant now) {
        std::uint64_t count = 0;
        for (const MissedRuns& missed :
             make_ledger(clock_of_a_minute, judge_by_verdict(runs), start, now, now).missed) {
            count += count_missed(clock_of_a_minute, missed, start, now);
        }
        return count;
    };
    CHECK(missed_by(start + 80s - 1us) == 0);
    CHECK(missed_by(start + 80s) == 1);
    CHECK(missed_by(start + 140s - 1us) == 1);
    CHECK(missed_by(start + 140s) == 2);
}

TEST_CASE("each stretch of trouble keeps its first run's reason") {
    std::vector<Run> runs = runs_of("+FF+.p");
    runs[1].reason = "refused";
    runs[2].reason = "still refused";
    runs[4].reason = "no descriptors left";
    const Instant now = start + 360s;
    const SeriesLedger ledger = make_ledger(clock_of_a_minute, judge_by_verdict(runs), start, now, now);
    CHECK(ledger.reason_at(start).empty());
    CHECK(ledger.reason_at(start + 61s) == "refused");
    CHECK(ledger.reason_at(start + 121s) == "refused");
    CHECK(ledger.reason_at(start + 241s) == "no result arrived");
    CHECK(ledger.reason_at(start + 301s) == "no result arrived");
}

TEST_CASE("repeated runs count once, and runs from the future not at all") {
    std::vector<Run> runs = runs_of("+F+");
    runs.push_back(runs[1]);
    runs.insert(runs.begin(), runs[2]);
    const std::vector<Run> ordered = in_order(runs, start + 60s);
    REQUIRE(ordered.size() == 2);
    CHECK(ordered[0].intended == start);
    CHECK(ordered[1].intended == start + 60s);
}
