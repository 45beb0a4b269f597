// How `try` shows runs: a timeline of steps for people, or JSON.
#pragma once

#include <memory>
#include <string>

#include "prober/script.hpp"

namespace slimtax::prober {

class TryView : public ScriptWatcher {
public:
    virtual void run_begins(const RunRequest& request) = 0;
    /// Several times a second while a run goes on.
    virtual void tick() {}
    virtual void run_ended(const schemas::RunResult& result) = 0;
    /// After its run: an indicator that the run fed.
    virtual void collected(const Collected& indicator, const std::string& source) = 0;
    /// After the last run.
    virtual void finish() = 0;
};

/// Lines on standard output, with what to do next after each failure. A terminal sees the run's time-line grow first,
/// in colours unless NO_COLOR is set.
[[nodiscard]] std::unique_ptr<TryView> make_text_view();

/// One JSON object at the end: { "verdict": the worst, "runs": […] }.
[[nodiscard]] std::unique_ptr<TryView> make_json_view();

/// From best to worst: ok, slow, failed and timeout, prober_fault and not_run: the exit status.
[[nodiscard]] int exit_status(schemas::Verdict verdict);

}  // namespace slimtax::prober
