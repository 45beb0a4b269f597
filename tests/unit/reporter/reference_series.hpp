// One series of the slow reference: what each run says, spelt out, and the state at any instant by scanning them all.
#pragma once

#include <array>
#include <vector>

#include "reporter/store/run.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter::testing {

enum class Reading { nominal, shortest, longest };
inline constexpr std::array all_readings{Reading::nominal, Reading::shortest, Reading::longest};

/// A run with everything that the rules say about it spelt out.
struct Entry {
    Run run;
    schemas::State state = schemas::State::unmeasured;
    schemas::Instant start;
    schemas::Instant end;
    schemas::Instant hold;  // its state lasts until here
    bool followed = false;  // by the next due run
    std::vector<schemas::Instant> missed;
};

struct Series {
    schemas::SeriesKey key;
    const schemas::Probe* probe = nullptr;
    std::vector<Entry> entries;  // by intended

    [[nodiscard]] schemas::Duration longest_gap() const {
        return schemas::Schedule(key, probe->every, probe->jitter).longest_gap();
    }
    [[nodiscard]] schemas::Duration reach() const { return 4 * longest_gap(); }
};

/// The runs that are known at `now`, each intended start once.
[[nodiscard]] std::vector<Entry> known(const std::vector<Run>& runs, schemas::Instant now);

/// Fills start, end, hold and missed runs of each; needs no states.
void lay_out(Series& series, schemas::Duration grace, schemas::Instant now);

/// The moment that a run speaks of: its start, where that can be believed.
[[nodiscard]] schemas::Instant moment_of(const Series& series, const Entry& entry);

[[nodiscard]] schemas::State state_at(const Series& series, schemas::Instant t, Reading reading);

}  // namespace slimtax::reporter::testing
