#include "reporter/metrics.hpp"

#include <fmt/format.h>

#include "schemas/words.hpp"

namespace slimtax::reporter {
namespace {

std::string escaped(std::string_view value) {
    std::string text;
    for (const char c : value) {
        if (c == '\\' || c == '"') {
            text += '\\';
        }
        text += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return text;
}

double seconds_since_1970(schemas::Instant instant) {
    return static_cast<double>(instant.time_since_epoch().count()) / 1e6;
}

void add_probers(MetricsText& out, const std::vector<ProberContact>& contacts) {
    struct Figure {
        std::string_view name;
        std::string_view help;
        std::uint64_t ProberContact::*count;
    };
    for (const Figure& figure : {
             Figure{"slimtax_batches_total", "Batches of results taken in.", &ProberContact::batches},
             Figure{"slimtax_results_stored_total", "Results taken in and kept.", &ProberContact::stored},
             Figure{"slimtax_results_repeated_total", "Results that were there already.", &ProberContact::repeated},
             Figure{"slimtax_batches_rejected_total", "Batches that were refused as bad.", &ProberContact::rejected},
         }) {
        out.metric(figure.name, "counter", figure.help);
        for (const ProberContact& contact : contacts) {
            out.sample({{"prober", contact.name}, {"location", contact.location}},
                       static_cast<double>(contact.*figure.count));
        }
    }
    out.metric("slimtax_prober_last_contact_timestamp_seconds", "gauge",
               "When a prober's last batch was stored; 0: never since the start.");
    for (const ProberContact& contact : contacts) {
        out.sample({{"prober", contact.name}, {"location", contact.location}},
                   contact.last ? seconds_since_1970(*contact.last) : 0);
    }
}

void add_mails(MetricsText& out, const std::vector<MailHealth>& mails) {
    struct Figure {
        std::string_view name;
        std::string_view type;
        std::string_view help;
        double (*value)(const MailHealth&);
    };
    static constexpr auto number = [](std::uint64_t count) { return static_cast<double>(count); };
    for (const Figure& figure : {
             Figure{"slimtax_mails_sent_total", "counter", "Reports that a mail server accepted, one a recipient.",
                    [](const MailHealth& mail) { return number(mail.sent); }},
             Figure{"slimtax_mails_failed_total", "counter", "Attempts at that which failed.",
                    [](const MailHealth& mail) { return number(mail.failed); }},
             Figure{"slimtax_mails_waiting", "gauge", "Reports that wait for an attempt.",
                    [](const MailHealth& mail) { return number(mail.figures.waiting); }},
             Figure{"slimtax_mails_uncertain", "gauge",
                    "Reports of which it is not known whether they arrived; they are not sent again by themselves.",
                    [](const MailHealth& mail) { return number(mail.figures.uncertain); }},
             Figure{"slimtax_mail_last_success_timestamp_seconds", "gauge",
                    "When a mail server last accepted a report; 0: never.",
                    [](const MailHealth& mail) {
                        const auto& last = mail.figures.last_accepted;
                        return last ? seconds_since_1970(*last) : 0;
                    }},
         }) {
        out.metric(figure.name, figure.type, figure.help);
        for (const MailHealth& mail : mails) {
            out.sample({{"list", mail.list}}, figure.value(mail));
        }
    }
}

void add_objectives(MetricsText& out, const Report& report) {
    const auto each = [&](const auto& take) {
        for (const ServiceReport& service : report.services) {
            for (const ObjectiveReport& objective : service.objectives) {
                take(service, objective);
            }
        }
    };
    out.metric("slimtax_light", "gauge", "1 for the light that an objective shows now.");
    each([&](const ServiceReport& service, const ObjectiveReport& objective) {
        out.sample({{"service", service.id},
                    {"objective", objective.id},
                    {"level", to_string(objective.level)},
                    {"light", to_string(objective.light)}},
                   1);
    });
    for (const bool allowed : {true, false}) {
        out.metric(allowed ? "slimtax_budget_allowed" : "slimtax_budget_spent", "gauge",
                   allowed ? "What the current week allows, in minutes of outage or in failed runs."
                           : "What of that is spent.");
        each([&](const ServiceReport& service, const ObjectiveReport& objective) {
            out.sample({{"service", service.id},
                        {"objective", objective.id},
                        {"level", to_string(objective.level)},
                        {"unit", objective.budget.in_failures ? "failures" : "minutes"}},
                       allowed ? objective.budget.allowed : objective.budget.spent);
        });
    }
}

}  // namespace

void MetricsText::metric(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void MetricsText::sample(const Labels& labels, double value) {
    text_ += name_;
    char before = '{';
    for (const auto& [key, label] : labels) {
        text_ += fmt::format("{}{}=\"{}\"", before, key, escaped(label));
        before = ',';
    }
    text_ += fmt::format("{} {}\n", labels.empty() ? "" : "}", value);
}

void MetricsText::single(std::string_view name, std::string_view type, std::string_view help, double value) {
    metric(name, type, help);
    sample({}, value);
}

std::string metrics_text(const ServerCounts& counts, const Ingest& ingest, const LiveReport& live,
                         const HttpServer& server, const EventHub& events, const std::vector<MailHealth>& mails) {
    MetricsText out;
    add_probers(out, ingest.contacts());
    out.single("slimtax_tokens_refused_total", "counter", "Requests whose token nobody has.",
               static_cast<double>(ingest.refused_tokens()));
    out.single("slimtax_undefined_series", "gauge", "Series that sent results without being defined.",
               static_cast<double>(ingest.undefined().size()));
    out.single("slimtax_sealed_rows_total", "counter", "Results packed into hours.",
               static_cast<double>(counts.sealed_rows));
    out.single("slimtax_seal_failed", "gauge", "1 when the newest attempt to pack hours failed.",
               counts.seal_failed ? 1 : 0);
    out.single("slimtax_reload_failed", "gauge", "1 when the newest reload was refused.", counts.reload_failed ? 1 : 0);
    out.single("slimtax_services", "gauge", "Services that are defined.", static_cast<double>(counts.services));
    out.single("process_start_time_seconds", "gauge", "When the program started.", seconds_since_1970(counts.started));

    const LiveReport::Health health = live.health();
    out.single("slimtax_reports_made_total", "counter", "How often the current report was made.",
               static_cast<double>(health.made_count));
    out.single("slimtax_report_duration_seconds", "gauge", "How long the newest one took.", health.took.count());
    out.single("slimtax_report_made_timestamp_seconds", "gauge", "When the current report was made; 0: never.",
               health.made ? seconds_since_1970(*health.made) : 0);

    const HttpServer::Counts http = server.counts();
    out.single("slimtax_http_connections", "gauge", "Connections open now.", static_cast<double>(http.connections));
    out.single("slimtax_event_streams", "gauge", "Browsers that listen for events now.",
               static_cast<double>(events.streams()));
    out.metric("slimtax_http_answers_total", "counter", "Answers by status.");
    for (const auto& [status, count] : http.by_status) {
        out.sample({{"status", std::to_string(status)}}, static_cast<double>(count));
    }
    add_mails(out, mails);
    add_objectives(out, *live.current());
    return out.take();
}

}  // namespace slimtax::reporter
