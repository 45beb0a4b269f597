#include "tests/unit/probes/local_step.hpp"

#include <stdexcept>
#include <utility>

namespace slimtax::probes {

const schemas::OutputValue& LocalStep::Ran::find(std::string_view output) const {
    const schemas::OutputValue* const value = report.outputs.find(output);
    if (value == nullptr) {
        throw std::runtime_error("the step left no output " + std::string(output) + ": " + outcome.reason);
    }
    return *value;
}

LocalStep::LocalStep(std::span<const Operation> rows, std::string_view name, EngineOptions options)
    : engine_(std::move(options)) {
    for (const Operation& row : rows) {
        row_ = row.info.name == name ? &row : row_;
    }
    if (row_ == nullptr) {
        throw std::runtime_error("there is no operation " + std::string(name));
    }
}

LocalStep::Ran LocalStep::run(Values values, std::chrono::milliseconds timeout) {
    const Arguments arguments(row_->info, std::move(values));
    Remembered memory(*this);
    Ran ran;
    const auto now = std::chrono::system_clock::now();
    StepContext context{engine_,
                        arguments,
                        Loop::now() + timeout,
                        session_,
                        memory,
                        ran.report,
                        "",
                        std::chrono::time_point_cast<schemas::Duration>(now)};
    ran.outcome = engine_.loop().run_until_done(row_->run(context));
    return ran;
}

std::optional<std::string> LocalStep::Remembered::recall(std::string_view name) const {
    const auto it = step_.remembered.find(name);
    return it == step_.remembered.end() ? std::nullopt : std::optional(it->second);
}

void LocalStep::Remembered::remember(std::string_view name, std::string value) {
    step_.remembered.insert_or_assign(std::string(name), std::move(value));
}

schemas::Value pattern(std::string_view text) {
    return schemas::Pattern::compile(text).value();
}

}  // namespace slimtax::probes
