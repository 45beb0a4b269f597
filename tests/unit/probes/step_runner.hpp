// A run of steps whose values are texts, for tests that look at everything a step says.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "probes/io/engine.hpp"
#include "probes/operation.hpp"
#include "tests/unit/probes/run_operation.hpp"

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

    /// Runs one step; values are texts, as after expansion.
    Ran run(std::string_view operation, const Values& values,
            std::chrono::milliseconds timeout = std::chrono::seconds(20));

    /// The run ends: what its steps shared is closed.
    void end_run() { run_.session = Session(); }

private:
    Engine engine_;
    TestRun run_{engine_};
};

}  // namespace slimtax::probes
