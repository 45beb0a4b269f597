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

Ran StepRunner::run(std::span<const Operation> rows, std::string_view name, const Values& values,
                    std::chrono::milliseconds timeout) {
    const auto row = std::ranges::find(rows, name, [](const Operation& each) { return each.info.name; });
    if (row == rows.end()) {
        throw std::runtime_error("there is no operation " + std::string(name));
    }
    std::map<std::string, schemas::Value> given;
    for (const auto& [key, value] : values) {
        given.emplace(key, value);
    }
    const Arguments arguments(row->info, given);
    Ran ran;
    StepContext context{engine_,    arguments, Loop::now() + timeout, session_, memory_,
                        ran.report, "",        schemas::Instant{}};
    ran.outcome = engine_.loop().run_until_done(row->run(context));
    return ran;
}

}  // namespace slimtax::probes
