// Reads the CSS-like paths of `css("form.login > input[name=token]@value")`.
#pragma once

#include "schemas/extraction.hpp"

namespace slimtax::schemas {

/// What is understood of CSS: tag or `*`, `#id`, `.class`, `[name]`, `[name=value]` (also ~= ^= $= *=), a blank for
/// "somewhere inside" and `>` for "directly inside"; and at the end `@attribute`. Columns count within `text`.
[[nodiscard]] tl::expected<HtmlPath, ConditionError> parse_html_path(std::string_view text);

}  // namespace slimtax::schemas
