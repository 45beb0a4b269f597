#include "prober/script.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "prober/parameters.hpp"
#include "prober/text.hpp"
#include "probes/extract.hpp"
#include "probes/io/engine.hpp"
#include "probes/io/loop.hpp"

namespace slimtax::prober {
namespace {

using probes::Loop;
using probes::Outcome;
using probes::Task;
using probes::TimePoint;
using schemas::Duration;
using schemas::Step;
using schemas::StepResult;
using schemas::Verdict;

// From here on a step's time is not worth believing: the process itself stood still for so long.
constexpr Duration stall_limit = std::chrono::seconds(1);

// When this prober was overloaded for a quarter of the time that a step had, the service may have kept its promise.
constexpr int overload_share = 4;

std::string overload_reason(const Step& step, Duration overloaded) {
    return fmt::format(
        "this prober was overloaded for {} during '{}', so its outcome says nothing: spread the probes over more "
        "probers "
        "or run them less often",
        plain(overloaded), step.label);
}

Duration since(TimePoint start) {
    return std::chrono::duration_cast<Duration>(Loop::now() - start);
}

bool completed(Verdict verdict) {
    return verdict == Verdict::ok || verdict == Verdict::slow;
}

// One execution. Lives in run_script's frame.
class Script {
public:
    Script(ScriptEnvironment& environment, RunRequest request, probes::Memory& memory, ScriptWatcher* watcher)
        : environment_(environment),
          request_(std::move(request)),
          probe_(*request_.probe),
          memory_(memory),
          watcher_(watcher),
          collector_(request_),
          begun_(Loop::now()),
          run_deadline_(begun_ + probe_.timeout) {
        result_.key = request_.key();
        result_.intended = request_.intended;
        result_.started = request_.started;
        result_.every = probe_.every;
    }

    Task<schemas::RunResult> run() {
        for (const Step& step : probe_.steps) {
            if (!completed(result_.verdict) && !step.always) {
                watch_skip(step, "an earlier step failed");
                continue;
            }
            if (const auto why = left_out(step)) {
                watch_skip(step, *why);
                continue;
            }
            co_await run_step(step);
        }
        result_.length = since(begun_);
        for (const auto& [user, units] : users_) {
            result_.users.push_back({environment_.pseudonyms.of(user), units});
        }
        co_return std::move(result_);
    }

    // After `run`: what it feeds.
    std::vector<Collected> collect(const schemas::RunResult& result) {
        std::vector<Collected> all = collector_.results(result, memory_);
        for (Collected& one : all) {
            one.result.reason = tidy_sentence(environment_.redact(one.result.reason));
            one.value = tidy_sentence(environment_.redact(one.value));
        }
        return all;
    }

private:
    // How a step went, before the script judges it.
    struct Attempt {
        Outcome outcome;
        probes::StepReport report;
        const schemas::OperationInfo* info = nullptr;
        bool skipped = false;
        Duration overloaded{};  ///< while the step ran: so much of its time may be ours
    };

    // Why `when` leaves a step out, or nothing.
    [[nodiscard]] std::optional<std::string> left_out(const Step& step) const {
        if (!step.when) {
            return std::nullopt;
        }
        schemas::Outputs known;
        known.set("target", request_.target);
        known.set("location", request_.location);
        for (const auto& [name, value] : saved_) {
            known.set("save." + name, value);
        }
        const auto why = step.when->violated_by(known);
        return why ? std::optional(tidy_sentence(environment_.redact(*why))) : std::nullopt;
    }

    Task<> run_step(const Step& step) {
        StepResult entry;
        entry.name = step.label;
        entry.operation = step.operation;
        Attempt attempt;
        if (completed(result_.verdict)) {
            co_await pause_before(step, entry);
        }
        if (stopping()) {
            attempt.outcome = {Verdict::not_run, "the prober was stopped"};
        } else if (!step.always && Loop::now() >= run_deadline_) {
            attempt.outcome = Outcome::timeout(
                fmt::format("the run's time-out of {} passed {} '{}'", plain(probe_.timeout),
                            entry.think > Duration::zero() ? "in the pause before" : "before", step.label));
        } else {
            co_await attempt_step(step, entry, attempt);
        }
        if (attempt.skipped) {
            watch_skip(step, attempt.outcome.reason);
            co_return;
        }
        take_in(step, std::move(entry), attempt);
    }

    Task<> pause_before(const Step& step, StepResult& entry) {
        const auto& think = step.think ? step.think : probe_.think;
        if (!think || think->most <= Duration::zero()) {
            co_return;
        }
        const auto spread = static_cast<double>((think->most - think->least).count());
        const Duration pause = think->least + Duration(static_cast<std::int64_t>(spread * environment_.random()));
        if (watcher_ != nullptr) {
            watcher_->pausing(step, pause);
        }
        const TimePoint start = Loop::now();
        const TimePoint end = step.always ? start + pause : std::min(start + pause, run_deadline_);
        co_await environment_.engine.loop().sleep_until(end);
        entry.think = since(start);
    }

    Task<> attempt_step(const Step& step, StepResult& entry, Attempt& attempt) {
        const probes::Operation* operation = environment_.find_operation(step.operation);
        if (operation == nullptr) {
            attempt.outcome = Outcome::fault(fmt::format("this prober knows no operation '{}'", step.operation));
            co_return;
        }
        attempt.info = &operation->info;
        try {
            const ExpansionSources sources{request_.target, request_.location, &saved_, &environment_.secret};
            auto expanded = expand_parameters(step, operation->info, sources);
            if (!expanded) {
                attempt.outcome =
                    Outcome::fault(fmt::format("'{}' cannot start: {}", step.label, expanded.error().reason));
                // What only cleans up has nothing to clean up when the step that it leans on never came so far.
                attempt.skipped = expanded.error().saved_missing && !completed(result_.verdict);
                co_return;
            }
            const auto arguments = read_arguments(step, operation->info, *expanded, attempt.outcome);
            if (!arguments) {
                co_return;
            }
            if (watcher_ != nullptr) {
                watcher_->starting(step);
                watcher_->working(step, attempt.report);
            }
            co_await call_repeatedly(step, *operation, *arguments, entry, attempt);
        } catch (const std::exception& error) {
            attempt.outcome = Outcome::fault(fmt::format("{} broke on our side: {}", step.operation, error.what()));
        } catch (...) {
            attempt.outcome = Outcome::fault(fmt::format("{} broke on our side", step.operation));
        }
    }

    // What an operation cannot use is the service's failure when it came from its own answer.
    static std::optional<probes::Arguments> read_arguments(const Step& step, const schemas::OperationInfo& info,
                                                           ExpandedParameters& expanded, Outcome& outcome) {
        try {
            return probes::Arguments(info, step.parameters, std::move(expanded.values));
        } catch (const std::invalid_argument& error) {
            outcome = {expanded.from_saved ? Verdict::failed : Verdict::prober_fault,
                       fmt::format("'{}' cannot start: {}", step.label, error.what())};
            return std::nullopt;
        }
    }

    // Each time has the step's time-out, all have the run's; steps that always run have theirs for all times.
    Task<> call_repeatedly(const Step& step, const probes::Operation& operation, const probes::Arguments& arguments,
                           StepResult& entry, Attempt& attempt) {
        static const schemas::Repeat once;
        const schemas::Repeat& repeat = step.repeat ? *step.repeat : once;
        const TimePoint first = Loop::now();
        entry.offset = std::chrono::duration_cast<Duration>(first - begun_);
        std::string slow;  // why one of several times was
        for (int time = 1;; ++time) {
            const TimePoint start = time == 1 ? first : Loop::now();
            probes::StepReport before = std::exchange(attempt.report, {});
            attempt.report.keeps_notes = watcher_ != nullptr;
            co_await call(step, operation, arguments, start, deadline_of(step, step.always ? first : start), entry,
                          attempt);
            add_up(std::move(before), attempt.report);
            if (!completed(attempt.outcome.verdict)) {
                co_return;
            }
            offer_timings(attempt.report);
            if (attempt.outcome.verdict == Verdict::slow && !repeat.until && slow.empty()) {
                slow = attempt.outcome.reason;
            }
            const auto open = judge(step, repeat, time, attempt);
            if (!open && attempt.outcome.verdict == Verdict::ok && !slow.empty()) {
                attempt.outcome = {Verdict::slow, slow};
            }
            if (!completed(attempt.outcome.verdict) || !open) {
                co_return;
            }
            co_await pause_until(step, start + repeat.every, step.always ? deadline_of(step, first) : run_deadline_,
                                 *open, entry, attempt);
            if (!completed(attempt.outcome.verdict)) {
                co_return;
            }
        }
    }

    Task<> call(const Step& step, const probes::Operation& operation, const probes::Arguments& arguments,
                TimePoint start, TimePoint deadline, StepResult& entry, Attempt& attempt) {
        const Duration still_before = stood_still();
        const Duration overload_before = overloaded();
        probes::StepContext context{environment_.engine,
                                    arguments,
                                    deadline,
                                    session_,
                                    memory_,
                                    attempt.report,
                                    request_.target,
                                    request_.started + std::chrono::duration_cast<Duration>(start - begun_)};
        try {
            attempt.outcome = co_await operation.run(context);
        } catch (const std::exception& error) {
            attempt.outcome = Outcome::fault(fmt::format("{} broke on our side: {}", step.operation, error.what()));
        }
        entry.response += attempt.report.measured.value_or(since(start));
        const Duration still = stood_still() - still_before;
        const Duration overload = overloaded() - overload_before;
        attempt.overloaded += overload;
        if (stopping() && attempt.outcome.verdict != Verdict::ok) {
            attempt.outcome = {Verdict::not_run, fmt::format("the prober was stopped during '{}'", step.label)};
        } else if (still >= stall_limit) {
            attempt.outcome = Outcome::fault(fmt::format(
                "this prober stood still for {} during '{}', so its outcome says nothing", plain(still), step.label));
        } else if (attempt.outcome.verdict == Verdict::timeout &&
                   overload * overload_share >= std::chrono::duration_cast<Duration>(deadline - start)) {
            attempt.outcome = Outcome::fault(overload_reason(step, overload));
        } else if (attempt.outcome.verdict == Verdict::timeout && deadline == run_deadline_) {
            attempt.outcome.reason = fmt::format("the run's time-out of {} passed during '{}': {}",
                                                 plain(probe_.timeout), step.label, attempt.outcome.reason);
        }
    }

    // Judges one time. What is still open when the step needs another, or nothing when it is done.
    std::optional<std::string> judge(const Step& step, const schemas::Repeat& repeat, int time, Attempt& attempt) {
        const schemas::Outputs& outputs = attempt.report.outputs;
        const auto value_of = [&](const schemas::Extraction& what) {
            return probes::extract(what, *attempt.info, outputs);
        };
        if (repeat.until) {
            if (const auto open = repeat.until->violated_by(outputs, value_of)) {
                if (time < repeat.times) {
                    return open;
                }
                attempt.outcome = Outcome::failed(fmt::format("{}: after {} times still {}", named(step), time, *open));
                return std::nullopt;
            }
        }
        for (auto& [name, value] : attempt.report.saved) {
            saved_[name] = std::move(value);
        }
        if (const auto trouble = save_values(step, outputs, value_of, saved_)) {
            attempt.outcome = Outcome::failed(fmt::format("{}: {}", named(step), *trouble));
        } else if (const auto violation = step.expect ? step.expect->violated_by(outputs, value_of) : std::nullopt) {
            attempt.outcome = Outcome::failed(fmt::format("{}: {}", named(step), *violation));
        } else if (!repeat.until && time < repeat.times) {
            return "";
        }
        return std::nullopt;
    }

    // The pause before the next time. Who waits for something waits through it: then it is response time.
    Task<> pause_until(const Step& step, TimePoint next, TimePoint limit, const std::string& open, StepResult& entry,
                       Attempt& attempt) {
        const TimePoint start = Loop::now();
        if (next > start) {
            co_await environment_.engine.loop().sleep_until(std::min(next, limit));
        }
        if (step.repeat->until && next > start) {
            entry.response += since(start);
            probes::StepReport pause;
            pause.timing("pause", since(start));
            add_up(std::move(pause), attempt.report);
        }
        if (stopping()) {
            attempt.outcome = {Verdict::not_run, fmt::format("the prober was stopped during '{}'", step.label)};
        } else if (Loop::now() >= limit) {
            attempt.outcome = Outcome::timeout(fmt::format(
                "{} passed during '{}'{}{}",
                step.always ? "its time-out" : fmt::format("the run's time-out of {}", plain(probe_.timeout)),
                step.label, open.empty() ? "" : ": still ", open));
        }
    }

    [[nodiscard]] TimePoint deadline_of(const Step& step, TimePoint start) const {
        if (step.always) {
            return start + step.timeout.value_or(always_allowance);
        }
        return step.timeout ? std::min(start + *step.timeout, run_deadline_) : run_deadline_;
    }

    // Judges what the operation left to the script, and books it.
    void take_in(const Step& step, StepResult entry, Attempt& attempt) {
        probes::StepReport& report = attempt.report;
        Outcome& outcome = attempt.outcome;
        if (outcome.verdict == Verdict::ok && step.within && entry.response > *step.within) {
            const bool ours = entry.response - attempt.overloaded <= *step.within;
            outcome = ours ? Outcome::fault(overload_reason(step, attempt.overloaded))
                           : Outcome{Verdict::slow, fmt::format("{} took {}, longer than {}", named(step),
                                                                plain(entry.response), plain(*step.within))};
        }
        entry.verdict = outcome.verdict;
        entry.reason = outcome.verdict == Verdict::ok ? "" : tidy_sentence(environment_.redact(outcome.reason));
        if (outcome.verdict != Verdict::ok && entry.reason.empty()) {
            entry.reason = fmt::format("'{}' ended {} and gave no reason", step.label, to_string(outcome.verdict));
        }
        entry.timings = std::move(report.timings);
        entry.figures = std::move(report.figures);
        for (schemas::Figure& figure : entry.figures) {
            figure.name = environment_.redact(figure.name);
        }
        if (result_.verdict == Verdict::ok || (result_.verdict == Verdict::slow && !completed(entry.verdict))) {
            result_.verdict = entry.verdict;
            result_.reason = entry.reason;
        }
        if (completed(result_.verdict) && Loop::now() > run_deadline_ && step.always) {
            result_.verdict = Verdict::timeout;
            result_.reason =
                fmt::format("the run's time-out of {} passed during '{}'", plain(probe_.timeout), step.label);
        }
        result_.response += entry.response;
        take_in_work(report);
        result_.steps.push_back(std::move(entry));
        if (watcher_ != nullptr) {
            watch_end(step, attempt);
        }
        if (completed(result_.steps.back().verdict) && collector_.wants(step)) {
            collector_.take(step, *attempt.info, std::move(report.outputs));
        }
    }

    void take_in_work(const probes::StepReport& report) {
        result_.work += report.work;
        result_.work_span = std::max(result_.work_span, report.work_span);
        for (const auto& [user, units] : report.users) {
            users_[user] += units;
        }
    }

    void watch_end(const Step& step, Attempt& attempt) {
        StepView view{step, result_.steps.back(), {}, {}, attempt.report.work, attempt.report.users.size()};
        if (attempt.info != nullptr) {
            for (const schemas::Output& output : attempt.info->outputs) {
                if (const auto* value = attempt.report.outputs.find(output.name)) {
                    view.outputs.push_back({std::string(output.name), output.type, without_secrets(*value)});
                }
            }
        }
        for (const std::string& line : attempt.report.transcript) {
            view.transcript.push_back(tidy_sentence(environment_.redact(line)));
        }
        watcher_->ended(view);
    }

    [[nodiscard]] schemas::OutputValue without_secrets(const schemas::OutputValue& value) const {
        const auto* text = std::get_if<std::string>(&value);
        return text == nullptr ? value : schemas::OutputValue(environment_.redact(*text));
    }

    void watch_skip(const Step& step, std::string_view why) {
        if (watcher_ != nullptr) {
            watcher_->skipped(step, why);
        }
    }

    // "xmpp.roster at im1.campus.example"
    [[nodiscard]] std::string named(const Step& step) const {
        return request_.target.empty() ? step.label : fmt::format("{} at {}", step.label, request_.target);
    }

    [[nodiscard]] bool stopping() const { return environment_.stopping && environment_.stopping(); }
    [[nodiscard]] Duration overloaded() const {
        return environment_.overloaded ? environment_.overloaded() : Duration::zero();
    }
    [[nodiscard]] Duration stood_still() const {
        return environment_.stood_still ? environment_.stood_still() : Duration::zero();
    }

    ScriptEnvironment& environment_;
    RunRequest request_;
    const schemas::Probe& probe_;
    probes::Memory& memory_;
    ScriptWatcher* watcher_;
    Collector collector_;
    TimePoint begun_;
    TimePoint run_deadline_;
    schemas::RunResult result_;
    probes::Session session_;
    std::map<std::string, std::string> saved_;
    std::map<std::string, std::uint64_t> users_;
};

}  // namespace

Task<schemas::RunResult> run_script(ScriptEnvironment& environment, RunRequest request, probes::Memory& memory,
                                    ScriptWatcher* watcher, std::vector<Collected>* collected) {
    Script script(environment, std::move(request), memory, watcher);
    schemas::RunResult result = co_await script.run();
    if (collected != nullptr) {
        *collected = script.collect(result);
    }
    co_return result;
}

}  // namespace slimtax::prober
