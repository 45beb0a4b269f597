// Which handler a request goes to, and what is refused before its body is read. For http_server.cpp.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reporter/http/server.hpp"

namespace slimtax::reporter {

struct Route {
    std::string method;
    std::string path;
    bool prefix = false;
    Handler handler;
    RouteOptions options;
    EventHub* hub = nullptr;  ///< an event stream instead of a handler
};

/// Filled before the server starts, then only read.
class RouteTable {
public:
    void add(Route route) {
        route.prefix = route.path.size() > 1 && route.path.ends_with('/');
        routes_.push_back(std::move(route));
    }
    /// Answers GET where no route fits.
    void set_not_found(Handler handler) { not_found_ = std::move(handler); }

    struct Found {
        const Route* route = nullptr;
        std::optional<Response> refusal;  ///< when there is no route
    };
    [[nodiscard]] Found find(const Request& request) const;

    [[nodiscard]] const std::vector<Route>& all() const { return routes_; }

private:
    std::vector<Route> routes_;
    Handler not_found_;
};

/// What a request's headers already tell against it (no viewer, too long, the route's own guard), or nothing. Sets
/// request.user.
[[nodiscard]] std::optional<Response> turned_away(const Route& route, Request& request,
                                                  const std::vector<HttpOptions::Viewer>& viewers);

/// A 413.
[[nodiscard]] Response too_long(std::size_t limit);

}  // namespace slimtax::reporter
