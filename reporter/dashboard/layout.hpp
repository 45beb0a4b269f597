// What all pages share: the frame around the content, headers, addresses.
#pragma once

#include <string>
#include <string_view>

#include "reporter/dashboard/page.hpp"
#include "reporter/html.hpp"
#include "reporter/render/json_report.hpp"

namespace slimtax::reporter {

/// What a page is called and where it belongs.
struct Frame {
    std::string title;    ///< of the browser's tab
    std::string api;      ///< the JSON behind the page
    std::string current;  ///< which entry of the navigation is this page: "lights", "report", or none
    std::string as_of;    ///< "14:20:05", when it was made, with the zone
    bool live = true;     ///< replaces itself when results come
};

/// The page around `content`; with ?part=main only the part that a live page replaces.
[[nodiscard]] Page framed(const Frame& frame, const Html& content, const Query& query);

[[nodiscard]] Page json_page(const Json& json, int status = 200);

/// "/services/campus-im".
[[nodiscard]] std::string service_address(std::string_view id);

/// The name of the period before (-1) or after (1) a report's, where that is a week, month, quarter, year or day by its
/// name ("2026-W46"); empty for others.
[[nodiscard]] std::string neighbour_period(const Report& report, int step);

/// "since 13:56, for 24 min"; with the day when that is not today.
[[nodiscard]] Html since_words(const ServiceReport& service, schemas::Instant since, schemas::Instant now);

/// "13 min left of 50 min".
[[nodiscard]] std::string budget_left_words(const BudgetUse& budget);

/// A scrollable place for a table that is too wide for a telephone.
[[nodiscard]] Html scrollable(std::string_view label, const Html& content);

}  // namespace slimtax::reporter
