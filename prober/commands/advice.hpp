// What to do next after a run that did not go well, for the people who try a probe.
#pragma once

#include <string>
#include <string_view>

#include "schemas/words.hpp"

namespace slimtax::prober {

/// One or two sentences for a step's verdict, operation and reason; empty for `ok` and when there is nothing to add.
[[nodiscard]] std::string advice_for(schemas::Verdict verdict, std::string_view operation, std::string_view reason);

}  // namespace slimtax::prober
