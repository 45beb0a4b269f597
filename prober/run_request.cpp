#include "prober/run_request.hpp"

#include "prober/text.hpp"

namespace slimtax::prober {

schemas::Duration longest_run(const schemas::Probe& probe) {
    schemas::Duration longest = probe.timeout;
    for (const schemas::Step& step : probe.steps) {
        if (step.always) {
            longest += step.timeout.value_or(always_allowance);
        }
    }
    return longest;
}

schemas::RunResult not_run(const RunRequest& request, std::string reason) {
    schemas::RunResult result;
    result.key = request.key();
    result.intended = request.intended;
    result.started = request.intended;
    result.every = request.probe->every;
    result.verdict = schemas::Verdict::not_run;
    result.reason = tidy_sentence(reason);
    return result;
}

}  // namespace slimtax::prober
