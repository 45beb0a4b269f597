#include "reporter/metrics.hpp"

#include <fmt/format.h>

namespace slimtax::reporter {
namespace {

/// A label's value with `\`, `"` and line ends escaped.
std::string label_value(std::string_view value) {
    std::string text = "\"";
    for (const char c : value) {
        if (c == '\n') {
            text += "\\n";
        } else {
            if (c == '"' || c == '\\') {
                text += '\\';
            }
            text += c;
        }
    }
    return text + '"';
}

class Lines {
public:
    void head(std::string_view name, std::string_view type, std::string_view help) {
        text += fmt::format("# HELP slimtax_{0} {2}\n# TYPE slimtax_{0} {1}\n", name, type, help);
    }
    void one(std::string_view name, std::string_view labels, double value) {
        text += fmt::format("slimtax_{}{} {}\n", name, labels.empty() ? "" : fmt::format("{{{}}}", labels), value);
    }
    void alone(std::string_view name, std::string_view type, std::string_view help, double value) {
        head(name, type, help);
        one(name, "", value);
    }

    std::string text;
};

void write_objectives(Lines& lines, const Report& report) {
    const auto each = [&](std::string_view name, std::string_view help, auto value) {
        lines.head(name, "gauge", help);
        for (const ServiceReport& service : report.services) {
            for (const ObjectiveReport& objective : service.objectives) {
                lines.one(name,
                          fmt::format("service={},objective={},level={}", label_value(service.id),
                                      label_value(objective.id), label_value(to_string(objective.level))),
                          value(objective));
            }
        }
    };
    each("objective_up", "1 while the objective is up or degraded, 0 while it is down, -1 when it is not measured.",
         [](const ObjectiveReport& objective) {
             switch (objective.light) {
                 case schemas::Light::red: return 0.0;
                 case schemas::Light::grey: return -1.0;
                 default: return 1.0;
             }
         });
    each("objective_down_seconds", "Outage in this week so far, inside the window.",
         [](const ObjectiveReport& objective) {
             return schemas::to_seconds(objective.minutes[schemas::Booking::down]);
         });
    each("objective_budget_remaining", "What is left of the budget: minutes, or failed runs.",
         [](const ObjectiveReport& objective) { return objective.budget.remaining(); });
}

}  // namespace

std::string metrics_text(const Measured& measured) {
    Lines lines;
    const auto count = [](std::uint64_t value) { return static_cast<double>(value); };
    lines.alone("results_stored_total", "counter", "Results taken in.", count(measured.ingest.stored));
    lines.alone("results_repeated_total", "counter", "Results that were there already.",
                count(measured.ingest.repeated));
    lines.alone("batches_refused_total", "counter", "Batches that were answered 4xx.", count(measured.ingest.refused));
    lines.alone("batches_delayed_total", "counter", "Batches that the store could not write.",
                count(measured.ingest.delayed));
    lines.alone("store_writable", "gauge", "0 after the store could not write.", measured.ingest.trouble.empty());
    lines.alone("results_sealed_total", "counter", "Results moved into hourly blobs.", count(measured.sealed_rows));
    lines.head("prober_last_contact_seconds", "gauge", "When a prober's last batch came, Unix time; 0: not yet.");
    for (const auto& [name, contact] : measured.ingest.probers) {
        lines.one("prober_last_contact_seconds",
                  fmt::format("prober={},location={}", label_value(name), label_value(contact.location)),
                  schemas::to_seconds(contact.last.time_since_epoch()));
    }
    lines.alone("definitions_good", "gauge", "0 when the last load or reload of the definitions was refused.",
                measured.definitions_good);
    lines.alone("lights_fresh", "gauge", "0 when the lights could not be made anew.", measured.fresh);
    lines.alone("event_streams", "gauge", "Pages that listen for changes.", count(measured.event_streams));
    lines.alone("http_connections", "gauge", "Open connections.", count(measured.http.connections));
    lines.head("http_requests_total", "counter", "Answers by status.");
    for (const auto& [status, answers] : measured.http.by_status) {
        lines.one("http_requests_total", fmt::format("status=\"{}\"", status), count(answers));
    }
    write_objectives(lines, *measured.report);
    return std::move(lines.text);
}

}  // namespace slimtax::reporter
