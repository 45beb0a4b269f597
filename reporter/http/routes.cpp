#include "reporter/http/routes.hpp"

#include <cstdlib>
#include <exception>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "reporter/http/policy.hpp"

namespace slimtax::reporter {

RouteTable::Found RouteTable::find(const Request& request) const {
    Found found;
    std::string allowed;
    for (const Route& route : routes_) {
        const bool fits = route.prefix ? request.path.starts_with(route.path) : request.path == route.path;
        if (fits && route.method == request.method) {
            // The longest prefix, or the exact path.
            const bool better = found.route == nullptr || route.path.size() > found.route->path.size();
            found.route = better ? &route : found.route;
        } else if (fits) {
            allowed += (allowed.empty() ? "" : ", ") + route.method;
        }
    }
    if (found.route != nullptr) {
        return found;
    }
    if (allowed.empty() && not_found_ && request.method == "GET") {
        found.refusal = not_found_(request);
    } else if (allowed.empty()) {
        found.refusal = Response::text(404, "There is nothing at this address.\n");
    } else {
        found.refusal = Response::text(405, fmt::format("This address takes {} only.\n", allowed));
        found.refusal->headers.emplace_back("Allow", allowed);
    }
    return found;
}

Response too_long(std::size_t limit) {
    return Response::text(413, fmt::format("The body is longer than {} bytes; send less at once.\n", limit));
}

std::optional<Response> turned_away(const Route& route, Request& request,
                                    const std::vector<HttpOptions::Viewer>& viewers) {
    const RouteOptions& options = route.options;
    if (auto no = refused(request, options.access, viewers)) {
        if (no->status == 401 && !request.header("authorization").empty()) {
            spdlog::warn("sign-in from {} refused: wrong name or password", request.remote);
        }
        return no;
    }
    // What will be too much is refused before it is read.
    const std::string length(request.header("content-length"));
    if (std::strtoull(length.c_str(), nullptr, 10) > options.body_limit) {
        return too_long(options.body_limit);
    }
    if (options.guard) {
        try {
            if (auto no = options.guard(request)) {
                return no;
            }
        } catch (const std::exception& error) {
            spdlog::error("{} {} failed: {}", request.method, request.path, error.what());
            return Response::text(500, "This failed; the reporter's log says why.\n");
        }
    }
    return std::nullopt;
}

}  // namespace slimtax::reporter
