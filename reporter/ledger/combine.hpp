// From the states of many series to the state of an objective: votes of the locations, then of the targets, then
// of the probes, at each instant (design §6). The same rules sweep all three readings.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "reporter/ledger/ledger.hpp"
#include "schemas/definition.hpp"
#include "schemas/words.hpp"

namespace slimtax::reporter {

/// How many are in each state.
struct Tally {
    std::array<int, 4> count{};
    [[nodiscard]] int of(schemas::State state) const { return count.at(static_cast<std::size_t>(state)); }
    [[nodiscard]] int all() const { return count[0] + count[1] + count[2] + count[3]; }
    void add(schemas::State state, int n) { count.at(static_cast<std::size_t>(state)) += n; }
};

/// How many of `all` a rule asks for.
[[nodiscard]] int asked_for(const schemas::Quorum& quorum, int all);

/// The locations of one target. Only the measured ones vote:
/// - down when as many are down as `agree` asks for: any 1, majority more than half of the measured, all every
///   measured one, or a number (at most the number of locations);
/// - unmeasured when none is measured, or when the unmeasured ones could still make a number;
/// - else degraded when as many are not up, else up.
[[nodiscard]] schemas::State vote(const Tally& locations, const schemas::Quorum& agree);

/// The targets of one probe; a degraded one still serves. `need` n: any 1, all every one, majority more than half.
/// Up when n are up, else degraded when n serve, else down when even the unmeasured ones could not make n, else
/// unmeasured.
[[nodiscard]] schemas::State serve(const Tally& targets, const schemas::Quorum& need);

/// The probes of an objective: down when any is, else unmeasured when any is, else degraded when any is, else up.
[[nodiscard]] schemas::State all_of(const Tally& probes);

/// Series that all judge the same population of users (A4): the worst that any of them knows.
[[nodiscard]] schemas::State worst_known(const Tally& series);

/// One series among those of an objective.
struct Member {
    std::size_t probe = 0;
    std::size_t target = 0;             ///< within its probe
    const StateSpans* spans = nullptr;  ///< over the same [from, to) for all members
};

struct CombineRules {
    schemas::Quorum agree;
    schemas::Quorum need;
    bool population = false;  ///< worst_known over all members, no votes
};

/// The objective's states over [from, to); unmeasured throughout without members. Cost: the members' changes of
/// state, times the logarithm for sorting.
[[nodiscard]] StateSpans combine(const std::vector<Member>& members, const CombineRules& rules, schemas::Instant from,
                                 schemas::Instant to);

/// [from, to) stretches.
struct Stretch {
    schemas::Instant from;
    schemas::Instant to;
};

/// Books stretches as unmeasured, in all readings. `stretches` in order, disjoint.
[[nodiscard]] StateSpans blanked(const StateSpans& spans, const std::vector<Stretch>& stretches);

/// When a location is at fault itself: as long as all of its measured control series are down, and one is. Their
/// longest reading is taken: near a location's own fault nothing that it says counts.
[[nodiscard]] std::vector<Stretch> faults(const std::vector<const StateSpans*>& controls);

}  // namespace slimtax::reporter
