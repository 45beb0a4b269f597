// What load definitions put on their targets (S16): known before anything runs, because schedules are open-loop.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "schemas/definition.hpp"
#include "schemas/problem.hpp"

namespace slimtax::prober {

/// In a minute, on average; what is in flight at most.
struct Load {
    double runs = 0;
    double steps = 0;           ///< operations, as if every run did every step
    double logins = 0;          ///< steps that sign somebody in
    std::size_t in_flight = 0;  ///< when every run takes as long as it may

    Load& operator+=(const Load& other);
};

/// The load of one probe on one target from one location.
[[nodiscard]] Load load_of(const schemas::Probe& probe);

struct LoadRow {
    std::string name;  ///< of the target or the location; a target may be empty: the prober's own machine
    Load load;
};

struct LoadTable {
    std::vector<std::string> locations;  ///< all that the definitions name; a probe without `from` runs at each
    std::vector<LoadRow> by_target;      ///< from all locations together, heaviest first
    std::vector<LoadRow> by_location;    ///< on all targets together, by name
    Load sum;
};

/// Of all definitions, or of the one probe of that id. Where no location is named, one is assumed: "each location".
[[nodiscard]] LoadTable load_table(const schemas::Definitions& definitions, const std::string& probe = "");

/// Advice for each target that gets more than `sane_runs` runs a minute.
inline constexpr double sane_runs = 600;
[[nodiscard]] schemas::Problems advise_on_load(const schemas::Definitions& definitions);

/// As `try --load` shows it.
[[nodiscard]] std::string load_as_text(const LoadTable& table);
[[nodiscard]] std::string load_as_json(const LoadTable& table);

}  // namespace slimtax::prober
