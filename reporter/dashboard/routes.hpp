// Hangs the pages into the web server.
#pragma once

#include "reporter/dashboard/page.hpp"
#include "reporter/http/server.hpp"

namespace slimtax::reporter {

/// Adds `/`, `/services/`, `/report`, `/assets/`, `/api/v1/status`, `/api/v1/services/`, `/api/v1/report` and
/// `/api/v1/series`. Before start(); what `context` refers to must outlive the server. Live pages listen to
/// `/events` for events called "changed", which the caller adds.
void add_pages(HttpServer& server, PageContext context);

}  // namespace slimtax::reporter
