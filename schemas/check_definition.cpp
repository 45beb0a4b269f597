// What no table can know alone: how probes and objectives fit together; and advice.
#include <algorithm>
#include <cmath>
#include <set>

#include "schemas/definition_draft.hpp"

namespace slimtax::schemas {
namespace {

/// The place of a key of a table, or the table itself.
Position place_of(const TomlNode& table, std::string_view key) {
    const TomlNode* found = table.find(key);
    return found != nullptr ? found->at : table.at;
}

/// The place of a key in a table within the table (`locations = { agree = … }`).
Position place_of(const TomlNode& table, std::string_view outer, std::string_view inner) {
    const TomlNode* found = table.find(outer);
    return found != nullptr ? place_of(*found, inner) : table.at;
}

/// The place of a location in `locations = { exclude = [ … ] }`.
Position place_of_excluded(const TomlNode& objective, std::string_view location) {
    const TomlNode* locations = objective.find("locations");
    const TomlNode* exclude = locations != nullptr ? locations->find("exclude") : nullptr;
    const auto* items = exclude != nullptr ? exclude->as<TomlNode::Array>() : nullptr;
    for (const TomlNode& item : items != nullptr ? *items : TomlNode::Array{}) {
        if (const auto* text = item.as<std::string>(); text != nullptr && *text == location) {
            return item.at;
        }
    }
    return objective.at;
}

class Checker {
public:
    Checker(Complaints& complaints, const Draft& draft, bool steps_read)
        : complaints_(complaints), definition_(draft.definition), draft_(draft), steps_read_(steps_read) {}

    void check_objective(std::size_t index) {
        const Objective& objective = definition_.objectives[index];
        const TomlNode& node = *draft_.objective_nodes[index];
        check_named_probes(objective, node);
        const auto probes = definition_.probes_of(objective);
        if (probes.empty()) {
            if (objective.probes.empty() && draft_.probes_known) {
                complaints_.error(place_of(node, "level"),
                                  fmt::format("objective '{}' is over no probe: there is no measurement probe of level "
                                              "{}",
                                              objective.id, to_string(objective.level)));
            }
            return;
        }
        check_recovery(objective, node, probes);
        check_locations(objective, node, probes);
        check_need(objective, node, probes);
    }

    void advise() {
        for (std::size_t i = 0; i < definition_.objectives.size(); ++i) {
            advise_on_objective(definition_.objectives[i], *draft_.objective_nodes[i]);
        }
        std::set<const Probe*> counted;
        for (const Objective& objective : definition_.objectives) {
            const auto probes = definition_.probes_of(objective);
            counted.insert(probes.begin(), probes.end());
        }
        for (const Probe& probe : definition_.probes) {
            advise_on_probe(probe, counted.contains(&probe));
        }
    }

private:
    void check_named_probes(const Objective& objective, const TomlNode& node) {
        const TomlNode* array = node.find("probes");
        if (array == nullptr || array->as<TomlNode::Array>() == nullptr) {
            return;
        }
        if (array->as<TomlNode::Array>()->empty()) {
            complaints_.error(array->at, "'probes' is empty", "omit it for every measurement probe of this level");
        }
        for (const TomlNode& item : *array->as<TomlNode::Array>()) {
            if (const auto* id = item.as<std::string>()) {
                check_named_probe(objective, item, *id);
            }
        }
    }

    void check_named_probe(const Objective& objective, const TomlNode& item, const std::string& id) {
        const Probe* probe = definition_.find_probe(id);
        if (probe == nullptr) {
            std::vector<std::string_view> ids;
            for (const Probe& other : definition_.probes) {
                ids.push_back(other.id);
            }
            if (draft_.probes_known) {
                complaints_.error(item.at, fmt::format("there is no probe '{}'", id), suggestion(id, ids));
            }
            return;
        }
        if (probe->level != objective.level) {
            complaints_.error(item.at,
                              fmt::format("probe '{}' is of level {}, but objective '{}' of level {}: levels "
                                          "are never mixed",
                                          id, to_string(probe->level), objective.id, to_string(objective.level)));
        } else if (probe->purpose == Purpose::diagnostic) {
            complaints_.error(item.at, fmt::format("probe '{}' is {}: it never spends a budget", id,
                                                   probe->control ? "a control" : "diagnostic"));
        }
    }

    /// S5: the outage that matters is seen by at least two runs, however the starts are spread.
    void check_recovery(const Objective& objective, const TomlNode& node, const std::vector<const Probe*>& probes) {
        if (!objective.recovery) {
            return;
        }
        for (const Probe* probe : probes) {
            const Duration gap = longest_gap(*probe);
            if (probe->every == Duration::zero() || *objective.recovery >= 2 * gap) {
                continue;
            }
            const double longest = static_cast<double>(objective.recovery->count()) / 2 / (1 + probe->jitter);
            const Duration would_do = handy(Duration(static_cast<std::int64_t>(longest)));
            complaints_.error(
                place_of(node, "recovery"),
                fmt::format("probe '{}' cannot see an outage of {}: it must run twice within that time, but up to {} "
                            "lie between two runs (every {}, jitter {})",
                            probe->id, to_text(*objective.recovery), to_text(gap), to_text(probe->every),
                            probe->jitter),
                would_do < shortest_interval ? "lengthen 'recovery': no probe can run often enough"
                                             : fmt::format("every = \"{}\" would do", to_text(would_do)));
        }
    }

    void check_locations(const Objective& objective, const TomlNode& node, const std::vector<const Probe*>& probes) {
        for (const Probe* probe : probes) {
            if (probe->from.empty()) {
                continue;  // every location: how many there are is the installation's business
            }
            const auto voters = std::ranges::count_if(probe->from, [&](const std::string& location) {
                return std::ranges::find(objective.exclude_locations, location) == objective.exclude_locations.end();
            });
            if (voters == 0) {
                complaints_.error(place_of(node, "locations", "exclude"),
                                  fmt::format("no location of probe '{}' is left to vote", probe->id));
            } else if (objective.agree.rule == Quorum::Rule::number && objective.agree.number > voters) {
                complaints_.error(place_of(node, "locations", "agree"),
                                  fmt::format("{} locations can never agree: probe '{}' runs at {}",
                                              objective.agree.number, probe->id, voters));
            }
        }
        check_excluded(objective, node, probes);
    }

    void check_excluded(const Objective& objective, const TomlNode& node, const std::vector<const Probe*>& probes) {
        std::set<std::string_view> locations;
        for (const Probe* probe : probes) {
            if (probe->from.empty()) {
                return;
            }
            locations.insert(probe->from.begin(), probe->from.end());
        }
        for (const std::string& excluded : objective.exclude_locations) {
            if (!locations.contains(excluded)) {
                complaints_.error(place_of_excluded(node, excluded),
                                  fmt::format("no probe of this objective runs at '{}'", excluded),
                                  suggestion(excluded, {locations.begin(), locations.end()}));
            }
        }
    }

    void check_need(const Objective& objective, const TomlNode& node, const std::vector<const Probe*>& probes) {
        for (const Probe* probe : probes) {
            const auto targets = static_cast<int>(probe->series_targets().size());
            if (objective.need.rule == Quorum::Rule::number && objective.need.number > targets) {
                complaints_.error(place_of(node, "targets", "need"),
                                  fmt::format("{} targets can never be up: probe '{}' has {}", objective.need.number,
                                              probe->id, probe->targets.empty() ? "none" : std::to_string(targets)));
            }
        }
    }

    void advise_on_objective(const Objective& objective, const TomlNode& node) {
        const auto probes = definition_.probes_of(objective);
        if (!objective.recovery) {
            complaints_.advice(node.at, fmt::format("objective '{}' names no 'recovery', the length of the outage that "
                                                    "matters: whether its probes run often enough is not checked",
                                                    objective.id));
        }
        for (const Probe* probe : probes) {
            if (objective.budget && objective.budget->allowance < longest_gap(*probe) &&
                objective.budget->allowance > Duration::zero()) {
                complaints_.advice(place_of(node, "budget"),
                                   fmt::format("one failed run of probe '{}' may already spend this budget: up to {} "
                                               "lie between two runs",
                                               probe->id, to_text(longest_gap(*probe))));
            }
        }
        const bool watches_time = !steps_read_ || !objective.bands.empty() || objective.mean || objective.rate;
        if (objective.level == Level::A3 && !watches_time) {
            for (const Probe* probe : probes) {
                if (!probe->collect &&
                    std::ranges::none_of(probe->steps, [](const Step& step) { return step.within.has_value(); })) {
                    complaints_.advice(node.at,
                                       fmt::format("nothing says how fast is fast enough: objective '{}' has no "
                                                   "'bands', and no step of probe '{}' a 'within'",
                                                   objective.id, probe->id));
                }
            }
        }
    }

    void advise_on_probe(const Probe& probe, bool counted) {
        const bool feeds = !definition_.fed_by(probe).empty();
        if (!counted && !feeds && probe.purpose == Purpose::measurement) {
            complaints_.advice(probe.at, fmt::format("probe '{}' counts for no objective", probe.id),
                               fmt::format("add an [[objective]] of level {}, or say purpose = \"diagnostic\"",
                                           to_string(probe.level)));
        }
        if (probe.exclusive && probe.timeout > probe.every) {
            complaints_.advice(probe.at,
                               fmt::format("probe '{}' must not overlap itself, but its timeout ({}) is longer "
                                           "than 'every' ({}): a slow run makes the next one not_run",
                                           probe.id, to_text(probe.timeout), to_text(probe.every)));
        } else if (probe.timeout > probe.every && !probe.collect) {
            const auto most = (probe.timeout + probe.every - Duration(1)) / probe.every + 1;
            complaints_.advice(probe.at,
                               fmt::format("a run of probe '{}' may take longer ({}) than 'every' ({}): that is fine, "
                                           "no run waits for another; up to {} overlap then",
                                           probe.id, to_text(probe.timeout), to_text(probe.every), most));
        }
    }

    Complaints& complaints_;
    const Definition& definition_;
    const Draft& draft_;
    bool steps_read_;
};

/// A script that logs in should always log out, also after a failure (S8: return to a known state).
void advise_on_logout(Complaints& complaints, const Probe& probe, Catalog catalog) {
    for (const OperationInfo* info : catalog) {
        if (!info->name.ends_with(".logout") || info->after.empty()) {
            continue;
        }
        const auto login = std::ranges::find(probe.steps, info->after, &Step::operation);
        if (login == probe.steps.end()) {
            continue;
        }
        const auto logout = std::ranges::find(probe.steps, info->name, &Step::operation);
        if (logout == probe.steps.end() || !logout->always) {
            complaints.advice(logout == probe.steps.end() ? login->at : logout->at,
                              fmt::format("after a failure probe '{}' does not return to a known state", probe.id),
                              fmt::format("end the script with a step {} and always = true", info->name));
        }
    }
}

}  // namespace

void check_definition(Complaints& complaints, const Draft& draft, Catalog catalog) {
    Checker checker(complaints, draft, !catalog.empty());
    for (std::size_t i = 0; i < draft.definition.objectives.size(); ++i) {
        checker.check_objective(i);
    }
    check_adequacy(complaints, draft, catalog);
    if (complaints.has_errors()) {
        return;  // advice on half a definition would mislead
    }
    checker.advise();
    for (const Probe& probe : draft.definition.probes) {
        advise_on_logout(complaints, probe, catalog);
    }
}

}  // namespace slimtax::schemas
