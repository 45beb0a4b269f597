// Runs a probe's script once: think time, steps, time-outs, verdict (design §5). Knows no protocol and no
// time-table; what it touches of the world is handed to it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "prober/collector.hpp"
#include "prober/pseudonyms.hpp"
#include "prober/run_request.hpp"
#include "prober/step_report.hpp"
#include "probes/io/task.hpp"
#include "probes/operation.hpp"
#include "schemas/definition.hpp"
#include "schemas/result.hpp"

namespace slimtax::probes {
class Engine;
}

namespace slimtax::prober {

/// What scripts run in; shared by all runs of a loop and living longer than each.
struct ScriptEnvironment {
    explicit ScriptEnvironment(probes::Engine& an_engine) : engine(an_engine) {}

    probes::Engine& engine;
    /// The registry, or a test's own table.
    std::function<const probes::Operation*(std::string_view name)> find_operation;
    /// A secret's value, or a sentence that says where it was looked for.
    std::function<tl::expected<std::string, std::string>(std::string_view name)> secret;
    /// Takes the values of all secrets out of a text.
    std::function<std::string(std::string_view text)> redact;
    /// Uniform in [0, 1).
    std::function<double()> random;
    /// How long this process has stood still so far (see stall.hpp); null: never.
    std::function<schemas::Duration()> stood_still;
    /// How long its loop has been overloaded so far (Loop::overloaded); null: never.
    std::function<schemas::Duration()> overloaded;
    /// True once running scripts are being cut short because the prober stops; null: never.
    std::function<bool()> stopping;
    Pseudonyms pseudonyms{""};
};

/// What a step did, for people who watch; free of secrets.
struct StepView {
    const schemas::Step& step;
    const schemas::StepResult& result;
    struct Shown {
        std::string name;
        schemas::OutputType type;
        schemas::OutputValue value;
    };
    std::vector<Shown> outputs;  ///< in declared order
    std::vector<std::string> transcript;
    std::uint64_t work = 0;
    std::size_t users = 0;
};

/// Watches a run, for `try`. Called on the loop; must not block for long.
class ScriptWatcher {
public:
    virtual ~ScriptWatcher() = default;
    virtual void pausing(const schemas::Step& /*step*/, schemas::Duration /*pause*/) {}
    virtual void starting(const schemas::Step& /*step*/) {}
    /// After `starting`: what the operation reports grows while it works, and goes before `ended` returns.
    virtual void working(const schemas::Step& /*step*/, const probes::StepReport& /*so_far*/) {}
    virtual void ended(const StepView& /*view*/) {}
    virtual void skipped(const schemas::Step& /*step*/, std::string_view /*why*/) {}
};

/// Runs the script once. Never throws for anything that a step did.
///
/// Time-outs: a step ends at its own or the run's, whichever comes first; think time counts for the run's. An
/// `always` step is not cut by the run's time-out: it has its own, or `always_allowance`, so that it gets its
/// chance after everything else took too long. After a failure there is no think time.
///
/// Verdict: that of the first step that did not complete (`failed`, `timeout`, `prober_fault`, `not_run`), or else
/// `slow` when a step was, or else `ok`. Response is the sum of the steps' response times.
///
/// `collected`, where it is given, gets the results of the indicators that the run feeds (`[[probe.collect]]`).
[[nodiscard]] probes::Task<schemas::RunResult> run_script(ScriptEnvironment& environment, RunRequest request,
                                                          probes::Memory& memory, ScriptWatcher* watcher = nullptr,
                                                          std::vector<Collected>* collected = nullptr);

}  // namespace slimtax::prober
