#include "prober/commands/load.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "prober/run_request.hpp"
#include "prober/text.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::prober {
namespace {

using schemas::Duration;
using schemas::Probe;
using schemas::Step;

constexpr std::string_view any_location = "each location";

/// A log-in by its name, or a request that carries a password of its own.
bool signs_in(const Step& step) {
    const std::string_view operation = step.operation;
    return operation.ends_with(".login") || operation.ends_with(".bind") ||
           std::ranges::any_of(step.parameters, [](const auto& parameter) {
               return parameter.first.find("password") != std::string::npos;
           });
}

Load times(Load load, std::size_t count) {
    const auto factor = static_cast<double>(count);
    return {load.runs * factor, load.steps * factor, load.logins * factor, load.in_flight * count};
}

const std::vector<std::string>& locations_of(const Probe& probe, const std::vector<std::string>& all) {
    return probe.from.empty() ? all : probe.from;
}

std::vector<std::string> named_locations(const schemas::Definitions& definitions) {
    std::set<std::string> names;
    for (const auto& definition : definitions) {
        for (const Probe& probe : definition->probes) {
            names.insert(probe.from.begin(), probe.from.end());
        }
    }
    if (names.empty()) {
        names.insert(std::string(any_location));
    }
    return {names.begin(), names.end()};
}

std::string amount(double number) {
    return number >= 100 || number == static_cast<double>(static_cast<long long>(number))
               ? fmt::format("{:.0f}", number)
               : fmt::format("{:.3g}", number);
}

std::string padded(std::string_view text, std::size_t columns) {
    const std::size_t wide = schemas::count_code_points(text);
    return std::string(text) + std::string(columns > wide ? columns - wide : 0, ' ');
}

std::string shown(const std::string& target) {
    return target.empty() ? "(the prober's own machine)" : target;
}

std::string lines(std::string_view title, const std::vector<LoadRow>& rows, std::size_t wide) {
    std::string text =
        fmt::format("\n{}  {:>8} {:>8} {:>8}  {:>9}\n", padded(title, wide), "runs", "steps", "log-ins", "in flight");
    for (const LoadRow& row : rows) {
        text += fmt::format("{}  {:>8} {:>8} {:>8}  {:>9}\n", padded(tidy_sentence(shown(row.name)), wide),
                            amount(row.load.runs), amount(row.load.steps), amount(row.load.logins), row.load.in_flight);
    }
    return text;
}

nlohmann::json to_json(const Load& load) {
    return {{"runs_per_minute", load.runs},
            {"steps_per_minute", load.steps},
            {"logins_per_minute", load.logins},
            {"in_flight_at_most", load.in_flight}};
}

nlohmann::json to_json(const std::vector<LoadRow>& rows, std::string_view key) {
    nlohmann::json all = nlohmann::json::array();
    for (const LoadRow& row : rows) {
        nlohmann::json one = to_json(row.load);
        one[std::string(key)] = row.name;
        all.push_back(std::move(one));
    }
    return all;
}

std::vector<LoadRow> rows_of(const std::map<std::string, Load>& loads) {
    std::vector<LoadRow> rows;
    for (const auto& [name, load] : loads) {
        rows.push_back({name, load});
    }
    return rows;
}

}  // namespace

Load& Load::operator+=(const Load& other) {
    runs += other.runs;
    steps += other.steps;
    logins += other.logins;
    in_flight += other.in_flight;
    return *this;
}

Load load_of(const Probe& probe) {
    Load load;
    if (probe.collect) {
        return load;  // its source's runs are counted there
    }
    load.runs = 60e6 / static_cast<double>(probe.every.count());
    for (const Step& step : probe.steps) {
        const double each = load.runs * (step.repeat ? step.repeat->times : 1);
        load.steps += each;
        load.logins += signs_in(step) ? each : 0;
    }
    // Jitter may start a run late and the next in time: so much closer they come.
    const auto spread = static_cast<Duration::rep>(probe.jitter * static_cast<double>(probe.every.count()));
    const auto busy = longest_run(probe).count() + spread;
    load.in_flight =
        probe.exclusive ? 1 : static_cast<std::size_t>((busy + probe.every.count() - 1) / probe.every.count());
    return load;
}

LoadTable load_table(const schemas::Definitions& definitions, const std::string& id) {
    LoadTable table;
    table.locations = named_locations(definitions);
    std::map<std::string, Load> by_target;
    std::map<std::string, Load> by_location;
    for (const auto& definition : definitions) {
        for (const Probe& probe : definition->probes) {
            if (probe.collect || (!id.empty() && probe.id != id)) {
                continue;
            }
            const Load one = load_of(probe);
            const auto& locations = locations_of(probe, table.locations);
            const auto targets = probe.series_targets();
            for (const std::string& target : targets) {
                by_target[target] += times(one, locations.size());
            }
            for (const std::string& location : locations) {
                by_location[location] += times(one, targets.size());
            }
            table.sum += times(one, targets.size() * locations.size());
        }
    }
    table.by_target = rows_of(by_target);
    std::ranges::stable_sort(table.by_target, std::ranges::greater(), [](const LoadRow& row) { return row.load.runs; });
    table.by_location = rows_of(by_location);
    return table;
}

schemas::Problems advise_on_load(const schemas::Definitions& definitions) {
    schemas::Problems problems;
    const LoadTable table = load_table(definitions);
    for (const LoadRow& row : table.by_target) {
        if (row.name.empty() || row.load.runs <= sane_runs) {
            continue;
        }
        // Said where the most comes from.
        const schemas::Definition* file = nullptr;
        const Probe* most = nullptr;
        double share = 0;
        for (const auto& definition : definitions) {
            for (const Probe& probe : definition->probes) {
                const double runs =
                    load_of(probe).runs * static_cast<double>(locations_of(probe, table.locations).size());
                if (std::ranges::find(probe.targets, row.name) != probe.targets.end() && runs > share) {
                    share = runs;
                    most = &probe;
                    file = definition.get();
                }
            }
        }
        if (most != nullptr) {
            problems.push_back({schemas::Problem::Kind::advice, file->file, most->at,
                                fmt::format("target '{}' gets {} runs a minute, {} of them by probe '{}'", row.name,
                                            amount(row.load.runs), amount(share), most->id),
                                "is its owner content with that? A longer 'every' spares it; 'slimtax-prober try "
                                "--load' shows the whole load"});
        }
    }
    return problems;
}

std::string load_as_text(const LoadTable& table) {
    std::size_t wide = 12;
    for (const auto* rows : {&table.by_target, &table.by_location}) {
        for (const LoadRow& row : *rows) {
            wide = std::max(wide, schemas::count_code_points(tidy_sentence(shown(row.name))));
        }
    }
    const bool assumed = table.locations.size() == 1 && table.locations.front() == any_location;
    std::string text = "What the definitions ask for in a minute";
    if (assumed) {
        text += ", from each location that runs them:\n";
    } else {
        text += table.locations.size() == 1 ? ", from 1 location:\n"
                                            : fmt::format(", from {} locations together:\n", table.locations.size());
    }
    text += lines("target", table.by_target, wide);
    text += lines("location", table.by_location, wide);
    text += fmt::format(
        "\nIn all {} runs with {} steps, {} of them log-ins; {} at most in flight, when every run takes "
        "as long as it may.\n",
        amount(table.sum.runs), amount(table.sum.steps), amount(table.sum.logins), table.sum.in_flight);
    return text;
}

std::string load_as_json(const LoadTable& table) {
    const nlohmann::json out{{"locations", table.locations},
                             {"by_target", to_json(table.by_target, "target")},
                             {"by_location", to_json(table.by_location, "location")},
                             {"sum", to_json(table.sum)}};
    return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace slimtax::prober
