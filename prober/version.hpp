// Which program this is.
#pragma once

#include <string_view>

namespace slimtax::prober {

/// "0.1.0".
[[nodiscard]] std::string_view version();

}  // namespace slimtax::prober
