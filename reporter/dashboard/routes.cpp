#include "reporter/dashboard/routes.hpp"

#include <memory>
#include <utility>

namespace slimtax::reporter {

void add_pages(HttpServer& server, PageContext context) {
    const auto shared = std::make_shared<const PageContext>(std::move(context));
    const Handler handler = [shared](const Request& request) {
        Query query;
        for (const auto& [name, value] : request.query) {
            query[name] = value;
        }
        Page page = answer(*shared, request.path, query);
        Response response;
        response.status = page.status;
        response.content_type = std::move(page.type);
        response.headers = std::move(page.headers);
        response.body = std::move(page.body);
        return response;
    };
    for (const char* path : {"/", "/services/", "/report", "/assets/", "/api/v1/status", "/api/v1/services/",
                             "/api/v1/report", "/api/v1/series"}) {
        server.route("GET", path, handler);
    }
}

}  // namespace slimtax::reporter
