#include "reporter/dashboard/matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "reporter/dashboard/layout.hpp"
#include "reporter/render/pictures.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Light;
using schemas::Probe;
using schemas::SeriesKey;
using schemas::State;

/// What a series says that no objective looks at: its last run, as long as the next one is not overdue.
SeriesNow last_word(const SeriesKey& key, const Probe& probe, Store& store, schemas::Instant now) {
    SeriesNow out{key, State::unmeasured, now, {}};
    const auto runs = store.runs(key, now - 3 * probe.every - probe.timeout, now);
    if (runs && !runs->runs.empty()) {
        const Run& last = runs->runs.back();
        if (now - last.intended <= 3 * probe.every + probe.timeout) {
            out.state = schemas::state_of(last.verdict);
            out.since = last.intended;
            out.reason = last.reason;
        }
    }
    return out;
}

void judge_probe(ProbeNow& now) {
    std::array<std::size_t, 4> count{};
    for (const SeriesNow& series : now.series) {
        ++count.at(static_cast<std::size_t>(series.state));
    }
    const auto of = [&](State state) { return count.at(static_cast<std::size_t>(state)); };
    const std::size_t all = now.series.size();
    const State worst = of(State::down) > 0         ? State::down
                        : of(State::degraded) > 0   ? State::degraded
                        : of(State::unmeasured) > 0 ? State::unmeasured
                                                    : State::up;
    if (all == 0) {
        now.light = Light::grey;
        now.word = "no data";
        return;
    }
    // Down somewhere, but not everywhere: amber, with the count.
    const bool everywhere = of(worst) == all;
    now.light = worst == State::down && !everywhere ? Light::amber : light_of(worst);
    now.word =
        everywhere ? std::string(state_word(worst)) : fmt::format("{} of {} {}", of(worst), all, state_word(worst));
}

std::vector<std::string> layers_of(const schemas::Definition& definition) {
    std::vector<std::string> layers = definition.service.layers;
    for (const Probe& probe : definition.probes) {
        if (std::find(layers.begin(), layers.end(), probe.layer) == layers.end()) {
            layers.push_back(probe.layer);
        }
    }
    std::reverse(layers.begin(), layers.end());
    return layers;
}

Html cell_entry(const ProbeNow& entry) {
    const Probe& probe = *entry.probe;
    std::string how = "every " + time_words(probe.every);
    if (entry.series.size() > 1) {
        how += fmt::format(", {} series", entry.series.size());
    }
    Html notes = element("span", {{"class", "how"}}, how);
    if (probe.purpose == schemas::Purpose::diagnostic) {
        notes += element("span", {{"class", "tag"}}, probe.control ? "control" : "diagnostic");
    }
    return element(
        "li", {{"data-key", probe.id}},
        {light_with_word(entry.light, entry.word),
         element("span", {{"class", "probe-name"}}, foreign(probe.title.empty() ? probe.id : probe.title)), notes});
}

}  // namespace

std::vector<MatrixRow> matrix_of(const ServiceReport& service, Store* store, schemas::Instant now) {
    std::vector<MatrixRow> rows;
    if (service.source == nullptr) {
        return rows;
    }
    std::map<std::string, std::map<SeriesKey, SeriesNow>> known;
    for (const ObjectiveReport& objective : service.objectives) {
        for (const SeriesNow& series : objective.series) {
            known[series.key.probe].emplace(series.key, series);
        }
    }
    std::vector<SeriesKey> stored;
    if (store != nullptr) {
        stored = store->series().value_or(std::vector<SeriesKey>{});
    }
    for (const std::string& layer : layers_of(*service.source)) {
        MatrixRow row{layer, {}};
        for (const Probe& probe : service.source->probes) {
            if (probe.layer != layer) {
                continue;
            }
            ProbeNow entry{&probe, {}, Light::grey, {}};
            for (const SeriesKey& key : stored) {
                if (key.service == service.id && key.probe == probe.id && !known.contains(probe.id)) {
                    entry.series.push_back(last_word(key, probe, *store, now));
                }
            }
            for (const auto& [key, series] : known[probe.id]) {
                entry.series.push_back(series);
            }
            judge_probe(entry);
            row.cells.at(static_cast<std::size_t>(probe.level)).push_back(std::move(entry));
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

Html matrix_table(const std::vector<MatrixRow>& rows) {
    Html head = element("th", {{"scope", "col"}}, "Layer");
    for (const schemas::Level level : schemas::all_levels) {
        head += element("th", {{"scope", "col"}},
                        {element("strong", {}, schemas::to_string(level)), " ", schemas::plain_words(level)});
    }
    Html body;
    for (const MatrixRow& row : rows) {
        Html cells = element("th", {{"scope", "row"}}, foreign(row.layer));
        for (const auto& cell : row.cells) {
            Html entries;
            for (const ProbeNow& entry : cell) {
                entries += cell_entry(entry);
            }
            cells += entries.empty() ? element("td", {{"class", "uncovered"}}, "nothing covers this yet")
                                     : element("td", {}, element("ul", {}, entries));
        }
        body += element("tr", {}, cells);
    }
    return scrollable("What is tested, by layer and level",
                      element("table", {{"class", "matrix"}},
                              {element("thead", {}, element("tr", {}, head)), element("tbody", {}, body)}));
}

Json matrix_json(const std::vector<MatrixRow>& rows) {
    Json out = Json::array();
    for (const MatrixRow& row : rows) {
        Json one;
        one["layer"] = row.layer;
        for (const schemas::Level level : schemas::all_levels) {
            Json cell = Json::array();
            for (const ProbeNow& entry : row.cells.at(static_cast<std::size_t>(level))) {
                Json probe;
                probe["probe"] = entry.probe->id;
                probe["purpose"] = std::string(schemas::to_string(entry.probe->purpose));
                probe["light"] = std::string(schemas::to_string(entry.light));
                probe["word"] = entry.word;
                probe["series"] = entry.series.size();
                cell.push_back(std::move(probe));
            }
            one[std::string(schemas::to_string(level))] = std::move(cell);
        }
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace slimtax::reporter
