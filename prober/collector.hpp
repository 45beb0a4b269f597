// The indicators that a probe's run feeds (`[[probe.collect]]`, T7): what its steps left for them, and the result
// that each becomes. A source that failed, timed out or was not run gives that verdict to all of them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "prober/run_request.hpp"
#include "probes/operation.hpp"
#include "schemas/result.hpp"

namespace slimtax::prober {

/// What became of one indicator.
struct Collected {
    schemas::RunResult result;
    std::string value;  ///< as people read it; empty when there was none
};

class Collector {
public:
    /// `request` outlives this.
    explicit Collector(const RunRequest& request)
        : request_(request), indicators_(request.definition->fed_by(*request.probe)) {}

    /// Whether an indicator looks at this step.
    [[nodiscard]] bool wants(const schemas::Step& step) const;

    /// What a step that completed left behind.
    void take(const schemas::Step& step, const schemas::OperationInfo& info, schemas::Outputs outputs);

    /// One result for each indicator, in the order of the file. What a counter was at is kept in the source's memory.
    /// Reasons and values hold what a service said, secrets included.
    [[nodiscard]] std::vector<Collected> results(const schemas::RunResult& source, probes::Memory& memory);

private:
    struct Taken {
        const schemas::OperationInfo* info;
        schemas::Outputs outputs;
    };

    void judge(const schemas::Probe& indicator, probes::Memory& memory, Collected& collected);

    const RunRequest& request_;
    std::vector<const schemas::Probe*> indicators_;
    std::map<std::string, Taken, std::less<>> taken_;  ///< by the step's label
};

}  // namespace slimtax::prober
