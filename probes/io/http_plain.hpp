// One HTTP/1.1 exchange in the clear over a connected socket, without libcurl: what most checks are, at half the cost.
// Says the same in the same words as exchange_http, which does all the rest. For HttpClient only.
#pragma once

#include "probes/io/http_transfer.hpp"

namespace slimtax::probes {

/// Whether the request can go this way: http, HTTP/1.1, a short body, no cookies to send, no header that says how the
/// message is framed, nothing unusual in the URL, no other name for the server. False for all when the environment has
/// SLIMTAX_HTTP=curl.
[[nodiscard]] bool goes_plain(const HttpRequest& request, const HttpTarget& target);

/// As exchange_http, for what goes this way.
Task<tl::expected<HttpResponse, Trouble>> exchange_plain(Engine& engine, const HttpRequest& request,
                                                         const HttpTarget& target, Connected connected,
                                                         TimePoint deadline);

}  // namespace slimtax::probes
