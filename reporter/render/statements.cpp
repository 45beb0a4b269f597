#include "reporter/render/statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "reporter/judgement.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Booking;
using schemas::Duration;
using schemas::Instant;
using schemas::Verdict;

std::string ended(std::string sentence) {
    return sentence.empty() || sentence.ends_with('.') ? sentence : sentence + ".";
}

std::string work_words(const WorkResult& work) {
    std::string text = fmt::format(
        "Up to {} people were active at once. They did {} units of work: {:.0f} for each active user and "
        "hour, {} an hour in all.",
        grouped(static_cast<std::uint64_t>(work.peak_active_users)), grouped(static_cast<std::uint64_t>(work.units)),
        work.per_user_hour, grouped(static_cast<std::uint64_t>(std::llround(work.total_per_hour))));
    if (work.user_minutes_lost > 0) {
        text += fmt::format(" Outages cost {} user-minutes: their minutes times the users who were there just before.",
                            grouped(static_cast<std::uint64_t>(std::llround(work.user_minutes_lost))));
    }
    return text;
}

}  // namespace

std::string spent_words(const BudgetUse& budget) {
    const std::string spent = budget.spent == 0 ? "None" : budget_words(budget.spent, budget.in_failures);
    const std::string allowed = budget_words(budget.allowed, budget.in_failures);
    // "3 h of 2 h spent" is read twice.
    std::string text =
        budget.spent > budget.allowed
            ? fmt::format("{} spent, {} allowed", spent, allowed_words(budget))
            : fmt::format("{} of {} spent",
                          budget.in_failures && budget.spent > 0 ? fmt::format("{:g}", budget.spent) : spent, allowed);
    if (budget.spent_at_most > budget.spent_at_least) {
        text += fmt::format(" (at least {}, at most {})", budget_words(budget.spent_at_least, budget.in_failures),
                            budget_words(budget.spent_at_most, budget.in_failures));
    }
    return text + fmt::format("; {}.", left_words(budget));
}

std::string likely_words(const BudgetUse& budget) {
    if (!budget.likely || budget.likely->high <= 0) {
        return {};
    }
    const std::string high = budget_words(budget.likely->high, budget.in_failures);
    const std::string range = budget.likely->low <= 0
                                  ? "at most " + high
                                  : fmt::format("{} to {}", budget_words(budget.likely->low, budget.in_failures), high);
    return fmt::format("With 95 % certainty it was {}, counting also outages too short to be sure of.", range);
}

OutageFigures outage_figures(const ObjectiveReport& objective) {
    OutageFigures out;
    for (const Outage& outage : objective.outages) {
        if (outage.excused) {
            ++out.excused;
            continue;
        }
        ++out.count;
        out.total += outage.nominal;
        out.longest = std::max(out.longest, outage.nominal);
    }
    if (out.count > 0) {
        const auto count = static_cast<std::int64_t>(out.count);
        out.to_restore = out.total / count;
        out.between = (objective.minutes[Booking::up] + objective.minutes[Booking::degraded]) / count;
    }
    return out;
}

std::string figures_words(const ObjectiveReport& objective) {
    const OutageFigures figures = outage_figures(objective);
    if (figures.count == 0) {
        return {};
    }
    if (figures.count == 1) {
        return fmt::format("One outage of {} in {} of working time.", time_words(figures.longest),
                           time_words(figures.between));
    }
    return fmt::format(
        "The longest took {}. On average it took {} until the service worked again, and it worked for "
        "{} between two outages.",
        time_words(figures.longest), time_words(figures.to_restore), time_words(figures.between));
}

std::string outages_title(const ObjectiveReport& objective) {
    const OutageFigures figures = outage_figures(objective);
    if (figures.count == 0 && figures.excused == 0) {
        return "Outages";
    }
    std::string text = figures.count == 0 ? "No outage that counts" : counted(figures.count, "outage");
    if (figures.excused > 0) {
        text += fmt::format(", and {} that {} not count", figures.excused, figures.excused == 1 ? "does" : "do");
    }
    return text;
}

std::optional<double> working_share(const ObjectiveReport& objective) {
    const Duration working = objective.minutes[Booking::up] + objective.minutes[Booking::degraded];
    const Duration measured = working + objective.minutes[Booking::down];
    if (measured == Duration::zero()) {
        return std::nullopt;
    }
    return schemas::to_seconds(working) / schemas::to_seconds(measured);
}

std::string nines_words(const ObjectiveReport& objective) {
    const auto share = working_share(objective);
    if (!share) {
        return {};
    }
    if (*share == 1) {
        return "In nines: 100 % of the measured time in promised hours.";
    }
    constexpr std::array<std::string_view, 7> words{"no nine",    "one nine",   "two nines", "three nines",
                                                    "four nines", "five nines", "six nines"};
    const double nines = std::floor(-std::log10(1 - *share) + 1e-9);
    const auto at = static_cast<std::size_t>(std::clamp(nines, 0.0, 6.0));
    return fmt::format("In nines: {} of the measured time in promised hours ({}).", share_words(*share), words.at(at));
}

std::vector<CauseUse> cause_rows(const ObjectiveReport& objective) {
    std::vector<CauseUse> rows = objective.budget.causes;
    if (rows.empty()) {
        return rows;
    }
    double named = 0;
    for (const CauseUse& row : rows) {
        named += row.spent;
    }
    const double rest = objective.budget.spent - named;
    if (rest > 0.05) {
        rows.push_back({"another cause, or none named", 0, rest});
    }
    return rows;
}

std::string amendment_words(const Amendment& amendment, const WallClock& clock) {
    std::string what;
    switch (amendment.kind) {
        case Amendment::Kind::cause: what = "Cause set to " + amendment.cause; break;
        case Amendment::Kind::not_an_outage: what = "Called no outage"; break;
        case Amendment::Kind::planned: what = "Called planned work"; break;
        case Amendment::Kind::undo: what = fmt::format("Correction {} taken back", amendment.undoes); break;
    }
    std::string text =
        fmt::format("Correction {}: {} by {}, {}", amendment.number, what, amendment.who, clock.full(amendment.when));
    text += amendment.note.empty() ? "" : ": " + amendment.note;
    return ended(text) + (amendment.undone ? " (It was taken back.)" : "");
}

const Amendment* cause_amendment(const Outage& outage) {
    const Amendment* last = nullptr;
    for (const Amendment& one : outage.amendments) {
        if (one.kind == Amendment::Kind::cause && !one.undone) {
            last = &one;
        }
    }
    return last;
}

std::string cause_words(const Outage& outage) {
    if (outage.cause.empty()) {
        return {};
    }
    if (const Amendment* said = cause_amendment(outage)) {
        return fmt::format("Cause: {}, said by {}.", outage.cause, said->who);
    }
    if (outage.evidence.empty()) {
        return fmt::format("Cause: {}.", outage.cause);
    }
    return fmt::format("Likely cause: {}. {}", outage.cause, ended(outage.evidence));
}

std::string when_words(const Outage& outage, const WallClock& clock, bool so_far) {
    const std::string end = outage.since_before ? ", begun before" : "";
    if (outage.ongoing && so_far) {
        return fmt::format("since {}{}, still going on", clock.full(outage.from), end);
    }
    return clock.range(outage.from, outage.to) + end + (outage.ongoing ? ", not over when the period was" : "");
}

std::string outage_reason(const Outage& outage) {
    std::string text = outage.reason.empty() ? "No reason was recorded." : outage.reason;
    // Only a plain word gets a capital: not im1.campus.example:5222.
    const std::size_t word = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz");
    if (word != std::string::npos && word > 0 && text[word] == ' ') {
        text.front() = static_cast<char>(text.front() - 'a' + 'A');
    }
    return text;
}

std::string where_words(const Outage& outage) {
    std::string where = list_words(outage.targets, 3);
    if (!outage.locations.empty()) {
        where += (where.empty() ? "Seen from " : ", seen from ") + list_words(outage.locations, 3);
    }
    return where;
}

std::string_view excuse_words(const Outage& outage) {
    if (!outage.excused) {
        return {};
    }
    return *outage.excused == Amendment::Kind::planned ? "not counted: planned work" : "not counted: no outage";
}

ShownOutages shown_outages(const ObjectiveReport& objective, std::size_t most) {
    ShownOutages shown;
    for (const Outage& outage : objective.outages) {
        shown.outages.push_back(&outage);
    }
    if (shown.outages.size() > most) {
        std::stable_sort(shown.outages.begin(), shown.outages.end(),
                         [](const Outage* a, const Outage* b) { return a->nominal > b->nominal; });
        for (std::size_t i = most; i < shown.outages.size(); ++i) {
            shown.left_out_time += shown.outages.at(i)->nominal;
        }
        shown.left_out = shown.outages.size() - most;
        shown.outages.resize(most);
        std::sort(shown.outages.begin(), shown.outages.end(),
                  [](const Outage* a, const Outage* b) { return a->from < b->from; });
    }
    return shown;
}

std::string revision_words(const ObjectiveReport& objective, const WallClock& clock) {
    if (!objective.revised) {
        return {};
    }
    const Revision& then = *objective.revised;
    const BudgetUse& budget = objective.budget;
    const double more = budget.spent - then.spent;
    const std::string difference =
        std::abs(more) < 0.005
            ? "no difference in what was spent"
            : fmt::format("{} {}", budget_words(std::abs(more), budget.in_failures), more > 0 ? "more" : "less");
    const std::string_view word = judgement_word(objective);
    const bool other_word = judgement_word(then.judgement) != word;
    std::string text =
        fmt::format("The report of {} said \"{}\", with {} spent. Now it is {}{}: {}.", clock.full(then.issued),
                    judgement_word(then.judgement), budget_words(then.spent, budget.in_failures),
                    other_word ? fmt::format("\"{}\", with ", word) : "",
                    budget_words(budget.spent, budget.in_failures), difference);
    return then.why.empty() ? text : text + " Why: " + ended(then.why);
}

std::string unmeasured_words(const ObjectiveReport& objective) {
    const RunCounts& runs = objective.runs;
    std::uint64_t came = 0;
    for (const Verdict verdict : schemas::all_verdicts) {
        came += runs.of(verdict);
    }
    std::vector<std::string> missing;
    if (runs.due > came) {
        missing.push_back(counted(runs.due - came, "result") + " never came");
    }
    if (runs.of(Verdict::not_run) > 0) {
        missing.push_back(counted(runs.of(Verdict::not_run), "test") + " did not start");
    }
    if (runs.of(Verdict::prober_fault) > 0) {
        missing.push_back(counted(runs.of(Verdict::prober_fault), "test") + " failed on the measuring side");
    }
    const Duration blind = objective.minutes[Booking::unmeasured];
    const Duration open =
        objective.minutes.sum() - objective.minutes[Booking::outside] - objective.minutes[Booking::planned];
    std::string text = blind == Duration::zero()
                           ? "Nothing: somebody looked all the time."
                           : fmt::format("{}, {} of the promised time.", time_words(blind),
                                         share_words(schemas::to_seconds(blind) / schemas::to_seconds(open)));
    if (judge(objective) == Judgement::not_measured) {
        return text;
    }
    if (runs.due > 0) {
        text += missing.empty()
                    ? fmt::format(" All {} that were due came.", counted(runs.due, "test"))
                    : fmt::format(" Of {} that were due, {}.", counted(runs.due, "test"), list_words(missing));
    }
    if (objective.longest_gap > Duration::zero()) {
        text +=
            fmt::format(" Every outage longer than {} is sure to be seen; a shorter one may fall between two tests.",
                        time_words(objective.longest_gap));
    }
    return text;
}

std::string response_sentence(const ObjectiveReport& objective) {
    if (objective.work) {
        return work_words(*objective.work);
    }
    const ResponseTimes& times = objective.response_ms;
    if (times.samples == 0) {
        return {};
    }
    return fmt::format(
        "{}: half took up to {}, 95 % up to {}, 99 % up to {}. The fastest took {}, the slowest {}, the "
        "average {} (standard deviation {}).",
        counted(times.samples, "completed run"), response_words(times.p50), response_words(times.p95),
        response_words(times.p99), response_words(times.min), response_words(times.max), response_words(times.mean),
        response_words(times.stddev));
}

std::string band_range(const schemas::Band& band) {
    if (band.up_to && !band.from) {
        return "up to " + time_words(*band.up_to);
    }
    if (band.up_to && band.from) {
        return fmt::format("{} to {}", time_words(*band.from), time_words(*band.up_to));
    }
    return band.from ? "over " + time_words(*band.from) : "all";
}

std::string past_name(const Period& past, const WallClock& clock) {
    const std::string& name = past.name;
    if (name.size() == 8 && name.substr(4, 2) == "-W") {
        return "week " + (name[6] == '0' ? name.substr(7) : name.substr(6));
    }
    return name.starts_with("from ") || name.empty() ? "from " + clock.day(past.from) : name;
}

std::string clock_change_words(const Period& period, const WallClock& clock) {
    if (period.length() > std::chrono::hours(24 * 45)) {
        return {};
    }
    std::string text;
    for (Instant day = clock.day_start(period.from); day < period.to;) {
        const Instant next = clock.next_day(day);
        const auto hours = std::chrono::round<std::chrono::hours>(next - day).count();
        if (next - day != std::chrono::hours(24)) {
            text += fmt::format("{}On {} the clocks changed: that day has {} hours.", text.empty() ? "" : " ",
                                clock.day(day), hours);
        }
        day = next;
    }
    return text;
}

}  // namespace slimtax::reporter
