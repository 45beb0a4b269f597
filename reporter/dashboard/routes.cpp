#include "reporter/dashboard/routes.hpp"

#include <memory>
#include <utility>

namespace slimtax::reporter {
namespace {

Response response_of(Page page) {
    Response response;
    response.status = page.status;
    response.content_type = std::move(page.type);
    response.headers = std::move(page.headers);
    response.body = std::move(page.body);
    return response;
}

}  // namespace

void add_pages(HttpServer& server, PageContext context) {
    const auto shared = std::make_shared<const PageContext>(std::move(context));
    const Handler handler = [shared](const Request& request) {
        Query query;
        for (const auto& [name, value] : request.query) {
            query[name] = value;
        }
        return response_of(answer(*shared, request.path, query));
    };
    server.not_found([](const Request& request) {
        return response_of(error_page(404, "There is nothing at this address.", request.path.starts_with("/api/")));
    });
    for (const char* path : {"/", "/services/", "/report", "/assets/", "/api/v1/status", "/api/v1/services/",
                             "/api/v1/report", "/api/v1/series"}) {
        server.route("GET", path, handler);
    }
}

}  // namespace slimtax::reporter
