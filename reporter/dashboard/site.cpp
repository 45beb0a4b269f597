// Which page an address is.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <exception>

#include "reporter/dashboard/page.hpp"

namespace slimtax::reporter {
namespace {

Page chosen(const PageContext& context, std::string_view path, const Query& query) {
    constexpr std::string_view services = "/services/";
    constexpr std::string_view api_services = "/api/v1/services/";
    constexpr std::string_view files = "/assets/";
    if (path == "/") {
        return lights_page(context, query);
    }
    if (path.starts_with(services)) {
        return service_page(context, path.substr(services.size()), query);
    }
    if (path == "/report") {
        return report_page(context, query);
    }
    if (path.starts_with(files)) {
        return asset_answer(path.substr(files.size()));
    }
    if (path == "/api/v1/status") {
        return status_answer(context);
    }
    if (path.starts_with(api_services)) {
        return service_answer(context, path.substr(api_services.size()));
    }
    if (path == "/api/v1/report") {
        return report_answer(context, query);
    }
    if (path == "/api/v1/series") {
        return series_answer(context, query);
    }
    return error_page(404, fmt::format("There is no page {}.", path), path.starts_with("/api/"));
}

}  // namespace

Page answer(const PageContext& context, std::string_view path, const Query& query) {
    try {
        return chosen(context, path, query);
    } catch (const std::exception& error) {
        spdlog::error("page {} failed: {}", path, error.what());
        return error_page(500, "This page could not be made; the reporter's log says why.", path.starts_with("/api/"));
    }
}

}  // namespace slimtax::reporter
