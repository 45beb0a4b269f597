#include "reporter/render/render.hpp"

#include <nlohmann/json.hpp>

#include <array>

#include "reporter/render/json_report.hpp"

namespace slimtax::reporter {
namespace {

constexpr std::array<std::string_view, 5> names{"html", "text", "json", "csv", "xlsx"};
constexpr std::array<std::string_view, 5> types{"text/html; charset=utf-8", "text/plain; charset=utf-8",
                                                "application/json", "text/csv; charset=utf-8; header=present",
                                                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"};

}  // namespace

std::optional<Format> parse_format(std::string_view word) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names.at(i) == word) {
            return static_cast<Format>(i);
        }
    }
    return std::nullopt;
}

std::string_view to_string(Format format) {
    return names.at(static_cast<std::size_t>(format));
}
std::string_view media_type(Format format) {
    return types.at(static_cast<std::size_t>(format));
}

std::string render(const Report& report, Format format) {
    switch (format) {
        case Format::html: return render_html(report);
        case Format::text: return render_text(report);
        case Format::json: return render_json(report);
        case Format::csv: return render_csv(report);
        case Format::xlsx: return render_xlsx(report);
    }
    return {};
}

std::string render_json(const Report& report) {
    return json_text(report_json(report));
}

}  // namespace slimtax::reporter
