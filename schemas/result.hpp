// The outcome of one run, as every part knows it. The wire form is result.proto (or the same as JSON).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "schemas/series.hpp"
#include "schemas/time.hpp"
#include "schemas/words.hpp"

namespace slimtax::schemas {

/// A named part of a step's time: "lookup", "connect", "tls", "first_byte", "body".
struct Timing {
    std::string name;
    Duration took{};

    /// False for what lies within the others ("server": what a server says of its own time) or reaches over several
    /// steps ("login_to_list"): it does not add up with them to the response time.
    [[nodiscard]] bool is_part() const { return name != "server" && name != "login_to_list"; }
};

/// What a step measured beside time: a plugin's performance figure, a counter's value.
struct Figure {
    std::string name;
    double value = 0;  ///< finite
    std::string unit;  ///< as it was written: "s", "%", "MB", "c"; empty: none
};

/// A step keeps at most so many.
inline constexpr std::size_t most_figures = 32;

struct StepResult {
    std::string name;       ///< the step's label
    std::string operation;  ///< "ldap.bind"
    Verdict verdict = Verdict::ok;
    Duration offset{};    ///< from the run's start to the step's, after its think time
    Duration think{};     ///< pause before the step; not part of `response`
    Duration response{};  ///< how long the operation took
    std::vector<Timing> timings;
    std::string reason;  ///< empty when ok
    std::vector<Figure> figures = {};
};

/// Work that users did (A4): one entry a user. `user` is a pseudonym, never a name (I8).
struct UserWork {
    std::string user;
    std::uint64_t units = 0;
};

/// One execution of a script. Identity: (key, intended).
struct RunResult {
    SeriesKey key;
    Instant intended;     ///< the slot's intended start
    Instant started;      ///< the actual start; equals `intended` when not run or imported
    Duration every{};     ///< the series' interval when this was due; 0: unknown, use the definition's
    Duration length{};    ///< start to end, think time included
    Duration response{};  ///< the sum of the steps' response times, without think time
    Verdict verdict = Verdict::ok;
    std::string reason;  ///< one sentence that names server and cause; empty when ok
    std::vector<StepResult> steps;
    // A4 only
    std::uint64_t work = 0;  ///< units of work since the last reading
    Duration work_span{};    ///< the time that `work` was done in; 0: this run read no work
    std::vector<UserWork> users;
};

}  // namespace slimtax::schemas
