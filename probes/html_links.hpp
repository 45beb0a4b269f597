// What a page makes a browser fetch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slimtax::probes {

/// The addresses of a page's style sheets, icons, scripts and pictures: absolute, without fragments, each once, in
/// the order of the page; relative ones against the page's first `<base href>` or else `url`. Those that are not
/// http or https (data:, blob:) are left out, those that are no address at all stay as they are written.
[[nodiscard]] std::vector<std::string> page_parts(std::string_view page, const std::string& url);

}  // namespace slimtax::probes
