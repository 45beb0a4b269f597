// Runs one operation of the registry, as a script's step would.
#pragma once

#include <chrono>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "probes/io/engine.hpp"
#include "probes/operation.hpp"
#include "schemas/pattern.hpp"

namespace slimtax::probes {

using Values = std::map<std::string, schemas::Value>;

/// What a step left behind.
struct StepRun {
    Outcome outcome;
    StepReport report;

    [[nodiscard]] std::string verdict() const;
    /// 0, "" or false when the output was not set.
    [[nodiscard]] double number(std::string_view output) const;
    [[nodiscard]] std::string text(std::string_view output) const;
    [[nodiscard]] bool flag(std::string_view output) const;
    [[nodiscard]] bool has(std::string_view output) const { return report.outputs.find(output) != nullptr; }
};

/// A memory that lives as long as the test.
class TestMemory : public Memory {
public:
    [[nodiscard]] std::optional<std::string> recall(std::string_view name) const override;
    void remember(std::string_view name, std::string value) override;

private:
    std::map<std::string, std::string, std::less<>> texts_;
};

/// The noon of 2026-11-21: what `wall_now` is in tests unless they say otherwise.
[[nodiscard]] schemas::Instant test_noon();

/// Runs operations on one engine, with one session and one memory, like the steps of one run.
class TestRun {
public:
    explicit TestRun(Engine& engine) : engine_(engine) {}

    /// Also checks that every output and timing that was left behind is declared, respectively named as agreed.
    StepRun step(std::string_view operation, const Values& values, std::chrono::milliseconds patience);
    StepRun step(std::string_view operation, const Values& values) {
        return step(operation, values, std::chrono::seconds(30));
    }

    Session session;
    TestMemory memory;
    schemas::Instant wall_now = test_noon();
    std::string target;

private:
    Engine& engine_;
};

/// One step in a run of its own.
[[nodiscard]] StepRun run_operation(Engine& engine, std::string_view operation, const Values& values,
                                    std::chrono::milliseconds patience = std::chrono::seconds(30));

/// A pattern that must compile.
[[nodiscard]] schemas::Pattern pattern(std::string_view text);

}  // namespace slimtax::probes
