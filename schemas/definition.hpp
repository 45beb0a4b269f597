// A definition file as structures (design §3). One file per service. Plain values; nothing here acts.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "schemas/condition.hpp"
#include "schemas/pattern.hpp"
#include "schemas/problem.hpp"
#include "schemas/time.hpp"
#include "schemas/words.hpp"

namespace slimtax::schemas {

/// `[service]`.
struct Service {
    std::string id;                                         ///< stable: history hangs on it
    std::string title;                                      ///< may change; falls back to id
    std::string owner;                                      ///< who to ask, usually a mail address
    std::string about;                                      ///< the promise in the owner's prose
    std::string definition;                                 ///< link to the service's page; empty: none
    std::vector<std::pair<std::string, std::string>> tags;  ///< in file order
    std::vector<std::string> layers;  ///< rows of the matrix, bottom first; default: the five of the design
    Position at;                      ///< of the id
};

/// One stretch of weekly opening hours: days, and minutes since local midnight, from < to <= 24·60.
struct WeeklyHours {
    std::chrono::weekday day;
    int from_minute = 0;
    int to_minute = 24 * 60;
};

/// `[[window.maintenance]]`. Announced work: booked as planned where it lies inside the window.
struct Maintenance {
    std::chrono::local_time<std::chrono::microseconds> from;  ///< in the window's time zone
    std::chrono::local_time<std::chrono::microseconds> to;
    std::string why;
    std::optional<std::chrono::local_time<std::chrono::microseconds>> announced;
};

/// `[window]`: when the service has to be available.
struct Window {
    std::string timezone = "UTC";   ///< IANA name, checked by the reader
    std::vector<WeeklyHours> open;  ///< empty: always
    std::vector<std::chrono::year_month_day> closed;
    std::vector<Maintenance> maintenance;
};

/// What a budget is counted over. Weeks are ISO weeks from Monday 00:00 local time.
enum class BudgetPeriod { day, week, month, quarter, year };

/// "50 min per week": an allowance of outage.
struct Budget {
    Duration allowance{};
    BudgetPeriod per = BudgetPeriod::week;
};

/// "50 per week" (`max_failures`): an allowance of failed runs.
struct FailureBudget {
    std::int64_t failures = 0;
    BudgetPeriod per = BudgetPeriod::week;
};

/// How many must say so: any (1), majority (more than half), all, or a number.
struct Quorum {
    enum class Rule { any, majority, all, number };
    Rule rule = Rule::any;
    int number = 1;  ///< for Rule::number
};

/// One A3 band: of all completed and failed runs, the share whose response time lies in [from, up_to) —
/// with `up_to` inclusive for the first band — must be at least / at most that much.
struct Band {
    std::optional<Duration> from;
    std::optional<Duration> up_to;
    std::optional<double> at_least;  ///< fraction in [0, 1]
    std::optional<double> at_most;   ///< fraction in [0, 1]
};

/// "200 active within 15 min".
struct ActiveUsers {
    std::int64_t users = 0;
    Duration within{};
};

/// "30 per user per hour" or "12000 per hour": units of work in a time, per active user or in all.
struct WorkRate {
    double amount = 0;
    Duration per = std::chrono::hours(1);
};

/// `[[objective]]`: a goal over probes of one level, with a budget.
struct Objective {
    std::string id;
    std::string title;  ///< falls back to id
    Level level = Level::A2;
    std::vector<std::string> probes;  ///< ids; empty: every measurement probe of this level
    std::optional<Budget> budget;
    std::optional<FailureBudget> max_failures;   ///< exactly one of budget and max_failures is there
    std::optional<Duration> recovery;            ///< the outage that matters (S5)
    Quorum agree{Quorum::Rule::majority, 1};     ///< locations that must agree before a target is down
    std::vector<std::string> exclude_locations;  ///< outer locations that do not vote (S9)
    Quorum need{Quorum::Rule::all, 1};           ///< targets that must be up
    // A3
    std::vector<Band> bands;
    std::optional<Duration> below_target_for;  ///< `outage_when`: this long below target is an outage
    std::optional<WorkRate> rate;              ///< "9000 per hour": completed transactions in all
    std::optional<Duration> mean;              ///< mean response time at most this
    // A4
    std::optional<ActiveUsers> users;
    std::optional<WorkRate> work;                          ///< per active user
    std::optional<WorkRate> total;                         ///< by the whole population
    std::vector<std::pair<std::string, Duration>> causes;  ///< shares of the budget by root cause (S10)
    Position at;
};

/// A parameter's value as written; strings may still hold `${...}`.
using TextList = std::vector<std::string>;
using TextMap = std::vector<std::pair<std::string, std::string>>;
using PatternList = std::vector<Pattern>;
using Value = std::variant<std::string, std::int64_t, bool, Duration, TextList, TextMap, Pattern, PatternList>;

/// `save = { NAME = "output" }`, `{ NAME = 'json("/id")' }` or `{ NAME = { from = …, match = 'regex (group)' } }`.
struct Save {
    std::string name;
    std::string output;            ///< or the function as written
    std::optional<Pattern> match;  ///< the first group, or else the whole match, is saved
    std::optional<Extraction> function = {};
};

/// A randomized pause before a step (S8): uniformly distributed in [least, most].
struct ThinkTime {
    Duration least{};
    Duration most{};
};

/// `repeat = 3` or `{ times = 10, every = "1s", until = "…" }`.
struct Repeat {
    static constexpr int most = 1000;
    int times = 1;                   ///< at most, where there is an `until`
    Duration every{};                ///< from start to start; 0: at once
    std::optional<Condition> until;  ///< enough when it holds; when it never does the step failed
};

/// `[[probe.step]]`: one operation.
struct Step {
    std::string operation;                    ///< `do`
    std::string label;                        ///< `name`, or else the operation
    std::map<std::string, Value> parameters;  ///< only what was written; defaults are in the OperationInfo
    std::optional<Duration> timeout;
    std::optional<Duration> within;  ///< slower is `slow`, not `failed`
    std::optional<Condition> expect;
    std::vector<Save> save;
    std::optional<Condition> when;   ///< over saved values: left out where it does not hold
    std::optional<Repeat> repeat;    ///< none: once
    std::optional<ThinkTime> think;  ///< instead of the probe's
    bool always = false;             ///< runs after a failure too: back to a known state
    Position at;
};

/// `[[probe.collect]]`: what an indicator takes from the answer that its source reads (T7).
struct Collect {
    std::string source;                  ///< the probe whose run reads it, and whose slots the indicator has
    std::string step;                    ///< the label of the step that it looks at; empty: the last
    std::string value;                   ///< an output, or a function as written
    std::optional<Extraction> function;  ///< when it is one
    std::optional<Condition> expect;     ///< over `value` and the step's outputs: or else the indicator failed
    std::optional<Condition> slow_when;  ///< likewise: then it is slow
    bool counter = false;                ///< A4: the value only grows; its growth is work
};

/// `[[probe]]`: a scripted check; or one of its `[[probe.collect]]`, which is like a probe to everyone who counts.
struct Probe {
    std::string id;
    std::string title;  ///< falls back to id
    Level level = Level::A2;
    std::string layer = "end-to-end";
    Purpose purpose = Purpose::measurement;
    /// True for a probe of something known to be good: a location where all controls fail is at fault itself.
    bool control = false;
    std::vector<std::string> covers;   ///< functional coverage (S8)
    std::vector<std::string> targets;  ///< empty: one series with an empty target
    std::vector<std::string> from;     ///< locations; empty: every one
    Duration every{};
    Duration timeout{};  ///< the whole transaction
    double jitter = 0.5;
    bool exclusive = false;  ///< must not overlap itself
    std::optional<ThinkTime> think;
    std::vector<Step> steps;         ///< none when `collect` is there
    std::optional<Collect> collect;  ///< never runs itself: its results come from its source's runs
    Position at;

    /// The probe whose runs make this one's results, and whose id names its slots (series.hpp).
    [[nodiscard]] const std::string& scheduled_as() const { return collect ? collect->source : id; }

    /// The targets, or one empty string for a probe without.
    [[nodiscard]] std::vector<std::string> series_targets() const {
        return targets.empty() ? std::vector<std::string>{""} : targets;
    }
};

/// One definition file, complete and free of errors.
struct Definition {
    std::string file;  ///< as it was named to the reader
    Service service;
    Window window;
    std::vector<Objective> objectives;
    std::vector<Probe> probes;

    [[nodiscard]] const Probe* find_probe(std::string_view id) const;
    [[nodiscard]] const Objective* find_objective(std::string_view id) const;
    /// The indicators that a probe's runs feed, in the order of the file.
    [[nodiscard]] std::vector<const Probe*> fed_by(const Probe& source) const;

    /// The probes that an objective is over: those it names, or every measurement probe of its level.
    [[nodiscard]] std::vector<const Probe*> probes_of(const Objective& objective) const;
};

/// Definitions are shared between threads and never changed: a reload makes a new set.
using Definitions = std::vector<std::shared_ptr<const Definition>>;

}  // namespace slimtax::schemas
