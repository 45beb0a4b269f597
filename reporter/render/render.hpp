// A report for people and programs. Each is a pure function of the Report: the same report gives the same bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reporter/report.hpp"

namespace slimtax::reporter {

enum class Format { html, text, json, csv, xlsx };

[[nodiscard]] std::optional<Format> parse_format(std::string_view word);
[[nodiscard]] std::string_view to_string(Format format);
/// "text/html; charset=utf-8" …
[[nodiscard]] std::string_view media_type(Format format);

/// Throws std::runtime_error when there is no room for a temporary file (xlsx only).
[[nodiscard]] std::string render(const Report& report, Format format);

/// What stands above the report when the dashboard shows it: links (words, address). Left out in print.
using ReportLinks = std::vector<std::pair<std::string, std::string>>;

/// One file that needs nothing else: prints on A4, light and dark, no script.
[[nodiscard]] std::string render_html(const Report& report, const ReportLinks& links = {});

/// For terminals and mails: 78 columns, no control characters.
[[nodiscard]] std::string render_text(const Report& report);

/// The html of a mail, which says the same as render_text: tables, inline styles and the strip in letters, since mail
/// programs drop style sheets and pictures, and cut what is longer than 100 kB. What went wrong or is in doubt is told
/// in full, the rest in a table. `attachment`: the name of the file with the whole report; empty: none goes along.
[[nodiscard]] std::string render_mail(const Report& report, const std::string& attachment = {});

/// As schemas/report.schema.json says; two blanks of indentation.
[[nodiscard]] std::string render_json(const Report& report);

/// RFC 4180, a row an objective. Text that a spreadsheet would take for a formula is led by an apostrophe.
[[nodiscard]] std::string render_csv(const Report& report);

/// An Office Open XML workbook: Objectives, Outages, Hours (days of a period longer than 45 days), Method. Numbers and
/// dates are typed, times are those of each service's zone, and no text is a formula.
[[nodiscard]] std::string render_xlsx(const Report& report);

}  // namespace slimtax::reporter
