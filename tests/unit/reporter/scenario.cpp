#include "unit/reporter/scenario.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace slimtax::reporter::testing {

using namespace std::chrono_literals;

Instant at(std::string_view rfc3339) {
    return schemas::parse_rfc3339(rfc3339).value();
}

std::vector<schemas::WeeklyHours> daily(int from_hour, int to_hour) {
    std::vector<schemas::WeeklyHours> open;
    for (unsigned day = 0; day < 7; ++day) {
        open.push_back({std::chrono::weekday(day), from_hour * 60, to_hour * 60});
    }
    return open;
}

std::vector<schemas::WeeklyHours> weekdays(int from_hour, int to_hour) {
    std::vector<schemas::WeeklyHours> open = daily(from_hour, to_hour);
    std::erase_if(open, [](const schemas::WeeklyHours& hours) {
        return hours.day == std::chrono::Saturday || hours.day == std::chrono::Sunday;
    });
    return open;
}

Scenario::Scenario() {
    definition.service.id = "im";
    definition.service.title = "Instant messaging";
    schemas::Probe probe;
    probe.id = "login";
    probe.every = 60s;
    probe.timeout = 10s;
    probe.jitter = 0;
    definition.probes.push_back(probe);
    schemas::Objective objective;
    objective.id = "login";
    objective.budget = schemas::Budget{50min, schemas::BudgetPeriod::week};
    definition.objectives.push_back(objective);
    surroundings.locations = {"noc"};
}

void Scenario::play(const schemas::SeriesKey& key, Instant from, Instant to,
                    const std::function<Verdict(Instant)>& verdict) {
    const schemas::Probe* played = definition.find_probe(key.probe);
    schemas::SeriesKey slots = key;
    slots.probe = played->scheduled_as();
    const schemas::Schedule schedule(slots, played->every, played->jitter);
    for (Instant intended = schedule.first_from(from); intended < to; intended = schedule.first_from(intended + 1us)) {
        Run run;
        run.intended = run.started = intended;
        run.length = run.response = 200ms;
        run.every = played->every;
        run.verdict = verdict(intended);
        if (run.verdict != Verdict::ok) {
            run.reason = fmt::format("refused by {} at {}", key.target.empty() ? "server" : key.target,
                                     schemas::to_rfc3339(intended).substr(11, 5));
        }
        runs[key].push_back(run);
    }
}

void Scenario::spoil(const schemas::SeriesKey& key, Instant from, Instant to, Verdict verdict) {
    for (Run& run : runs[key]) {
        if (from <= run.intended && run.intended < to) {
            run.verdict = verdict;
            run.reason = fmt::format("refused by {} at {}", key.target.empty() ? "server" : key.target,
                                     schemas::to_rfc3339(run.intended).substr(11, 5));
        }
    }
}

void Scenario::lose(const schemas::SeriesKey& key, Instant from, Instant to) {
    std::erase_if(runs[key], [&](const Run& run) { return from <= run.intended && run.intended < to; });
}

RunSource Scenario::source() const {
    return [this](const schemas::SeriesKey& key, Instant from, Instant to) -> Stored<SeriesRuns> {
        SeriesRuns answer{key, {}};
        const auto found = runs.find(key);
        if (found == runs.end()) {
            return answer;
        }
        // Any order and repeats are allowed here, so look for the neighbours by value.
        Instant before = Instant::min();
        Instant after = Instant::max();
        for (const Run& run : found->second) {
            before = run.intended < from ? std::max(before, run.intended) : before;
            after = run.intended >= to ? std::min(after, run.intended) : after;
        }
        for (const Run& run : found->second) {
            if (run.intended >= before && run.intended <= after) {
                answer.runs.push_back(run);
            }
        }
        return answer;
    };
}

ObjectiveReport Scenario::report(Instant from, Instant to, Instant now) const {
    const RunSource runs_of = source();
    return evaluate(definition, definition.objectives.front(), {"", from, to}, now, surroundings, runs_of).value();
}

std::string shown(const BookedTime& time) {
    std::string text;
    for (const schemas::Booking booking : schemas::all_bookings) {
        if (time[booking] != Duration(0)) {
            text += fmt::format("{}{} {:g}", text.empty() ? "" : " ", to_string(booking),
                                schemas::to_minutes(time[booking]));
        }
    }
    return text;
}

std::string shown(const std::vector<Outage>& outages) {
    std::string text;
    for (const Outage& outage : outages) {
        text += fmt::format(
            "{}{}-{} {:g} ({:g}-{:g}){}", text.empty() ? "" : ", ", schemas::to_rfc3339(outage.from).substr(11, 5),
            schemas::to_rfc3339(outage.to).substr(11, 5), schemas::to_minutes(outage.nominal),
            std::round(schemas::to_minutes(outage.at_least) * 100) / 100,
            std::round(schemas::to_minutes(outage.at_most) * 100) / 100, outage.ongoing ? " ongoing" : "");
    }
    return text;
}

}  // namespace slimtax::reporter::testing
