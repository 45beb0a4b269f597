// The cookies that an answer sets, in the form that curl keeps and takes them (Netscape's): for answers that did not
// come by way of curl. For HttpClient only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schemas/time.hpp"

namespace slimtax::probes {

/// Takes one Set-Cookie header (its value) of an answer from http://HOST/PATH, as RFC 6265 has it: a cookie replaces
/// the one of the same name, domain and path in `lines`; one that has expired removes it; one that the server may not
/// set is passed over. `host` in lower case; `now` decides what has expired.
void take_cookie(std::string_view header, const std::string& host, std::string_view path, schemas::Instant now,
                 std::vector<std::string>& lines);

}  // namespace slimtax::probes
