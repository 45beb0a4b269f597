// What the reporter says of itself, as Prometheus text (exposition format 0.0.4).
#pragma once

#include <string>

#include "reporter/http_server.hpp"
#include "reporter/ingest.hpp"
#include "reporter/report.hpp"

namespace slimtax::reporter {

/// Everything that /metrics is made of, at one moment.
struct Measured {
    IngestCounts ingest;
    HttpServer::Counts http;
    std::shared_ptr<const Report> report;  ///< for lights and budgets; never null
    std::size_t event_streams = 0;
    std::uint64_t sealed_rows = 0;
    bool definitions_good = true;  ///< the last load or reload had no errors
    bool fresh = true;             ///< the lights could be made anew the last time
};

[[nodiscard]] std::string metrics_text(const Measured& measured);

}  // namespace slimtax::reporter
