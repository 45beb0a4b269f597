// Whether a schedule can support what an objective promises (S5): enough runs for its percentages, a budget that can be
// overspent at all, a rate that can be reached; and advice on how often which level is tested.
#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>

#include "schemas/definition_draft.hpp"

namespace slimtax::schemas {
namespace {

constexpr int minutes_a_day = 24 * 60;

/// A share that was sampled is known to 95 %, so each side may be wrong in 2.5 % of the periods (Clopper and Pearson
/// 1934, for the case that all runs agree).
constexpr double beyond_one_side = 0.025;

/// The open time of each weekday, from Sunday. Overlapping hours count once.
std::array<Duration, 7> open_time(const Window& window) {
    std::array<Duration, 7> open{};
    open.fill(window.open.empty() ? std::chrono::days(1) : Duration::zero());
    std::array<std::bitset<minutes_a_day>, 7> minutes;
    for (const WeeklyHours& hours : window.open) {
        for (int minute = hours.from_minute; minute < hours.to_minute; ++minute) {
            minutes.at(hours.day.c_encoding()).set(static_cast<std::size_t>(minute));
        }
    }
    for (std::size_t day = 0; day < 7 && !window.open.empty(); ++day) {
        open.at(day) = std::chrono::minutes(minutes.at(day).count());
    }
    return open;
}

/// The open time of the shortest period of a kind, closed dates aside.
Duration open_time(const Window& window, BudgetPeriod per) {
    const auto days = open_time(window);
    Duration week{};
    Duration shortest_day = std::chrono::days(1);
    for (const Duration day : days) {
        week += day;
        shortest_day = day > Duration::zero() ? std::min(shortest_day, day) : shortest_day;
    }
    switch (per) {
        case BudgetPeriod::day: return shortest_day;
        case BudgetPeriod::week: return week;
        case BudgetPeriod::month: return week * 4;  // of February
        case BudgetPeriod::quarter: return week * 90 / 7;
        case BudgetPeriod::year: return week * 365 / 7;
    }
    return week;
}

std::string_view word_of(BudgetPeriod per) {
    constexpr std::array<std::string_view, 5> words{"day", "week", "month", "quarter", "year"};
    return words.at(static_cast<std::size_t>(per));
}

BudgetPeriod period_of(const Objective& objective) {
    return objective.budget         ? objective.budget->per
           : objective.max_failures ? objective.max_failures->per
                                    : BudgetPeriod::week;
}

/// The series of a probe that count: its targets at its locations; one location where the installation says which.
std::int64_t series_of(const Objective& objective, const Probe& probe) {
    const auto voters = std::ranges::count_if(probe.from, [&](const std::string& location) {
        return std::ranges::find(objective.exclude_locations, location) == objective.exclude_locations.end();
    });
    return static_cast<std::int64_t>(probe.series_targets().size()) * std::max<std::int64_t>(1, voters);
}

/// How many runs of these probes lie in a stretch.
double runs_in(Duration stretch, const Objective& objective, const std::vector<const Probe*>& probes) {
    double runs = 0;
    for (const Probe* probe : probes) {
        if (probe->every > Duration::zero()) {
            runs += to_seconds(stretch) / to_seconds(probe->every) * static_cast<double>(series_of(objective, *probe));
        }
    }
    return runs;
}

/// A probe without `from` runs at every location, and how many there are is the installation's business.
bool runs_everywhere(const std::vector<const Probe*>& probes) {
    return std::ranges::any_of(probes, [](const Probe* probe) { return probe->from.empty(); });
}

/// What can never be must not be said of a number of locations that is not known: nobody has more than this.
constexpr int many_locations = 10;
constexpr std::string_view at_many_locations = " at ten locations";

/// The fewest runs that can prove a share when every single one of them keeps it.
double runs_to_prove(double allowed_to_break) {
    return std::ceil(std::log(beyond_one_side) / std::log1p(-allowed_to_break));
}

/// To four digits.
double rounded(double share) {
    const double unit = std::pow(10, std::floor(std::log10(share)) - 3);
    return std::round(share / unit) * unit;
}

std::string percent(double share) {
    return fmt::format("{:.7g} %", share * 100);  // 99.9999 is not 100
}

std::string counted_runs(double runs) {
    return fmt::format("{:.0f} run{}", runs, std::round(runs) == 1 ? "" : "s");
}

Position place_of(const TomlNode& table, std::string_view key) {
    const TomlNode* found = table.find(key);
    return found != nullptr ? found->at : table.at;
}

class Adequacy {
public:
    Adequacy(Complaints& complaints, const Definition& definition, Catalog catalog)
        : complaints_(complaints), definition_(definition), catalog_(catalog) {}

    void check(const Objective& objective, const TomlNode& node, const std::vector<const Probe*>& probes) {
        const BudgetPeriod per = period_of(objective);
        const Duration open = open_time(definition_.window, per);
        const double runs = runs_in(open, objective, probes);
        if (open == Duration::zero() || runs == 0) {
            return;
        }
        check_bands(objective, node, per, open, runs, probes);
        check_budget(objective, node, per, open, runs, runs_everywhere(probes));
        check_rate(objective, node, open, probes);
    }

    /// The users' view should be looked at as often as what lies below it. Work is counted without gaps (A4).
    void advise_on_levels(const std::vector<const TomlNode*>& objective_nodes) {
        for (std::size_t i = 0; i < definition_.objectives.size(); ++i) {
            const Objective& objective = definition_.objectives[i];
            const Probe* slowest = slowest_of(objective);
            const Probe* below = slowest != nullptr ? fastest_below(objective.level) : nullptr;
            if (below != nullptr && below->every < slowest->every) {
                complaints_.advice(
                    objective_nodes[i]->at,
                    fmt::format(
                        "objective '{}' (level {}) is tested every {} by probe '{}', but level {} below it every "
                        "{}: what users see is then known less well than what lies beneath",
                        objective.id, to_string(objective.level), to_text(slowest->every), slowest->id,
                        to_string(below->level), to_text(below->every)),
                    "test higher levels at least as often");
            }
        }
    }

private:
    void check_bands(const Objective& objective, const TomlNode& node, BudgetPeriod per, Duration open, double runs,
                     const std::vector<const Probe*>& probes) {
        double strictest = 1;
        double share = 0;
        for (const Band& band : objective.bands) {
            const double may_break = std::min(band.at_least ? 1 - *band.at_least : 1, band.at_most.value_or(1));
            // A promise of all, or of none, is broken by one run: that needs no number of them.
            if (may_break > 0 && may_break < strictest) {
                strictest = may_break;
                share = band.at_least && 1 - *band.at_least == may_break ? *band.at_least : *band.at_most;
            }
        }
        const double needed = strictest < 1 ? runs_to_prove(strictest) : 0;
        if (runs >= needed) {
            return;
        }
        const double provable = 1 - std::pow(beyond_one_side, 1 / std::max(1.0, std::floor(runs)));
        complaints_.error(
            place_of(node, "bands"),
            fmt::format("{} cannot be shown with {} a {}: even if all of them kept the promise, up to {} of the "
                        "transactions could break it (95 % certainty); it takes {}",
                        percent(share), counted_runs(std::floor(runs)), word_of(per), percent(rounded(provable)),
                        counted_runs(needed)),
            often_enough(needed, open, objective, probes));
    }

    void check_budget(const Objective& objective, const TomlNode& node, BudgetPeriod per, Duration open, double runs,
                      bool everywhere) {
        const double most = everywhere ? runs * many_locations : runs;
        if (objective.max_failures && static_cast<double>(objective.max_failures->failures) >= std::ceil(most)) {
            complaints_.error(place_of(node, "max_failures"),
                              fmt::format("this can never be missed: a {} has only {}{}", word_of(per),
                                          counted_runs(std::floor(most)), everywhere ? at_many_locations : ""),
                              "allow fewer failures, or test more often");
        }
        // One that is longer than the period itself has been refused where it was read.
        if (objective.budget && objective.budget->allowance >= open &&
            objective.budget->allowance < open_time(Window{}, per)) {
            complaints_.error(
                place_of(node, "budget"),
                fmt::format("this can never be missed: the window is open for {} a {}", to_text(open), word_of(per)),
                "allow less");
        }
    }

    void check_rate(const Objective& objective, const TomlNode& node, Duration open,
                    const std::vector<const Probe*>& probes) {
        if (!objective.rate || catalog_.empty() ||
            std::ranges::any_of(probes, [&](const Probe* probe) { return counts_work(*probe); })) {
            return;
        }
        const double hours = to_seconds(open) / 3600;
        const bool everywhere = runs_everywhere(probes);
        const double an_hour = runs_in(open, objective, probes) / hours * (everywhere ? many_locations : 1);
        const double promised = objective.rate->amount / (to_seconds(objective.rate->per) / 3600);
        if (an_hour < promised) {
            complaints_.error(place_of(node, "rate"),
                              fmt::format("this rate can never be reached: its probes complete at most {:.4g} "
                                          "transactions an hour{}, {:.4g} are promised",
                                          an_hour, everywhere ? at_many_locations : "", promised),
                              "count the users' own transactions, such as with log.count or counter.sql");
        }
    }

    [[nodiscard]] bool counts_work(const Probe& probe) const {
        const auto& steps = probe.collect ? definition_.find_probe(probe.collect->source)->steps : probe.steps;
        return (probe.collect && probe.collect->counter) || std::ranges::any_of(steps, [&](const Step& step) {
                   const OperationInfo* info = find_operation(catalog_, step.operation);
                   return info != nullptr && info->levels.find("A4") != std::string_view::npos;
               });
    }

    /// What `every` of the slowest probe would give enough runs in a stretch, together with those of the others.
    static std::string often_enough(double needed, Duration stretch, const Objective& objective,
                                    const std::vector<const Probe*>& probes) {
        const Probe* probe = *std::ranges::max_element(probes, {}, &Probe::every);
        const double others = runs_in(stretch, objective, probes) - runs_in(stretch, objective, {probe});
        const double series = static_cast<double>(series_of(objective, *probe));
        const Duration every = handy(
            Duration(static_cast<std::int64_t>(static_cast<double>(stretch.count()) * series / (needed - others))));
        if (every < shortest_interval) {
            return "promise less: no probe can run often enough";
        }
        std::string hint = fmt::format("every = \"{}\" {}would do", to_text(every),
                                       probes.size() > 1 ? fmt::format("of probe '{}' ", probe->id) : "");
        if (runs_everywhere(probes)) {
            hint += "; where no 'from' says how many locations there are, one is reckoned with";
        }
        return hint;
    }

    [[nodiscard]] const Probe* slowest_of(const Objective& objective) const {
        const Probe* slowest = nullptr;
        for (const Probe* probe : definition_.probes_of(objective)) {
            if (objective.level != Level::A4 && (slowest == nullptr || probe->every > slowest->every)) {
                slowest = probe;
            }
        }
        return slowest;
    }

    [[nodiscard]] const Probe* fastest_below(Level level) const {
        const Probe* fastest = nullptr;
        for (const Probe& probe : definition_.probes) {
            const bool counts = probe.purpose == Purpose::measurement && probe.level < level;
            if (counts && (fastest == nullptr || probe.every < fastest->every)) {
                fastest = &probe;
            }
        }
        return fastest;
    }

    Complaints& complaints_;
    const Definition& definition_;
    Catalog catalog_;
};

}  // namespace

Duration handy(Duration duration) {
    using namespace std::chrono_literals;
    for (const Duration step : {Duration(5min), Duration(1min), Duration(5s), Duration(1s)}) {
        if (duration >= 2 * step) {
            return duration / step * step;
        }
    }
    return std::chrono::floor<std::chrono::milliseconds>(duration);
}

void check_adequacy(Complaints& complaints, const Draft& draft, Catalog catalog) {
    const Definition& definition = draft.definition;
    Adequacy adequacy(complaints, definition, catalog);
    for (std::size_t i = 0; i < definition.objectives.size(); ++i) {
        const auto probes = definition.probes_of(definition.objectives[i]);
        if (!probes.empty()) {
            adequacy.check(definition.objectives[i], *draft.objective_nodes[i], probes);
        }
    }
    if (!complaints.has_errors()) {
        adequacy.advise_on_levels(draft.objective_nodes);
    }
}

}  // namespace slimtax::schemas
