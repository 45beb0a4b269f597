// Files of reporter/assets/ that are built into the program, so that a page needs nothing from elsewhere.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace slimtax::reporter {

struct Asset {
    std::string_view name;  ///< "dashboard.css"
    std::string_view type;  ///< "text/css; charset=utf-8"
    std::string_view content;
};

/// All of them.
[[nodiscard]] std::span<const Asset> assets();

/// The asset of that name; throws std::logic_error when there is none: names are fixed in the code.
[[nodiscard]] const Asset& asset(std::string_view name);

/// The source expression by which a Content-Security-Policy admits this content inline: "'sha256-…'".
[[nodiscard]] std::string policy_hash(const Asset& asset);

}  // namespace slimtax::reporter
