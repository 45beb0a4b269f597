// Runs a step of an operation that touches only this machine, with a memory that lasts over steps.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "probes/io/engine.hpp"
#include "probes/operation.hpp"

namespace slimtax::probes {

class LocalStep {
public:
    using Values = std::map<std::string, schemas::Value>;

    /// What a step came to.
    struct Ran {
        Outcome outcome;
        StepReport report;

        [[nodiscard]] double number(std::string_view output) const { return std::get<double>(find(output)); }
        [[nodiscard]] std::string text(std::string_view output) const { return std::get<std::string>(find(output)); }
        [[nodiscard]] bool flag(std::string_view output) const { return std::get<bool>(find(output)); }

    private:
        [[nodiscard]] const schemas::OutputValue& find(std::string_view output) const;
    };

    /// The row of `name` among `rows`.
    LocalStep(std::span<const Operation> rows, std::string_view name, EngineOptions options = {});

    Ran run(Values values, std::chrono::milliseconds timeout = std::chrono::seconds(60));

    [[nodiscard]] Engine& engine() { return engine_; }
    [[nodiscard]] const Operation& row() const { return *row_; }

    /// As after a restart of the prober: the memory is all that stays.
    std::map<std::string, std::string, std::less<>> remembered;

private:
    class Remembered : public Memory {
    public:
        explicit Remembered(LocalStep& step) : step_(step) {}
        [[nodiscard]] std::optional<std::string> recall(std::string_view name) const override;
        void remember(std::string_view name, std::string value) override;

    private:
        LocalStep& step_;
    };

    const Operation* row_ = nullptr;
    Engine engine_;
    Session session_;
};

/// A pattern that must compile.
[[nodiscard]] schemas::Value pattern(std::string_view text);

}  // namespace slimtax::probes
