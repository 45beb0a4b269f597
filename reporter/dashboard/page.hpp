// The pages of the dashboard and the JSON behind them, without the web server: a request's path and query in, an
// answer out. routes.hpp hangs them into the server.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "reporter/report.hpp"
#include "reporter/store/store.hpp"

namespace slimtax::reporter {

/// An answer. `headers` are further ones beside Content-Type.
struct Page {
    int status = 200;
    std::string type;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
};

/// The values of a query, decoded; of a name that occurs twice the last.
using Query = std::map<std::string, std::string, std::less<>>;

/// Which report a reader wants, as he wrote it: `week` ("2026-W47", also "2026-11", a day …), or `from` and `to`
/// (dates or RFC 3339). All empty: the current week so far.
struct AskedReport {
    std::string week;
    std::string from;
    std::string to;
};

/// What the pages are made of. Every function may be called from several threads at once.
struct PageContext {
    /// The current week so far; never null.
    std::function<std::shared_ptr<const Report>()> current;
    /// Another period. The error is a sentence for the reader.
    std::function<tl::expected<Report, std::string>(const AskedReport&)> report_for;
    std::function<schemas::Instant()> now;
    /// For response times; null: pages go without them.
    Store* store = nullptr;
};

/// `/` and `/api/v1/status`: is everything all right now?
[[nodiscard]] Page lights_page(const PageContext& context, const Query& query);
[[nodiscard]] Page status_answer(const PageContext& context);

/// `/services/ID?range=hour|day` and `/api/v1/services/ID`.
[[nodiscard]] Page service_page(const PageContext& context, std::string_view id, const Query& query);
[[nodiscard]] Page service_answer(const PageContext& context, std::string_view id);

/// `/report?week=…|from=…&to=…&format=html|text|json|csv|xlsx` and `/api/v1/report?…` (json unless it says else).
[[nodiscard]] Page report_page(const PageContext& context, const Query& query);
[[nodiscard]] Page report_answer(const PageContext& context, const Query& query);

/// `/api/v1/series?service=&probe=&target=&location=&from=&to=`: the runs behind the pictures, with `detail=steps`
/// their steps, timings and figures too; without a probe the series that there are.
[[nodiscard]] Page series_answer(const PageContext& context, const Query& query);

/// `/assets/NAME`.
[[nodiscard]] Page asset_answer(std::string_view name);

/// A page, or JSON for addresses under /api/, that says what went wrong and where to go on.
[[nodiscard]] Page error_page(int status, std::string_view sentence, bool json);

/// The whole site: chooses by path, catches what is thrown. `path` is decoded.
[[nodiscard]] Page answer(const PageContext& context, std::string_view path, const Query& query);

}  // namespace slimtax::reporter
