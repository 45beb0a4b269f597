#include <algorithm>
#include <iostream>
#include <map>

#include <fmt/format.h>

#include "prober/clock.hpp"
#include "prober/commands/commands.hpp"
#include "prober/commands/common.hpp"
#include "prober/commands/load.hpp"
#include "prober/commands/try_view.hpp"
#include "prober/pseudonyms.hpp"
#include "prober/set_up.hpp"

namespace slimtax::prober {
namespace {

constexpr int our_fault = 3;

// Remembers for as long as the command runs.
class ShortMemory final : public probes::Memory {
public:
    [[nodiscard]] std::optional<std::string> recall(std::string_view name) const override {
        const auto it = values_.find(std::string(name));
        return it == values_.end() ? std::nullopt : std::optional(it->second);
    }
    void remember(std::string_view name, std::string value) override { values_[std::string(name)] = std::move(value); }

private:
    std::map<std::string, std::string> values_;
};

// The settings that were named; or those that are found, when they can be read: a service owner on the prober's
// machine need not be able to read its secrets.
tl::expected<schemas::ProberConfig, int> settings(const TryOptions& options) {
    const auto file = find_config(options.config);
    if (!file) {
        return schemas::ProberConfig();
    }
    auto read = schemas::read_prober_config(*file);
    if (read.config) {
        return std::move(*read.config);
    }
    complain(read.problems);
    if (options.config) {
        return tl::unexpected(our_fault);
    }
    complain(fmt::format("going on without {}: secrets come from the environment only", file->string()));
    return schemas::ProberConfig();
}

// The probes that were asked for.
tl::expected<std::vector<const schemas::Probe*>, std::string> chosen(const schemas::Definition& definition,
                                                                     const std::string& id) {
    std::vector<const schemas::Probe*> probes;
    std::vector<std::string_view> ids;
    for (const schemas::Probe& probe : definition.probes) {
        ids.push_back(probe.id);
        if (probe.collect ? probe.id == id : id.empty() || probe.id == id) {
            probes.push_back(definition.find_probe(probe.scheduled_as()));
        }
    }
    if (probes.empty() && ids.empty()) {
        return tl::unexpected(fmt::format("{} has no probe to try", definition.file));
    }
    if (probes.empty()) {
        const std::string near = schemas::nearest_word(id, ids);
        return tl::unexpected(fmt::format("{} has no probe '{}'; it has {}{}", definition.file, id,
                                          fmt::join(ids, ", "),
                                          near.empty() ? "" : fmt::format(": did you mean '{}'?", near)));
    }
    return probes;
}

std::string location_for(const schemas::Probe& probe, const TryOptions& options, const schemas::ProberConfig& config) {
    if (!options.location.empty()) {
        return options.location;
    }
    if (!config.location.empty()) {
        return config.location;
    }
    return probe.from.empty() ? "here" : probe.from.front();
}

class Trial {
public:
    Trial(const TryOptions& options, const schemas::ProberConfig& config)
        : options_(options),
          config_(config),
          engine_(engine_options(config)),
          stall_(clock_),
          environment_(engine_),
          view_(options.format == "json" ? make_json_view() : make_text_view()) {
        engine_.warm_up();
        equip(environment_, config_.secrets, stall_);
        environment_.pseudonyms = Pseudonyms(Pseudonyms::random_key());
    }

    int run(const std::shared_ptr<const schemas::Definition>& definition,
            const std::vector<const schemas::Probe*>& probes) {
        tick();
        refresh();
        int worst = 0;
        for (const schemas::Probe* probe : probes) {
            const std::vector<std::string> targets =
                options_.target.empty() ? probe->series_targets() : std::vector<std::string>{options_.target};
            for (const std::string& target : targets) {
                worst = std::max(worst, run_one(definition, *probe, target));
            }
        }
        view_->finish();
        return worst;
    }

private:
    int run_one(const std::shared_ptr<const schemas::Definition>& definition, const schemas::Probe& probe,
                const std::string& target) {
        RunRequest request;
        request.definition = definition;
        request.probe = &probe;
        request.target = target;
        request.location = location_for(probe, options_, config_);
        request.intended = clock_.wall();
        request.started = request.intended;
        view_->run_begins(request);
        running_ = true;
        ShortMemory memory;
        std::vector<Collected> collected;
        const schemas::RunResult result = engine_.loop().run_until_done(
            run_script(environment_, std::move(request), memory, view_.get(), &collected));
        running_ = false;
        view_->run_ended(result);
        int worst = exit_status(result.verdict);
        for (const Collected& indicator : collected) {
            view_->collected(indicator, probe.id);
            worst = std::max(worst, exit_status(indicator.result.verdict));
        }
        return worst;
    }

    void tick() {
        stall_.tick();
        engine_.loop().call_at(probes::Loop::now() + StallWatch::period, [this] { tick(); });
    }

    void refresh() {
        constexpr auto period = std::chrono::milliseconds(80);
        if (running_) {
            view_->tick();
        }
        engine_.loop().call_at(probes::Loop::now() + period, [this] { refresh(); });
    }

    const TryOptions& options_;
    const schemas::ProberConfig& config_;
    SystemClock clock_;
    probes::Engine engine_;
    StallWatch stall_;
    ScriptEnvironment environment_;
    std::unique_ptr<TryView> view_;
    bool running_ = false;
};

// What would be asked of whom, without asking.
int show_load(const schemas::Definitions& definitions, const TryOptions& options) {
    if (!options.probe.empty()) {
        std::vector<std::string_view> ids;
        for (const auto& definition : definitions) {
            for (const schemas::Probe& probe : definition->probes) {
                ids.push_back(probe.id);
            }
        }
        if (std::ranges::find(ids, options.probe) == ids.end()) {
            const std::string near = schemas::nearest_word(options.probe, ids);
            complain(fmt::format("{} has no probe '{}'{}", options.file, options.probe,
                                 near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
            return usage_error;
        }
    }
    const LoadTable table = load_table(definitions, options.probe);
    std::cout << (options.format == "json" ? load_as_json(table) : load_as_text(table));
    return 0;
}

}  // namespace

int try_out(const TryOptions& options) {
    schemas::ReadDefinitions read = read_inputs({options.file});
    // Advice is for `check`: here somebody wants to see a run.
    std::erase_if(read.problems, [](const auto& problem) { return problem.kind == schemas::Problem::Kind::advice; });
    complain(read.problems);
    if (schemas::has_errors(read.problems) || read.definitions.empty()) {
        return our_fault;
    }
    if (options.load) {
        return show_load(read.definitions, options);
    }
    if (read.definitions.size() > 1) {
        complain(fmt::format("{} holds several services; name one file", options.file));
        return usage_error;
    }
    const auto& definition = read.definitions.front();
    const auto probes = chosen(*definition, options.probe);
    if (!probes) {
        complain(probes.error());
        return usage_error;
    }
    const auto config = settings(options);
    if (!config) {
        return config.error();
    }
    return Trial(options, *config).run(definition, *probes);
}

}  // namespace slimtax::prober
