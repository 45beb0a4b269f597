#include "reporter/ledger/diagnosis.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;
using schemas::State;

/// A part of the outage from which on something failed with it, and one beyond which it was up all the time: edges are
/// seen by each series at its own runs.
constexpr double failed_with_it = 0.5;
constexpr double up_all_the_time = 0.9;

/// The lookup's part of a run from which on it is to blame.
constexpr double most_of_it = 0.5;

struct Finding {
    std::string cause;
    std::string evidence;
};

/// How much of a stretch a series was down and up, as parts of one.
struct Shares {
    double down = 0;
    double up = 0;

    void take(const StateSpans& spans, Stretch stretch, bool degraded_counts) {
        const double whole = schemas::to_seconds(stretch.to - stretch.from);
        double down_here = 0;
        double up_here = 0;
        for (const StateSpan& span : spans) {
            const Duration part = std::min(span.to, stretch.to) - std::max(span.from, stretch.from);
            if (part <= Duration(0)) {
                continue;
            }
            const bool is_down = span.nominal == State::down || (degraded_counts && span.nominal == State::degraded);
            down_here += is_down ? schemas::to_seconds(part) / whole : 0;
            up_here += !is_down && span.nominal != State::unmeasured ? schemas::to_seconds(part) / whole : 0;
        }
        down = std::max(down, down_here);
        up = std::max(up, up_here);
    }
};

/// Names on either side of an outage: those that failed with it, and those that were up all the time.
struct Sides {
    std::vector<std::string> failed;
    std::vector<std::string> up;

    [[nodiscard]] bool differ() const { return !failed.empty() && !up.empty(); }
};

/// Groups the objective's series by one part of their key. A name that neither failed nor was up is on no side.
Sides sides_by(std::string schemas::SeriesKey::*part, const ObjectiveLedger& ledger, Stretch outage,
               bool degraded_counts) {
    std::map<std::string, Shares> worst;
    std::map<std::string, double> least_up;
    for (const SeriesPart& series : ledger.series) {
        const std::string& name = series.clock.key.*part;
        Shares own;
        own.take(series.ledger.spans, outage, degraded_counts);
        Shares& shares = worst[name];
        shares.down = std::max(shares.down, own.down);
        const auto [at, fresh] = least_up.try_emplace(name, own.up);
        at->second = fresh ? own.up : std::min(at->second, own.up);
    }
    Sides sides;
    for (const auto& [name, shares] : worst) {
        if (shares.down >= failed_with_it) {
            sides.failed.push_back(name);
        } else if (least_up.at(name) >= up_all_the_time) {
            sides.up.push_back(name);
        }
    }
    return sides;
}

/// A probe outside the objective that failed during an outage.
struct FailedToo {
    const schemas::Definition* definition = nullptr;
    const schemas::Probe* probe = nullptr;
    std::string target;
    std::string reason;
};

class Diagnosis {
public:
    Diagnosis(const schemas::Definition& definition, const schemas::Objective& objective, const ObjectiveLedger& ledger,
              Instant cut, const Surroundings& surroundings, const RunSource& runs)
        : definition_(definition),
          objective_(objective),
          ledger_(ledger),
          cut_(cut),
          surroundings_(surroundings),
          runs_(runs),
          degraded_counts_(objective.below_target_for > Duration(0)),
          probes_(definition.probes_of(objective)) {}

    Stored<void> look_into(FoundOutage& found) {
        const Stretch outage{found.began, std::min(found.ended, cut_)};
        if (outage.from >= outage.to) {
            return {};
        }
        std::vector<Finding> findings;
        const auto take = [&](Stored<std::optional<Finding>> finding) -> Stored<void> {
            if (!finding) {
                return tl::unexpected(finding.error());
            }
            if (*finding) {
                findings.push_back(**std::move(finding));
            }
            return {};
        };
        Stored<void> done = take(by_location(outage));
        for (const auto look : {&Diagnosis::by_dependency, &Diagnosis::by_lookup, &Diagnosis::by_layer}) {
            done = done && findings.size() < 2 ? take((this->*look)(found.outage, outage)) : done;
        }
        done = done && findings.size() < 2 ? take(by_target(outage)) : done;
        if (done && !findings.empty()) {
            found.outage.cause = findings.front().cause;
            found.outage.evidence = findings.front().evidence;
            if (findings.size() > 1) {
                found.outage.evidence += "; " + findings.at(1).evidence;
            }
        }
        return done;
    }

private:
    std::optional<Finding> by_location(Stretch outage) const {
        const Sides sides = sides_by(&schemas::SeriesKey::location, ledger_, outage, degraded_counts_);
        if (!sides.differ()) {
            return std::nullopt;
        }
        return Finding{"network", fmt::format("only {} saw it, while {} found the service up all the time",
                                              list_words(sides.failed, 3), list_words(sides.up, 3))};
    }

    std::optional<Finding> by_target(Stretch outage) const {
        const Sides sides = sides_by(&schemas::SeriesKey::target, ledger_, outage, degraded_counts_);
        if (!sides.differ() || sides.failed.size() > 1) {
            return std::nullopt;
        }
        return Finding{"one server", fmt::format("only {} failed, while {} served all the time", sides.failed.front(),
                                                 list_words(sides.up, 3))};
    }

    Stored<std::optional<Finding>> by_dependency(const Outage& /*outage*/, Stretch stretch) const {
        if (surroundings_.services == nullptr) {
            return std::nullopt;
        }
        for (const auto& other : *surroundings_.services) {
            if (other->service.id == definition_.service.id || !is_covered(other->service.id)) {
                continue;
            }
            for (const schemas::Probe& probe : other->probes) {
                if (probe.purpose != schemas::Purpose::measurement) {
                    continue;
                }
                auto failed = failed_too(*other, probe, {}, stretch);
                if (!failed) {
                    return tl::unexpected(failed.error());
                }
                if (*failed) {
                    return Finding{"dependency",
                                   fmt::format("{}, which it depends on, failed at the same time: {}",
                                               other->service.title.empty() ? other->service.id : other->service.title,
                                               (*failed)->reason)};
                }
            }
        }
        return std::nullopt;
    }

    /// Of the run that brought the outage about: where its time went.
    Stored<std::optional<Finding>> by_lookup(const Outage& outage, Stretch stretch) const {
        if (!surroundings_.details) {
            return std::nullopt;
        }
        for (const SeriesPart& series : ledger_.series) {
            const auto trouble = std::ranges::find_if(series.ledger.troubles, [&](const Trouble& one) {
                return one.at <= stretch.from && one.reason == outage.reason;
            });
            if (trouble == series.ledger.troubles.end()) {
                continue;
            }
            auto results = surroundings_.details(series.clock.key, stretch.from - series.clock.longest_gap(),
                                                 stretch.from + Duration(1), 1);
            if (!results) {
                return tl::unexpected(results.error());
            }
            if (!results->empty()) {
                return slow_lookup(results->front());
            }
        }
        return std::nullopt;
    }

    static std::optional<Finding> slow_lookup(const schemas::RunResult& run) {
        Duration lookup{};
        for (const schemas::StepResult& step : run.steps) {
            for (const schemas::Timing& timing : step.timings) {
                lookup += timing.name == "lookup" ? timing.took : Duration(0);
            }
        }
        if (run.response <= Duration(0) ||
            schemas::to_seconds(lookup) < most_of_it * schemas::to_seconds(run.response)) {
            return std::nullopt;
        }
        return Finding{"name look-up", fmt::format("looking up names took {} of the {} of the first failed run",
                                                   response_words(schemas::to_milliseconds(lookup)),
                                                   response_words(schemas::to_milliseconds(run.response)))};
    }

    Stored<std::optional<Finding>> by_layer(const Outage& outage, Stretch stretch) const {
        std::optional<FailedToo> lowest;
        for (const schemas::Probe& probe : definition_.probes) {
            if (std::ranges::find(probes_, &probe) != probes_.end() || !is_beneath(probe) ||
                (lowest && height(probe) >= height(*lowest->probe))) {
                continue;
            }
            auto failed = failed_too(definition_, probe, outage.targets, stretch);
            if (!failed) {
                return tl::unexpected(failed.error());
            }
            if (*failed) {
                lowest = **std::move(failed);
            }
        }
        if (!lowest) {
            return std::nullopt;
        }
        const schemas::Probe& probe = *lowest->probe;
        return Finding{probe.layer, fmt::format("'{}' (level {}, {}) failed at the same time: {}",
                                                probe.title.empty() ? probe.id : probe.title, to_string(probe.level),
                                                probe.layer, lowest->reason)};
    }

    /// Whether a probe looks at something that the objective's probes stand on.
    [[nodiscard]] bool is_beneath(const schemas::Probe& probe) const {
        if (probe.control || probe.level > objective_.level) {
            return false;
        }
        return probe.level < objective_.level ||
               std::ranges::any_of(probes_, [&](const schemas::Probe* own) { return layer(probe) < layer(*own); });
    }

    [[nodiscard]] std::size_t layer(const schemas::Probe& probe) const {
        const auto& layers = definition_.service.layers;
        return static_cast<std::size_t>(std::ranges::find(layers, probe.layer) - layers.begin());
    }

    [[nodiscard]] std::pair<std::size_t, schemas::Level> height(const schemas::Probe& probe) const {
        return {layer(probe), probe.level};
    }

    [[nodiscard]] bool is_covered(const std::string& service) const {
        return std::ranges::any_of(probes_, [&](const schemas::Probe* probe) {
            return std::ranges::find(probe->covers, service) != probe->covers.end();
        });
    }

    /// The first series of a probe that failed during the outage; those of other targets than `targets` are left out
    /// where the probe has some of them.
    Stored<std::optional<FailedToo>> failed_too(const schemas::Definition& definition, const schemas::Probe& probe,
                                                const std::vector<std::string>& targets, Stretch stretch) const {
        const std::vector<std::string> all = probe.series_targets();
        const bool shared = std::ranges::any_of(
            all, [&](const std::string& one) { return std::ranges::find(targets, one) != targets.end(); });
        for (const std::string& target : all) {
            if (shared && std::ranges::find(targets, target) == targets.end()) {
                continue;
            }
            for (const std::string& location : probe.from.empty() ? surroundings_.locations : probe.from) {
                const SeriesClock clock =
                    clock_of(probe, {definition.service.id, probe.id, target, location}, surroundings_.arrival_grace);
                auto runs = runs_(clock.key, stretch.from - clock.margin(), stretch.to + clock.margin());
                if (!runs) {
                    return tl::unexpected(runs.error());
                }
                const JudgedRuns judged = judge_by_verdict(in_order(std::move(runs->runs), cut_));
                const SeriesLedger ledger = make_ledger(clock, judged, stretch.from, stretch.to, cut_);
                Shares shares;
                shares.take(ledger.spans, stretch, false);
                if (shares.down >= failed_with_it) {
                    const auto span = std::ranges::find(ledger.spans, State::down, &StateSpan::nominal);
                    return FailedToo{&definition, &probe, target, ledger.reason_at(span->from)};
                }
            }
        }
        return std::nullopt;
    }

    const schemas::Definition& definition_;
    const schemas::Objective& objective_;
    const ObjectiveLedger& ledger_;
    Instant cut_;
    const Surroundings& surroundings_;
    const RunSource& runs_;
    bool degraded_counts_;
    std::vector<const schemas::Probe*> probes_;
};

}  // namespace

Stored<void> diagnose(std::vector<FoundOutage>& outages, const schemas::Definition& definition,
                      const schemas::Objective& objective, const ObjectiveLedger& ledger, Instant cut,
                      const Surroundings& surroundings, const RunSource& runs) {
    std::vector<FoundOutage*> longest;
    for (FoundOutage& found : outages) {
        longest.push_back(&found);
    }
    std::ranges::stable_sort(longest, std::ranges::greater(),
                             [](const FoundOutage* found) { return found->outage.nominal; });
    longest.resize(std::min(longest.size(), most_diagnosed));
    Diagnosis diagnosis(definition, objective, ledger, cut, surroundings, runs);
    for (FoundOutage* found : longest) {
        if (auto done = diagnosis.look_into(*found); !done) {
            return done;
        }
    }
    return {};
}

}  // namespace slimtax::reporter
