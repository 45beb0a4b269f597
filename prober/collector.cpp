#include "prober/collector.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <sstream>

#include <fmt/format.h>
#include <tl/expected.hpp>

#include "prober/step_report.hpp"
#include "probes/extract.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::prober {
namespace {

using schemas::OutputValue;
using schemas::RunResult;
using schemas::Verdict;

bool completed(Verdict verdict) {
    return verdict == Verdict::ok || verdict == Verdict::slow;
}

std::optional<double> number_in(const OutputValue& value) {
    if (const auto* number = std::get_if<double>(&value)) {
        return *number;
    }
    const auto* text = std::get_if<std::string>(&value);
    double number = 0;
    if (text == nullptr) {
        return std::nullopt;
    }
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    return error == std::errc() && end == text->data() + text->size() ? std::optional(number) : std::nullopt;
}

struct Reading {
    double value = 0;
    schemas::Instant at;
};

std::optional<Reading> last_reading(const probes::Memory& memory, const std::string& name) {
    const auto text = memory.recall(name);
    if (!text) {
        return std::nullopt;
    }
    std::istringstream stream(*text);
    Reading reading;
    std::int64_t at = 0;
    if (!(stream >> reading.value >> at)) {
        return std::nullopt;
    }
    reading.at = schemas::Instant(schemas::Duration(at));
    return reading;
}

// The counter's growth since the last reading; all of it when it began anew. The first reading only remembers.
void count(double value, const std::string& name, probes::Memory& memory, RunResult& result) {
    const auto last = last_reading(memory, name);
    if (last && result.started <= last->at) {
        return;  // a run that was overtaken, or a clock that went back: nothing can be said of this time
    }
    memory.remember(name, fmt::format("{:.17g} {}", value, result.started.time_since_epoch().count()));
    if (last) {
        result.work = static_cast<std::uint64_t>(std::llround(value >= last->value ? value - last->value : value));
        result.work_span = result.started - last->at;
    }
}

}  // namespace

bool Collector::wants(const schemas::Step& step) const {
    return std::ranges::any_of(
        indicators_, [&step](const schemas::Probe* indicator) { return indicator->collect->step == step.label; });
}

void Collector::take(const schemas::Step& step, const schemas::OperationInfo& info, schemas::Outputs outputs) {
    taken_.insert_or_assign(step.label, Taken{&info, std::move(outputs)});
}

std::vector<Collected> Collector::results(const RunResult& source, probes::Memory& memory) {
    std::vector<Collected> all;
    for (const schemas::Probe* indicator : indicators_) {
        Collected collected;
        RunResult& result = collected.result;
        result.key = source.key;
        result.key.probe = indicator->id;
        result.intended = source.intended;
        result.started = source.started;
        result.every = source.every;
        result.length = source.length;
        result.response = source.response;
        if (!completed(source.verdict)) {
            result.verdict = source.verdict;
            result.reason = source.reason;
        } else {
            judge(*indicator, memory, collected);
        }
        all.push_back(std::move(collected));
    }
    return all;
}

void Collector::judge(const schemas::Probe& indicator, probes::Memory& memory, Collected& collected) {
    RunResult& result = collected.result;
    const schemas::Collect& collect = *indicator.collect;
    const auto it = taken_.find(collect.step);
    if (it == taken_.end()) {
        result.verdict = Verdict::not_run;
        result.reason = fmt::format("'{}' was left out of this run of {}", collect.step, collect.source);
        return;
    }
    const schemas::Outputs& outputs = it->second.outputs;
    const auto value_of = [&taken = it->second](const schemas::Extraction& what) {
        return probes::extract(what, *taken.info, taken.outputs);
    };
    const std::string where =
        request_.target.empty() ? indicator.title : fmt::format("{} at {}", indicator.title, request_.target);
    const auto fail = [&](std::string_view why) {
        result.verdict = Verdict::failed;
        result.reason = fmt::format("{}: {}", where, why);
    };
    tl::expected<OutputValue, std::string> value = tl::unexpected(fmt::format("there is no '{}'", collect.value));
    if (collect.function) {
        value = value_of(*collect.function);
    } else if (const OutputValue* output = outputs.find(collect.value)) {
        value = *output;
    }
    if (!value) {
        return fail(value.error());
    }
    collected.value = to_text(*value, schemas::OutputType::number);
    schemas::Outputs seen = outputs;
    seen.set("value", *value);
    if (const auto violation = collect.expect ? collect.expect->violated_by(seen, value_of) : std::nullopt) {
        return fail(*violation);
    }
    if (collect.counter) {
        const auto number = number_in(*value);
        if (!number || !std::isfinite(*number) || *number < 0 || *number > 1e18) {
            return fail(fmt::format("a counter is a number from 0, but {} is {}", collect.value,
                                    number ? fmt::format("{}", *number) : "something else"));
        }
        count(*number, "collect." + indicator.id, memory, result);
    }
    if (collect.slow_when && !collect.slow_when->violated_by(seen, value_of)) {
        const auto number = number_in(*value);
        result.verdict = Verdict::slow;
        result.reason = fmt::format("{}: {}{}", where, collect.slow_when->text(),
                                    number ? fmt::format(" (value is {})", *number) : "");
    }
}

}  // namespace slimtax::prober
