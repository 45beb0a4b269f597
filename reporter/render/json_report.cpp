#include "reporter/render/json_report.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

#include "reporter/html.hpp"
#include "reporter/judgement.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/words.hpp"
#include "schemas/units.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;

/// The unit that minutes are rounded to: 10⁻⁶ min.
constexpr Duration millionth(60);

double rounded(double value) {
    return std::round(value * 1e6) / 1e6;
}
double minutes(Duration duration) {
    return rounded(schemas::to_minutes(duration));
}
double milliseconds(Duration duration) {
    return schemas::to_milliseconds(duration);
}

Json strings(const std::vector<std::string>& items) {
    return Json(items);
}

Json minutes_json(const BookedTime& booked) {
    const auto parts = whole_units(booked, millionth);
    std::int64_t total = 0;
    for (const std::int64_t part : parts) {
        total += part;
    }
    const auto in_minutes = [](std::int64_t units) { return static_cast<double>(units) / 1e6; };
    const auto of = [&](schemas::Booking booking) { return in_minutes(parts.at(static_cast<std::size_t>(booking))); };
    Json out;
    out["period"] = in_minutes(total);
    out["outside"] = of(schemas::Booking::outside);
    out["planned"] = of(schemas::Booking::planned);
    out["unmeasured"] = of(schemas::Booking::unmeasured);
    out["up"] = of(schemas::Booking::up);
    out["degraded"] = of(schemas::Booking::degraded);
    out["down"] = of(schemas::Booking::down);
    return out;
}

template <class Items, class Make>
Json array_of(const Items& items, Make make) {
    Json out = Json::array();
    for (const auto& item : items) {
        out.push_back(make(item));
    }
    return out;
}

std::string judgement_name(Judgement judgement) {
    constexpr std::array<std::string_view, 4> names{"met", "not_measured", "not_proven", "missed"};
    return std::string(names.at(static_cast<std::size_t>(judgement)));
}

std::string amendment_name(Amendment::Kind kind) {
    constexpr std::array<std::string_view, 4> names{"cause", "not_an_outage", "planned", "undo"};
    return std::string(names.at(static_cast<std::size_t>(kind)));
}

Json interval_json(const Interval& interval) {
    return Json::array({rounded(interval.low), rounded(interval.high)});
}

Json amendment_json(const Amendment& amendment) {
    Json out;
    out["number"] = amendment.number;
    out["kind"] = amendment_name(amendment.kind);
    out["cause"] = amendment.cause;
    out["note"] = amendment.note;
    out["who"] = amendment.who;
    out["when"] = schemas::to_rfc3339(amendment.when);
    out["undoes"] = amendment.kind == Amendment::Kind::undo ? Json(amendment.undoes) : Json();
    out["undone"] = amendment.undone;
    return out;
}

Json outage_json(const Outage& outage) {
    Json out;
    out["id"] = outage.id;
    out["from"] = schemas::to_rfc3339(outage.from);
    out["to"] = schemas::to_rfc3339(outage.to);
    out["ongoing"] = outage.ongoing;
    out["minutes"] = minutes(outage.nominal);
    out["at_least"] = minutes(outage.at_least);
    out["at_most"] = minutes(outage.at_most);
    out["cause"] = outage.cause;
    out["evidence"] = outage.evidence;
    out["reason"] = outage.reason;
    out["targets"] = strings(outage.targets);
    out["locations"] = strings(outage.locations);
    out["user_minutes"] = rounded(outage.user_minutes);
    out["amendments"] = array_of(outage.amendments, amendment_json);
    out["excused"] = outage.excused ? Json(amendment_name(*outage.excused)) : Json();
    return out;
}

Json runs_json(const RunCounts& runs) {
    Json out;
    out["due"] = runs.due;
    for (const schemas::Verdict verdict : schemas::all_verdicts) {
        out[std::string(schemas::to_string(verdict))] = runs.of(verdict);
    }
    return out;
}

Json response_json(const ResponseTimes& times) {
    Json out;
    out["samples"] = times.samples;
    out["mean"] = rounded(times.mean);
    out["min"] = rounded(times.min);
    out["max"] = rounded(times.max);
    out["stddev"] = rounded(times.stddev);
    out["p50"] = rounded(times.p50);
    out["p95"] = rounded(times.p95);
    out["p99"] = rounded(times.p99);
    return out;
}

Json band_json(const BandResult& result) {
    const schemas::Band& band = result.band;
    Json out;
    out["from_ms"] = band.from ? Json(milliseconds(*band.from)) : Json();
    out["up_to_ms"] = band.up_to ? Json(milliseconds(*band.up_to)) : Json();
    out["at_least"] = band.at_least ? Json(rounded(*band.at_least)) : Json();
    out["at_most"] = band.at_most ? Json(rounded(*band.at_most)) : Json();
    out["share"] = rounded(result.share);
    out["share_likely"] = interval_json(result.likely);
    out["p50"] = rounded(result.p50);
    out["p95"] = rounded(result.p95);
    out["runs"] = result.runs;
    out["met"] = result.met;
    return out;
}

Json work_json(const WorkResult& work) {
    Json out;
    out["peak_active_users"] = work.peak_active_users;
    out["units"] = rounded(work.units);
    out["per_user_hour"] = rounded(work.per_user_hour);
    out["total_per_hour"] = rounded(work.total_per_hour);
    out["user_minutes_lost"] = rounded(work.user_minutes_lost);
    out["hours"] = Json::array();
    for (const WorkStretch& stretch : work.hours) {
        Json one;
        one["from"] = schemas::to_rfc3339(stretch.from);
        one["to"] = schemas::to_rfc3339(stretch.to);
        one["per_hour"] = rounded(stretch.per_hour);
        one["asked"] = rounded(stretch.asked);
        one["active"] = rounded(stretch.active);
        out["hours"].push_back(std::move(one));
    }
    return out;
}

Json strip_json(const std::vector<BookedSpan>& strip) {
    Json out = Json::array();
    for (const BookedSpan& span : strip) {
        Json one;
        one["from"] = schemas::to_rfc3339(span.from);
        one["to"] = schemas::to_rfc3339(span.to);
        one["state"] = std::string(schemas::to_string(span.booking));
        out.push_back(std::move(one));
    }
    return out;
}

Json series_json(const SeriesNow& series) {
    Json out;
    out["probe"] = series.key.probe;
    out["target"] = series.key.target;
    out["location"] = series.key.location;
    out["state"] = std::string(schemas::to_string(series.state));
    out["since"] = schemas::to_rfc3339(series.since);
    out["reason"] = series.reason;
    return out;
}

Json unmeasured_json(const UnmeasuredBy& part) {
    Json out;
    out["reason"] = part.reason;
    out["minutes"] = minutes(part.time);
    out["locations"] = strings(part.locations);
    return out;
}

Json periodicity_json(const Periodicity& found) {
    Json out;
    out["every_seconds"] = schemas::to_seconds(found.every);
    out["length_seconds"] = schemas::to_seconds(found.length);
    out["since"] = schemas::to_rfc3339(found.since);
    out["until"] = schemas::to_rfc3339(found.until);
    out["times"] = found.times;
    out["text"] = found.sentence;
    return out;
}

Json responses_json(const ResponseStretch& stretch) {
    Json out;
    out["from"] = schemas::to_rfc3339(stretch.from);
    out["to"] = schemas::to_rfc3339(stretch.to);
    out["samples"] = stretch.samples;
    out["p50"] = rounded(stretch.p50);
    out["p95"] = rounded(stretch.p95);
    out["max"] = rounded(stretch.max);
    return out;
}

Json past_json(const PastPeriod& past) {
    Json out;
    out["name"] = past.period.name;
    out["from"] = schemas::to_rfc3339(past.period.from);
    out["to"] = schemas::to_rfc3339(past.period.to);
    out["judgement"] = judgement_name(past.judgement);
    out["spent"] = rounded(past.spent);
    out["allowed"] = rounded(past.allowed);
    out["unmeasured"] = rounded(past.unmeasured);
    out["p95_ms"] = rounded(past.p95);
    if (past.share) {
        out["share"] = rounded(*past.share);
    }
    if (past.work_per_hour) {
        out["work_per_hour"] = rounded(*past.work_per_hour);
    }
    return out;
}

Json revision_json(const Revision& revision) {
    Json out;
    out["issued"] = schemas::to_rfc3339(revision.issued);
    out["method"] = revision.method;
    out["judgement"] = judgement_name(revision.judgement);
    out["spent"] = rounded(revision.spent);
    out["why"] = revision.why;
    return out;
}

}  // namespace

Json light_json(const ObjectiveReport& objective) {
    Json out;
    out["colour"] = std::string(schemas::to_string(objective.light));
    out["word"] = std::string(light_word(objective));
    out["since"] = schemas::to_rfc3339(objective.light_since);
    out["reason"] = objective.light_reason;
    return out;
}

Json budget_json(const BudgetUse& budget) {
    Json out;
    out["text"] = budget.text;
    out["unit"] = budget.in_failures ? "failed runs" : "minutes";
    // Design §7 promises `minutes`; a budget of failed runs has none.
    out["minutes"] = budget.in_failures ? Json() : Json(rounded(budget.allowed));
    out["allowed"] = rounded(budget.allowed);
    out["spent"] = rounded(budget.spent);
    out["spent_at_least"] = rounded(budget.spent_at_least);
    out["spent_at_most"] = rounded(budget.spent_at_most);
    out["remaining"] = rounded(budget.remaining());
    out["likely"] = budget.likely ? interval_json(*budget.likely) : Json();
    out["causes"] = Json::array();
    for (const CauseUse& use : budget.causes) {
        Json one;
        one["cause"] = use.cause;
        one["allowed"] = rounded(use.allowed);
        one["spent"] = rounded(use.spent);
        out["causes"].push_back(std::move(one));
    }
    return out;
}

Json objective_json(const ServiceReport& service, const ObjectiveReport& objective, bool so_far) {
    Json out;
    out["id"] = objective.id;
    out["title"] = title_of(objective);
    out["level"] = std::string(schemas::to_string(objective.level));
    out["met"] = objective.met;
    out["judgement"] = judgement_name(judge(objective));
    out["note"] = judgement_reason(objective, so_far);
    out["promise"] = promise(service, objective);
    out["minutes"] = minutes_json(objective.minutes);
    out["budget"] = budget_json(objective.budget);
    out["outages"] = array_of(objective.outages, outage_json);
    out["runs"] = runs_json(objective.runs);
    out["response_ms"] = response_json(objective.response_ms);
    out["bands"] = array_of(objective.bands, band_json);
    out["work"] = objective.work ? work_json(*objective.work) : Json();
    out["unmeasured"] = array_of(objective.unmeasured, unmeasured_json);
    out["periodicity"] = array_of(objective.periodicity, periodicity_json);
    out["responses"] = array_of(objective.responses, responses_json);
    out["before"] = array_of(objective.before, past_json);
    out["revised"] = objective.revised ? revision_json(*objective.revised) : Json();
    out["longest_gap_seconds"] = schemas::to_seconds(objective.longest_gap);
    out["light"] = light_json(objective);
    out["strip"] = strip_json(objective.strip);
    out["series"] = array_of(objective.series, series_json);
    return out;
}

Json service_json(const ServiceReport& service, bool so_far) {
    Json out;
    out["id"] = service.id;
    out["title"] = title_of(service);
    out["owner"] = service.owner;
    out["about"] = service.about;
    out["definition"] = service.definition;
    out["timezone"] = WallClock(service).name();
    if (service.period.from < service.period.to) {
        out["period"]["from"] = schemas::to_rfc3339(service.period.from);
        out["period"]["to"] = schemas::to_rfc3339(service.period.to);
    }
    out["tags"] = Json::object();
    for (const auto& [key, value] : service.tags) {
        out["tags"][key] = value;
    }
    out["objectives"] = Json::array();
    for (const ObjectiveReport& objective : service.objectives) {
        out["objectives"].push_back(objective_json(service, objective, so_far));
    }
    return out;
}

Json period_json(const Report& report) {
    Json out;
    out["name"] = report.period.name;
    out["from"] = schemas::to_rfc3339(report.period.from);
    out["to"] = schemas::to_rfc3339(report.period.to);
    out["so_far"] = report.so_far;
    return out;
}

Json report_json(const Report& report) {
    const Headline line = headline(report);
    Json out;
    out["method"] = report.method;
    out["period"] = period_json(report);
    out["headline"]["judgement"] = judgement_name(line.judgement);
    out["headline"]["text"] = line.answer + " " + line.sentence;
    out["services"] = Json::array();
    for (const ServiceReport& service : report.services) {
        out["services"].push_back(service_json(service, report.so_far));
    }
    return out;
}

std::string json_text(const Json& json) {
    // Reasons come from servers: bytes that are not UTF-8 are replaced, never a reason to give no answer.
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace slimtax::reporter
