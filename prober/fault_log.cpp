#include "prober/fault_log.hpp"

#include <fmt/format.h>

namespace slimtax::prober {

std::string FaultLog::note(const schemas::RunResult& result) {
    if (result.verdict == schemas::Verdict::not_run) {
        return "";
    }
    const auto it = faults_.find(result.key);
    if (result.verdict != schemas::Verdict::prober_fault) {
        if (it == faults_.end()) {
            return "";
        }
        faults_.erase(it);
        return fmt::format("{}: can be run again", to_string(result.key));
    }
    if (it != faults_.end() && it->second.reason == result.reason && result.started - it->second.said < repeat_after) {
        return "";
    }
    faults_[result.key] = {result.reason, result.started};
    return fmt::format("{}: {}", to_string(result.key), result.reason);
}

}  // namespace slimtax::prober
