#include "prober/commands/try_view.hpp"

#include <cstdlib>
#include <iostream>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "prober/text.hpp"

namespace slimtax::prober {
namespace {

using schemas::Duration;
using schemas::RunResult;
using schemas::Step;
using schemas::Verdict;

constexpr std::size_t longest_shown = 160;  // of an output or a transcript's line, in text

class TextView final : public TryView {
public:
    TextView() : terminal_(::isatty(STDOUT_FILENO) == 1) {
        const char* no_color = std::getenv("NO_COLOR");
        const char* term = std::getenv("TERM");
        colours_ = terminal_ && (no_color == nullptr || *no_color == '\0') && term != nullptr &&
                   std::string_view(term) != "dumb";
    }

    void run_begins(const RunRequest& request) override {
        const schemas::Probe& probe = *request.probe;
        std::cout << fmt::format("{}{}/{}  {}{}, from {}, time-out {}\n", first_ ? "" : "\n",
                                 request.definition->service.id, probe.id, to_string(probe.level),
                                 request.target.empty() ? "" : " at " + request.target, request.location,
                                 plain(probe.timeout))
                  << std::flush;
        first_ = false;
    }

    void pausing(const Step& step, Duration pause) override {
        transient(fmt::format("  pause {} before {}", plain(pause), step.label));
    }

    void starting(const Step& step) override { transient(fmt::format("  ... {}", step.label)); }

    void ended(const StepView& view) override {
        const schemas::StepResult& result = view.result;
        clear();
        if (result.think > Duration::zero()) {
            std::cout << faint(fmt::format("  {:<12} {:>10}", "pause", plain(result.think))) << '\n';
        }
        std::string parts;
        for (const schemas::Timing& timing : result.timings) {
            parts += fmt::format("{}{} {}", parts.empty() ? "   " : ", ", timing.name, plain(timing.took));
        }
        std::cout << fmt::format("  {} {:>10}  {}{}\n", verdict_word(result.verdict, 12), plain(result.response),
                                 named(view), faint(parts));
        for (const std::string& line : view.transcript) {
            std::cout << faint("                 > " + tidy_sentence(line, longest_shown)) << '\n';
        }
        for (const StepView::Shown& output : view.outputs) {
            const std::string text = tidy_sentence(to_text(output.value, output.type), longest_shown);
            // The parts of the response time stand in the line above.
            if (!text.empty() && !output.name.starts_with("time.")) {
                std::cout << fmt::format("                 {} = {}\n", output.name, text);
            }
        }
        if (view.work > 0 || view.users > 0) {
            std::cout << fmt::format("                 {} units of work by {} users\n", view.work, view.users);
        }
        if (!result.reason.empty()) {
            std::cout << fmt::format("                 {}\n", result.reason);
        }
        std::cout << std::flush;
    }

    void skipped(const Step& step, std::string_view why) override {
        clear();
        std::cout << faint(fmt::format("  {:<12} {:>10}  {} ({})", "skipped", "", step.label, why)) << '\n';
    }

    void run_ended(const RunResult& result) override {
        clear();
        std::cout << fmt::format("  {}: response {}, {} with pauses{}\n", verdict_word(result.verdict, 0),
                                 plain(result.response), plain(result.length),
                                 result.reason.empty() ? "" : "\n  " + result.reason)
                  << std::flush;
    }

    void finish() override {}

private:
    static std::string named(const StepView& view) {
        return view.step.label == view.step.operation ? view.step.label
                                                      : fmt::format("{} ({})", view.step.label, view.step.operation);
    }

    // A line that the next one replaces; only a terminal can do that.
    void transient(const std::string& text) {
        if (terminal_) {
            clear();
            std::cout << text << std::flush;
            transient_ = true;
        }
    }

    void clear() {
        if (transient_) {
            std::cout << "\r\x1b[K";
            transient_ = false;
        }
    }

    [[nodiscard]] std::string faint(const std::string& text) const {
        return colours_ && !text.empty() ? "\x1b[2m" + text + "\x1b[0m" : text;
    }

    // Colour only underlines what the word says.
    [[nodiscard]] std::string verdict_word(Verdict verdict, int width) const {
        const std::string word = fmt::format("{:<{}}", to_string(verdict), width);
        if (!colours_) {
            return word;
        }
        const int status = exit_status(verdict);
        return fmt::format("\x1b[1;{}m{}\x1b[0m", status == 0 ? 32 : status == 1 ? 33 : status == 2 ? 31 : 35, word);
    }

    bool terminal_;
    bool colours_ = false;
    bool transient_ = false;
    bool first_ = true;
};

class JsonView final : public TryView {
public:
    void run_begins(const RunRequest& /*request*/) override { steps_ = nlohmann::json::array(); }

    void ended(const StepView& view) override {
        const schemas::StepResult& result = view.result;
        nlohmann::json step{{"name", result.name},
                            {"operation", result.operation},
                            {"verdict", to_string(result.verdict)},
                            {"reason", result.reason},
                            {"offset_ms", schemas::to_milliseconds(result.offset)},
                            {"think_ms", schemas::to_milliseconds(result.think)},
                            {"response_ms", schemas::to_milliseconds(result.response)},
                            {"timings_ms", nlohmann::json::object()},
                            {"outputs", nlohmann::json::object()},
                            {"transcript", view.transcript}};
        for (const schemas::Timing& timing : result.timings) {
            step["timings_ms"][timing.name] = schemas::to_milliseconds(timing.took);
        }
        for (const StepView::Shown& output : view.outputs) {
            std::visit([&](const auto& value) { step["outputs"][output.name] = value; }, output.value);
        }
        steps_.push_back(std::move(step));
    }

    void skipped(const Step& step, std::string_view why) override {
        steps_.push_back({{"name", step.label}, {"operation", step.operation}, {"skipped", why}});
    }

    void run_ended(const RunResult& result) override {
        nlohmann::json run{{"service", result.key.service},
                           {"probe", result.key.probe},
                           {"target", result.key.target},
                           {"location", result.key.location},
                           {"started", schemas::to_rfc3339(result.started)},
                           {"verdict", to_string(result.verdict)},
                           {"reason", result.reason},
                           {"response_ms", schemas::to_milliseconds(result.response)},
                           {"length_ms", schemas::to_milliseconds(result.length)},
                           {"steps", std::move(steps_)}};
        if (result.work_span > Duration::zero() || result.work > 0) {
            run["work"] = result.work;
            run["users"] = result.users.size();
        }
        runs_.push_back(std::move(run));
        if (exit_status(result.verdict) > exit_status(worst_)) {
            worst_ = result.verdict;
        }
    }

    void finish() override {
        const nlohmann::json out{{"verdict", to_string(worst_)}, {"runs", std::move(runs_)}};
        std::cout << out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    }

private:
    nlohmann::json steps_ = nlohmann::json::array();
    nlohmann::json runs_ = nlohmann::json::array();
    Verdict worst_ = Verdict::ok;
};

}  // namespace

std::unique_ptr<TryView> make_text_view() {
    return std::make_unique<TextView>();
}
std::unique_ptr<TryView> make_json_view() {
    return std::make_unique<JsonView>();
}

int exit_status(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok: return 0;
        case Verdict::slow: return 1;
        case Verdict::failed:
        case Verdict::timeout: return 2;
        case Verdict::prober_fault:
        case Verdict::not_run: return 3;
    }
    return 3;
}

}  // namespace slimtax::prober
