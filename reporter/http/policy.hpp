// Who may ask what: the rules of the HTTP server as plain functions. For http_server.cpp and its tests.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reporter/http/server.hpp"

namespace slimtax::reporter {

/// Equal, in a time that tells nothing about where they differ.
[[nodiscard]] bool same_secret(std::string_view a, std::string_view b);

/// The token of "Authorization: Bearer TOKEN"; empty when there is none.
[[nodiscard]] std::string_view bearer_token(const Request& request);

/// The viewer whom an Authorization header of kind Basic names with the right password, or nothing.
[[nodiscard]] std::optional<std::string> signed_in(std::string_view authorization,
                                                   const std::vector<HttpOptions::Viewer>& viewers);

/// True for "localhost:8080", "127.0.0.1", "[::1]:8080", 192.0.2.7: names that no foreign DNS server can point at us.
[[nodiscard]] bool is_rebinding_safe(std::string_view host);

/// True for 127.0.0.0/8, ::1 and localhost.
[[nodiscard]] bool is_loopback(std::string_view address);

/// The answer that a route's access rules give before the handler is asked, or nothing when it may be. Sets
/// request.user.
[[nodiscard]] std::optional<Response> refused(Request& request, Access access,
                                              const std::vector<HttpOptions::Viewer>& viewers);

/// Headers that every answer has unless it brings its own.
[[nodiscard]] const std::vector<std::pair<std::string, std::string>>& usual_headers();

}  // namespace slimtax::reporter
