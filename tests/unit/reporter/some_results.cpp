#include "some_results.hpp"

#include <fmt/format.h>

namespace slimtax::reporter::testing {

using schemas::Duration;
using schemas::RunResult;
using schemas::StepResult;
using schemas::Verdict;

namespace {

std::uint64_t up_to(std::mt19937_64& dice, std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>(0, most)(dice);
}

Duration some_time(std::mt19937_64& dice) {
    // Of every magnitude, zero included.
    return Duration(static_cast<std::int64_t>(up_to(dice, 1ULL << up_to(dice, 36))) - 1 + 1);
}

std::string some_reason(std::mt19937_64& dice) {
    static const std::string reasons[] = {"", "LDAP bind to ldap1:389 refused: invalid credentials (49)",
                                          "no answer from web-1:443 within 10s", "ünïcode ✓", std::string(4096, 'x')};
    return reasons[up_to(dice, std::size(reasons) - 1)];
}

StepResult some_step(std::mt19937_64& dice) {
    StepResult step;
    step.name = up_to(dice, 1) == 0 ? "sign in" : "fetch the list";
    step.operation = up_to(dice, 3) == 0 ? "" : "http.get";
    step.verdict = static_cast<Verdict>(up_to(dice, 5));
    step.offset = some_time(dice);
    step.think = up_to(dice, 2) == 0 ? some_time(dice) : Duration::zero();
    step.response = some_time(dice);
    for (const char* name : {"lookup", "connect", "tls", "first_byte", "body"}) {
        if (up_to(dice, 2) > 0) {
            step.timings.push_back({name, some_time(dice)});
        }
    }
    step.reason = some_reason(dice);
    if (up_to(dice, 3) == 0) {
        for (const char* name : {"load1", "/var", "ünïcode ✓"}) {
            step.figures.push_back(
                {name, static_cast<double>(up_to(dice, 1'000'000)) / -7.0, name[0] == '/' ? "MB" : ""});
        }
    }
    return step;
}

}  // namespace

RunResult some_result(std::mt19937_64& dice, const schemas::SeriesKey& key, schemas::Instant intended) {
    RunResult run;
    run.key = key;
    run.intended = intended;
    run.started = intended + some_time(dice) - Duration(up_to(dice, 5'000'000));
    run.every = up_to(dice, 1) == 0 ? Duration(30'000'000) : some_time(dice);
    run.length = some_time(dice);
    run.response = some_time(dice);
    run.verdict = static_cast<Verdict>(up_to(dice, 5));
    run.reason = some_reason(dice);
    const std::uint64_t steps = up_to(dice, 4);
    for (std::uint64_t i = 0; i < steps; ++i) {
        run.steps.push_back(some_step(dice));
    }
    if (up_to(dice, 3) == 0) {
        run.work = up_to(dice, 100'000);
        run.work_span = some_time(dice);
        const std::uint64_t users = up_to(dice, 20);
        for (std::uint64_t i = 0; i < users; ++i) {
            run.users.push_back({fmt::format("{:08x}", up_to(dice, 1000)), up_to(dice, 1ULL << 40)});
        }
    }
    return run;
}

RunResult plain_result(const schemas::SeriesKey& key, schemas::Instant intended) {
    RunResult run;
    run.key = key;
    run.intended = run.started = intended;
    run.length = run.response = std::chrono::milliseconds(20);
    run.every = std::chrono::seconds(30);
    run.steps.push_back({"get", "http.get", Verdict::ok, {}, {}, run.response, {{"connect", Duration(300)}}, ""});
    return run;
}

std::string all_of(const RunResult& run) {
    const auto us = [](Duration duration) { return duration.count(); };
    std::string text =
        fmt::format("{} {} started {} every {} length {} response {} verdict {} reason '{}' work {} in {}",
                    schemas::to_string(run.key), us(run.intended.time_since_epoch()),
                    us(run.started.time_since_epoch()), us(run.every), us(run.length), us(run.response),
                    schemas::to_string(run.verdict), run.reason, run.work, us(run.work_span));
    for (const schemas::UserWork& user : run.users) {
        text += fmt::format(" user {} {}", user.user, user.units);
    }
    for (const StepResult& step : run.steps) {
        text += fmt::format("\n  step '{}' '{}' {} at {} think {} response {} reason '{}'", step.name, step.operation,
                            schemas::to_string(step.verdict), us(step.offset), us(step.think), us(step.response),
                            step.reason);
        for (const schemas::Timing& timing : step.timings) {
            text += fmt::format(" {} {}", timing.name, us(timing.took));
        }
        for (const schemas::Figure& figure : step.figures) {
            text += fmt::format(" {}={}{}", figure.name, figure.value, figure.unit);
        }
    }
    return text;
}

schemas::RunResult result_of(const schemas::SeriesKey& key, const Run& run) {
    schemas::RunResult result;
    result.key = key;
    result.intended = run.intended;
    result.started = run.started;
    result.every = run.every;
    result.length = run.length;
    result.response = run.response;
    result.verdict = run.verdict;
    result.reason = run.reason;
    result.work = run.work;
    result.work_span = run.work_span;
    return result;
}

}  // namespace slimtax::reporter::testing
