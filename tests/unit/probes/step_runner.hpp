// Runs steps of operations as a script would: one engine, one session, each step with its time-out.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "probes/io/engine.hpp"
#include "probes/operation.hpp"

namespace slimtax::probes {

/// A step that has ended.
struct Ran {
    Outcome outcome;
    StepReport report;

    /// An output's value; fails the test when it was not set.
    [[nodiscard]] double number(std::string_view output) const;
    [[nodiscard]] std::string text(std::string_view output) const;
    [[nodiscard]] bool flag(std::string_view output) const;
    [[nodiscard]] std::optional<schemas::Duration> timing(std::string_view name) const;
    /// Reason and transcript: where no secret may stand.
    [[nodiscard]] std::string said() const;
};

class StepRunner {
public:
    using Values = std::map<std::string, std::string>;

    explicit StepRunner(EngineOptions options = {}) : engine_(std::move(options)) {}

    /// Runs one step of the row of that name; values are texts, as after expansion.
    Ran run(std::span<const Operation> rows, std::string_view name, const Values& values,
            std::chrono::milliseconds timeout = std::chrono::seconds(20));

    /// The run ends: what its steps shared is closed.
    void end_run() { session_ = Session(); }

    [[nodiscard]] Engine& engine() { return engine_; }

private:
    class NoMemory : public Memory {
    public:
        [[nodiscard]] std::optional<std::string> recall(std::string_view) const override { return std::nullopt; }
        void remember(std::string_view, std::string) override {}
    };

    Engine engine_;
    NoMemory memory_;
    Session session_;
};

}  // namespace slimtax::probes
