#include "prober/commands/try_view.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "prober/commands/advice.hpp"
#include "prober/commands/timeline.hpp"
#include "prober/text.hpp"
#include "probes/io/loop.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::prober {
namespace {

using schemas::Duration;
using schemas::RunResult;
using schemas::Step;
using schemas::Verdict;

constexpr std::size_t longest_shown = 160;  // of an output or a transcript's line, in text

// Zeros when it does not say.
winsize terminal_size() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size : winsize{};
}

// One less than there are: a full line makes some terminals go on to the next.
std::size_t terminal_columns() {
    const winsize size = terminal_size();
    return size.ws_col > 0 ? size.ws_col - 1U : 79;
}

class TextView final : public TryView {
public:
    TextView() {
        const char* no_color = std::getenv("NO_COLOR");
        const char* term = std::getenv("TERM");
        terminal_ = ::isatty(STDOUT_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
        colours_ = terminal_ && (no_color == nullptr || *no_color == '\0');
    }

    void run_begins(const RunRequest& request) override {
        const schemas::Probe& probe = *request.probe;
        std::cout << fmt::format("{}{}/{}  {}{}, from {}, time-out {}\n", first_ ? "" : "\n",
                                 request.definition->service.id, probe.id, to_string(probe.level),
                                 request.target.empty() ? "" : " at " + request.target, request.location,
                                 plain(probe.timeout))
                  << std::flush;
        first_ = false;
        begun_ = probes::Loop::now();
        drawn_ = 0;
        details_.clear();
        rows_.clear();
        steps_.clear();
        for (const Step& step : probe.steps) {
            steps_.push_back(&step);
            rows_.push_back({tidy_sentence(step.label), State::waiting, Verdict::ok, {}, {}, {}, {}, {}});
        }
        tick();
    }

    void tick() override {
        if (terminal_) {
            take_in_progress();
            draw(elapsed());
        }
    }

    void pausing(const Step& step, Duration /*pause*/) override {
        TimelineRow& row = row_of(step);
        row.state = State::pausing;
        row.pause_at = elapsed();
        tick();
    }

    void starting(const Step& step) override {
        TimelineRow& row = row_of(step);
        end_pause(row);
        row.state = State::running;
        row.at = elapsed();
        tick();
    }

    void working(const Step& step, const probes::StepReport& so_far) override {
        under_way_ = &step;
        report_ = &so_far;
    }

    void ended(const StepView& view) override {
        report_ = nullptr;
        const schemas::StepResult& result = view.result;
        TimelineRow& row = row_of(view.step);
        end_pause(row);
        if (row.state != State::running) {  // it never came to its operation
            row.at = elapsed();
        }
        row.state = State::done;
        row.verdict = result.verdict;
        row.took = result.response;
        row.parts = result.timings;
        tell(described(view));
    }

    void skipped(const Step& step, std::string_view why) override {
        report_ = nullptr;
        row_of(step).state = State::skipped;
        tell(faint(fmt::format("  {:<12} {:>10}  {} ({})", "skipped", "", tidy_sentence(step.label), why)) + "\n");
    }

    void run_ended(const RunResult& result) override {
        if (terminal_) {
            draw(result.length);
            std::cout << '\n' << details_;
        }
        std::cout << fmt::format("  {}: response {}, {} in all{}\n", verdict_word(result.verdict, 0),
                                 plain(result.response), plain(result.length),
                                 result.reason.empty() ? "" : "\n  " + result.reason)
                  << std::flush;
    }

    void collected(const Collected& indicator, const std::string& /*source*/) override {
        const RunResult& result = indicator.result;
        std::cout << fmt::format(
            "  {} feeds {}{}{}\n", verdict_word(result.verdict, 12), result.key.probe,
            indicator.value.empty() ? "" : " = " + tidy_sentence(indicator.value, longest_shown),
            result.work_span > Duration::zero() ? fmt::format(", {} units of work", result.work) : "");
        if (!result.reason.empty()) {
            std::cout << fmt::format("                 {}\n", result.reason);
        }
        std::cout << std::flush;
    }

    void finish() override {}

private:
    using State = TimelineRow::State;

    [[nodiscard]] Duration elapsed() const {
        return std::chrono::duration_cast<Duration>(probes::Loop::now() - begun_);
    }

    TimelineRow& row_of(const Step& step) {
        const auto it = std::ranges::find(steps_, &step);
        if (it != steps_.end()) {
            return rows_[static_cast<std::size_t>(it - steps_.begin())];
        }
        steps_.push_back(&step);
        rows_.push_back({tidy_sentence(step.label), State::waiting, Verdict::ok, {}, {}, {}, {}, {}});
        return rows_.back();
    }

    void end_pause(TimelineRow& row) const {
        if (row.state == State::pausing) {
            row.pause = elapsed() - row.pause_at;
        }
    }

    // The parts that the operation has finished so far.
    void take_in_progress() {
        if (report_ != nullptr) {
            row_of(*under_way_).parts = report_->timings;
        }
    }

    // Over what was drawn before, line by line; a terminal that is too low sees the last of them.
    void draw(Duration now) {
        const winsize size = terminal_size();
        const std::size_t height = size.ws_row > 2 ? size.ws_row - 2U : 22;
        const auto lines = timeline(rows_, now, terminal_columns(), colours_);
        std::string text = drawn_ > 0 ? fmt::format("\x1b[{}A", drawn_) : "";
        const std::size_t first = lines.size() > height ? lines.size() - height : 0;
        for (std::size_t i = first; i < lines.size(); ++i) {
            text += "\r" + lines[i] + "\x1b[K\n";
        }
        drawn_ = lines.size() - first;
        std::cout << text << std::flush;
    }

    // At once, or below the time-line when that is complete.
    void tell(const std::string& text) {
        if (terminal_) {
            details_ += text;
            tick();
        } else {
            std::cout << text << std::flush;
        }
    }

    [[nodiscard]] std::string described(const StepView& view) const {
        const schemas::StepResult& result = view.result;
        std::string text;
        if (result.think > Duration::zero()) {
            text += faint(fmt::format("  {:<12} {:>10}", "pause", plain(result.think))) + "\n";
        }
        std::string parts;
        for (const schemas::Timing& timing : result.timings) {
            parts += fmt::format("{}{} {}", parts.empty() ? "   " : ", ", timing.name, plain(timing.took));
        }
        text += fmt::format("  {} {:>10}  {}{}\n", verdict_word(result.verdict, 12), plain(result.response),
                            named(view), faint(parts));
        for (const std::string& line : view.transcript) {
            text += faint("                 > " + tidy_sentence(line, longest_shown)) + "\n";
        }
        for (const schemas::Figure& figure : result.figures) {
            // A plugin's "MB" or "%" stands as it wrote it; the words of a counter do not stick to the number.
            const std::string_view gap = figure.unit.size() > 2 ? " " : "";
            text += fmt::format("                 {}: {}{}{}\n", figure.name, figure.value, gap, figure.unit);
        }
        for (const StepView::Shown& output : view.outputs) {
            const std::string value = tidy_sentence(to_text(output.value, output.type), longest_shown);
            // The parts of the response time stand in the line above.
            if (!value.empty() && !output.name.starts_with("time.")) {
                text += fmt::format("                 {} = {}\n", output.name, value);
            }
        }
        if (view.work > 0 || view.users > 0) {
            text += fmt::format("                 {} units of work by {} users\n", view.work, view.users);
        }
        if (!result.reason.empty()) {
            text += paragraph(result.reason);
        }
        if (const std::string advice = advice_for(result.verdict, result.operation, result.reason); !advice.empty()) {
            text += paragraph("What next: " + advice);
        }
        return text;
    }

    // Below a step's verdict; a terminal's lines break between words, others stay whole for whatever reads them.
    [[nodiscard]] std::string paragraph(std::string_view sentence) const {
        constexpr std::size_t indent = 17;
        const std::size_t columns = terminal_ ? std::max(terminal_columns(), indent + 20) : std::string_view::npos;
        std::string text(indent, ' ');
        std::size_t column = indent;
        while (!sentence.empty()) {
            const std::size_t end = std::min(sentence.find(' '), sentence.size());
            const std::size_t wide = schemas::count_code_points(sentence.substr(0, end));
            if (column > indent && column + 1 + wide > columns) {
                text += "\n" + std::string(indent, ' ');
                column = indent;
            }
            text += column > indent ? " " : "";
            text += sentence.substr(0, end);
            column += wide + (column > indent ? 1 : 0);
            sentence.remove_prefix(std::min(end + 1, sentence.size()));
        }
        return text + "\n";
    }

    static std::string named(const StepView& view) {
        return view.step.label == view.step.operation
                   ? view.step.label
                   : fmt::format("{} ({})", tidy_sentence(view.step.label), view.step.operation);
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
    bool first_ = true;
    probes::TimePoint begun_{};
    std::vector<const Step*> steps_;
    std::vector<TimelineRow> rows_;  // as many as steps_
    const Step* under_way_ = nullptr;
    const probes::StepReport* report_ = nullptr;  // of the step under way; null: none is
    std::size_t drawn_ = 0;                       // lines of the time-line that stand on the terminal
    std::string details_;
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
                            {"advice", advice_for(result.verdict, result.operation, result.reason)},
                            {"offset_ms", schemas::to_milliseconds(result.offset)},
                            {"think_ms", schemas::to_milliseconds(result.think)},
                            {"response_ms", schemas::to_milliseconds(result.response)},
                            {"timings_ms", nlohmann::json::object()},
                            {"outputs", nlohmann::json::object()},
                            {"transcript", view.transcript}};
        for (const schemas::Timing& timing : result.timings) {
            step["timings_ms"][timing.name] = schemas::to_milliseconds(timing.took);
        }
        for (const schemas::Figure& figure : result.figures) {
            step["figures"].push_back({{"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}});
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

    void collected(const Collected& indicator, const std::string& source) override {
        const RunResult& result = indicator.result;
        nlohmann::json run{
            {"service", result.key.service}, {"probe", result.key.probe},       {"fed_by", source},
            {"target", result.key.target},   {"location", result.key.location}, {"verdict", to_string(result.verdict)},
            {"reason", result.reason},       {"value", indicator.value}};
        if (result.work_span > Duration::zero()) {
            run["work"] = result.work;
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
