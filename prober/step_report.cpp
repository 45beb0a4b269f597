#include "prober/step_report.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "prober/text.hpp"

namespace slimtax::prober {

void add_up(probes::StepReport before, probes::StepReport& report) {
    for (const schemas::Timing& timing : report.timings) {
        const auto same = std::ranges::find(before.timings, timing.name, &schemas::Timing::name);
        if (same != before.timings.end()) {
            same->took += timing.took;
        } else {
            before.timings.push_back(timing);
        }
    }
    report.timings = std::move(before.timings);
    before.transcript.insert(before.transcript.end(), report.transcript.begin(), report.transcript.end());
    report.transcript = std::move(before.transcript);
    report.work += before.work;
    report.work_span = std::max(report.work_span, before.work_span);
    report.users.insert(report.users.end(), before.users.begin(), before.users.end());
}

void offer_timings(probes::StepReport& report) {
    for (const schemas::Timing& timing : report.timings) {
        const std::string name = "time." + timing.name;
        if (report.outputs.find(name) == nullptr) {
            report.outputs.set(name, schemas::to_seconds(timing.took));
        }
    }
}

std::string to_text(const schemas::OutputValue& value, schemas::OutputType type) {
    if (const auto* text = std::get_if<std::string>(&value)) {
        return *text;
    }
    if (const auto* flag = std::get_if<bool>(&value)) {
        return *flag ? "true" : "false";
    }
    const double number = std::get<double>(value);
    return type == schemas::OutputType::duration ? plain(schemas::Duration(static_cast<std::int64_t>(number * 1e6)))
                                                 : fmt::format("{}", number);
}

std::optional<std::string> save_values(const schemas::Step& step, const schemas::Outputs& outputs,
                                       const schemas::ValueOf& value_of, std::map<std::string, std::string>& saved) {
    for (const schemas::Save& wanted : step.save) {
        tl::expected<schemas::OutputValue, std::string> value;
        if (wanted.function) {
            value = value_of(*wanted.function);
        } else if (const schemas::OutputValue* output = outputs.find(wanted.output)) {
            value = *output;
        } else {
            value = tl::unexpected(fmt::format("there is no '{}'", wanted.output));
        }
        if (!value) {
            return fmt::format("nothing to save as '{}': {}", wanted.name, value.error());
        }
        std::string text = to_text(*value, schemas::OutputType::number);
        if (wanted.match) {
            const auto groups = wanted.match->match(text);
            if (!groups) {
                return fmt::format("'{}' holds nothing to save as '{}': no match for {}", wanted.output, wanted.name,
                                   wanted.match->text());
            }
            text = std::string(groups->size() > 1 ? (*groups)[1] : groups->front());
        }
        saved[wanted.name] = std::move(text);
    }
    return std::nullopt;
}

}  // namespace slimtax::prober
