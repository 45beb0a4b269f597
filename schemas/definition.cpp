#include "schemas/definition.hpp"

#include <algorithm>

namespace slimtax::schemas {

const Probe* Definition::find_probe(std::string_view id) const {
    const auto it = std::ranges::find(probes, id, &Probe::id);
    return it == probes.end() ? nullptr : &*it;
}

const Objective* Definition::find_objective(std::string_view id) const {
    const auto it = std::ranges::find(objectives, id, &Objective::id);
    return it == objectives.end() ? nullptr : &*it;
}

std::vector<const Probe*> Definition::fed_by(const Probe& source) const {
    std::vector<const Probe*> fed;
    for (const Probe& probe : probes) {
        if (probe.collect && probe.collect->source == source.id) {
            fed.push_back(&probe);
        }
    }
    return fed;
}

std::vector<const Probe*> Definition::probes_of(const Objective& objective) const {
    std::vector<const Probe*> found;
    if (!objective.probes.empty()) {
        for (const std::string& id : objective.probes) {
            if (const Probe* probe = find_probe(id)) {
                found.push_back(probe);
            }
        }
        return found;
    }
    for (const Probe& probe : probes) {
        if (probe.level == objective.level && probe.purpose == Purpose::measurement) {
            found.push_back(&probe);
        }
    }
    return found;
}

}  // namespace slimtax::schemas
