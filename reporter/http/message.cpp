#include "reporter/http/server.hpp"

namespace slimtax::reporter {

std::optional<std::string> Request::parameter(std::string_view name) const {
    for (const auto& [key, value] : query) {
        if (key == name) {
            return value;
        }
    }
    return std::nullopt;
}

std::string_view Request::header(std::string_view name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? std::string_view() : std::string_view(at->second);
}

Response Response::text(int status, std::string body) {
    return {status, "text/plain; charset=utf-8", {}, std::move(body)};
}

Response Response::html(std::string body, int status) {
    return {status, "text/html; charset=utf-8", {}, std::move(body)};
}

Response Response::json(std::string body, int status) {
    return {status, "application/json; charset=utf-8", {}, std::move(body)};
}

Response Response::redirect(std::string to) {
    Response response = text(303, "See " + to + "\n");
    response.headers.emplace_back("Location", std::move(to));
    return response;
}

}  // namespace slimtax::reporter
