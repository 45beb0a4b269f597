// `[[probe]]`, without its steps.
#include <algorithm>

#include "schemas/definition_draft.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

void check_targets(TableReader& table, const Probe& probe) {
    constexpr std::size_t longest_target = 200;
    for (const std::string& target : probe.targets) {
        const bool control = std::ranges::any_of(target, [](char c) {
            return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) == 0x7f;
        });
        if (control || target.size() > longest_target) {
            table.complaints().error(table.place_of("targets", target),
                                     fmt::format("\"{}\" cannot be a target: no blanks, at most {} bytes",
                                                 shortened(target, 60), longest_target));
        } else if (target.find("${") != std::string::npos) {
            table.complaints().error(table.place_of("targets", target),
                                     "nothing expands in 'targets': write the names out");
        }
    }
    for (const std::string& location : probe.from) {
        if (!is_id(location)) {
            table.complaints().error(table.place_of("from", location),
                                     fmt::format("'{}' cannot be a location's name: letters, "
                                                 "digits, '-', '_' and '.' only",
                                                 shortened(location, 60)));
        }
    }
}

/// An array of texts that is not empty when it is written.
std::vector<std::string> names(TableReader& table, std::string_view key, std::string_view when_omitted) {
    const auto written = table.texts(key);
    if (written && written->empty()) {
        table.complaints().error(table.place_of(key), fmt::format("'{}' is empty", key),
                                 fmt::format("omit it for {}", when_omitted));
    }
    return written.value_or(std::vector<std::string>{});
}

void read_schedule(TableReader& table, Probe& probe) {
    probe.every = table.duration("every", Need::required).value_or(Duration::zero());
    if (probe.every > Duration::zero() && probe.every < shortest_interval) {
        table.complaints().error(
            table.place_of("every"),
            fmt::format("'every' must be at least {}, found {}", to_text(shortest_interval), to_text(probe.every)));
    }
    probe.timeout = table.duration("timeout", Need::required).value_or(Duration::zero());
    probe.exclusive = table.boolean("exclusive").value_or(false);
    if (const auto jitter = table.number("jitter")) {
        if (*jitter >= 0 && *jitter <= 1) {
            probe.jitter = *jitter;
        } else {
            table.complaints().error(table.place_of("jitter"),
                                     fmt::format("'jitter' is the part of 'every' over which starts are spread: "
                                                 "expected a number from 0 to 1, found {}",
                                                 *jitter));
        }
    }
    probe.think = table.parsed("think", parse_think, "a think time such as \"1s..4s\"");
}

/// A user who thinks for longer than the whole script may take can never finish.
void check_think(TableReader& table, const Probe& probe) {
    Duration longest{};
    Position at = table.place_of("think");
    for (const Step& step : probe.steps) {
        const auto& think = step.think ? step.think : probe.think;
        if (think) {
            longest += think->most;
            at = table.itself().find("think") != nullptr ? at : step.at;
        }
    }
    if (probe.timeout > Duration::zero() && longest >= probe.timeout) {
        table.complaints().error(at,
                                 fmt::format("think time alone may take {}, but the whole script has a timeout of "
                                             "{}",
                                             to_text(longest), to_text(probe.timeout)),
                                 "shorten 'think' or lengthen 'timeout'");
    }
}

/// False when there is one of that id already; then that has been said.
bool take_probe(Complaints& complaints, Probe probe, const TomlNode& node, Draft& draft) {
    if (const Probe* other = draft.definition.find_probe(probe.id)) {
        complaints.error(node.find("id")->at,
                         fmt::format("there is a probe '{}' already, in line {}", probe.id, other->at.line));
        return false;
    }
    draft.definition.probes.push_back(std::move(probe));
    draft.probe_nodes.push_back(&node);
    return true;
}

void read_probe(Complaints& complaints, const TomlNode& node, Draft& draft, Catalog catalog) {
    TableReader table(complaints, node, "[[probe]]");
    Probe probe;
    probe.at = node.at;
    const auto id = table.id("id", Need::required);
    if (id) {
        probe.id = *id;
        table.rename(fmt::format("[[probe]] '{}'", *id));
    }
    probe.title = table.text("title").value_or(probe.id);
    const auto level = read_level(table);
    probe.level = level.value_or(Level::A2);
    read_layer(table, probe, draft.definition.service);
    probe.control = table.boolean("control").value_or(false);
    const bool purpose_known = read_purpose(table, probe);
    probe.covers = names(table, "covers", "none in particular");
    probe.targets = names(table, "targets", "a probe without targets");
    probe.from = names(table, "from", "every location");
    check_targets(table, probe);
    read_schedule(table, probe);
    read_steps(table, probe, catalog);
    if (!catalog.empty()) {  // unread steps have lost their own think times
        check_think(table, probe);
    }
    auto indicators = read_collects(table, probe, draft, catalog);
    table.finish();
    draft.probes_known = draft.probes_known && id && level && purpose_known;
    if (id && level && take_probe(table.complaints(), std::move(probe), node, draft)) {
        for (auto& [indicator, its_node] : indicators) {
            take_probe(table.complaints(), std::move(indicator), *its_node, draft);
        }
    }
}

}  // namespace

bool read_purpose(TableReader& table, Probe& probe) {
    const TomlNode* node = table.node("purpose");
    if (probe.control) {
        probe.purpose = Purpose::diagnostic;  // something known to be good never spends budget
    }
    if (node == nullptr) {
        return true;
    }
    const auto* word = node->as<std::string>();
    const auto purpose = word != nullptr ? parse_purpose(*word) : std::nullopt;
    if (!purpose) {
        const std::string near = word != nullptr ? nearest_word(*word, {"measurement", "diagnostic"}) : "";
        table.complaints().error(
            node->at,
            fmt::format("expected \"measurement\" (it counts) or \"diagnostic\" (it helps to find causes) for "
                        "'purpose', found {}",
                        word != nullptr ? "\"" + *word + "\"" : std::string(node->kind())),
            near.empty() ? "" : fmt::format("did you mean '{}'?", near));
        return false;
    }
    if (probe.control && *purpose == Purpose::measurement) {
        table.complaints().error(node->at, "a control probe cannot be a measurement: it watches the prober's own side");
    }
    if (!probe.control) {
        probe.purpose = *purpose;
    }
    return true;
}

void read_layer(TableReader& table, Probe& probe, const Service& service) {
    const auto layer = table.text("layer");
    const std::vector<std::string_view> layers(service.layers.begin(), service.layers.end());
    if (layer && std::ranges::find(layers, *layer) == layers.end()) {
        const std::string near = nearest_word(*layer, layers);
        table.complaints().error(
            table.place_of("layer"),
            fmt::format("\"{}\" is no layer of this service: there are {}", *layer, enumerated(layers)),
            near.empty() ? "name your own layers with 'layers' in [service]" : fmt::format("did you mean '{}'?", near));
    }
    probe.layer =
        layer.value_or(std::ranges::find(layers, probe.layer) != layers.end() ? probe.layer : service.layers.back());
}

Duration longest_gap(const Probe& probe) {
    return probe.every + Duration(static_cast<std::int64_t>(probe.jitter * static_cast<double>(probe.every.count())));
}

void read_probes(TableReader& file, Draft& draft, Catalog catalog) {
    const TomlNode* all = file.itself().find("probe");
    draft.probes_known = all == nullptr || all->as<TomlNode::Array>() != nullptr;
    for (const TomlNode* node : file.tables("probe")) {
        read_probe(file.complaints(), *node, draft, catalog);
    }
}

}  // namespace slimtax::schemas
