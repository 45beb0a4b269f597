#include "tests/unit/probes/step_runner.hpp"

#include <algorithm>
#include <stdexcept>

namespace slimtax::probes {
namespace {

template <class T>
T output_of(const StepReport& report, std::string_view name) {
    const schemas::OutputValue* const value = report.outputs.find(name);
    if (value == nullptr) {
        throw std::runtime_error("the step left no output " + std::string(name));
    }
    return std::get<T>(*value);
}

}  // namespace

double Ran::number(std::string_view output) const {
    return output_of<double>(report, output);
}
std::string Ran::text(std::string_view output) const {
    return output_of<std::string>(report, output);
}
bool Ran::flag(std::string_view output) const {
    return output_of<bool>(report, output);
}

std::optional<schemas::Duration> Ran::timing(std::string_view name) const {
    const auto it = std::ranges::find(report.timings, name, &schemas::Timing::name);
    return it == report.timings.end() ? std::nullopt : std::optional(it->took);
}

std::string Ran::said() const {
    std::string all = outcome.reason;
    for (const std::string& line : report.transcript) {
        all += "\n" + line;
    }
    return all;
}

Ran StepRunner::run(std::string_view operation, const Values& values, std::chrono::milliseconds timeout) {
    slimtax::probes::Values given;
    for (const auto& [key, value] : values) {
        given.emplace(key, value);
    }
    StepRun run = run_.step(operation, given, timeout);
    return {std::move(run.outcome), std::move(run.report)};
}

}  // namespace slimtax::probes
