// The text that Prometheus reads from /metrics (https://prometheus.io/docs/instrumenting/exposition_formats/).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reporter/http/server.hpp"
#include "reporter/ingest.hpp"
#include "reporter/live_report.hpp"
#include "reporter/mail/mailer.hpp"

namespace slimtax::reporter {

/// Builds the text: a metric's samples stand together under its HELP and TYPE.
class MetricsText {
public:
    using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

    /// `type` is "counter" or "gauge". Samples that follow belong to it.
    void metric(std::string_view name, std::string_view type, std::string_view help);
    void sample(const Labels& labels, double value);
    /// A metric with one sample and no labels.
    void single(std::string_view name, std::string_view type, std::string_view help, double value);

    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    std::string text_;
    std::string name_;
};

/// What the daemon counts beside what its parts know themselves.
struct ServerCounts {
    std::uint64_t sealed_rows = 0;
    bool seal_failed = false;
    bool reload_failed = false;
    schemas::Instant started;
    std::size_t services = 0;
};

[[nodiscard]] std::string metrics_text(const ServerCounts& counts, const Ingest& ingest, const LiveReport& live,
                                       const HttpServer& server, const EventHub& events,
                                       const std::vector<MailHealth>& mails);

}  // namespace slimtax::reporter
