#include "tests/unit/probes/run_operation.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

#include "probes/registry.hpp"

namespace slimtax::probes {
namespace {

template <class T>
T held(const schemas::Outputs& outputs, std::string_view name) {
    const schemas::OutputValue* const value = outputs.find(name);
    return value != nullptr && std::holds_alternative<T>(*value) ? std::get<T>(*value) : T{};
}

}  // namespace

std::string StepRun::verdict() const {
    return std::string(schemas::to_string(outcome.verdict));
}
double StepRun::number(std::string_view output) const {
    return held<double>(report.outputs, output);
}
std::string StepRun::text(std::string_view output) const {
    return held<std::string>(report.outputs, output);
}
bool StepRun::flag(std::string_view output) const {
    return held<bool>(report.outputs, output);
}

std::optional<std::string> TestMemory::recall(std::string_view name) const {
    const auto it = texts_.find(name);
    return it == texts_.end() ? std::nullopt : std::optional(it->second);
}

void TestMemory::remember(std::string_view name, std::string value) {
    texts_.insert_or_assign(std::string(name), std::move(value));
}

schemas::Instant test_noon() {
    return schemas::parse_rfc3339("2026-11-21T12:00:00Z").value();
}

StepRun TestRun::step(std::string_view name, const Values& values, std::chrono::milliseconds patience) {
    const Operation* const operation = find_operation(name);
    if (operation == nullptr) {
        throw std::logic_error("no operation " + std::string(name));
    }
    const Arguments arguments(operation->info, values);
    StepRun run;
    StepContext context{.engine = engine_,
                        .arguments = arguments,
                        .deadline = Loop::now() + patience,
                        .session = session,
                        .memory = memory,
                        .report = run.report,
                        .target = target,
                        .wall_now = wall_now};
    run.outcome = engine_.loop().run_until_done(operation->run(context));
    // A reason is there exactly when something is wrong.
    CHECK((run.outcome.verdict == schemas::Verdict::ok) == run.outcome.reason.empty());
    return run;
}

StepRun run_operation(Engine& engine, std::string_view operation, const Values& values,
                      std::chrono::milliseconds patience) {
    return TestRun(engine).step(operation, values, patience);
}

schemas::Pattern pattern(std::string_view text) {
    const auto compiled = schemas::Pattern::compile(text);
    REQUIRE(compiled.has_value());
    return *compiled;
}

}  // namespace slimtax::probes
