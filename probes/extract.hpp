// Looks into an answer for what a function of a condition or of `save` asks for: json("/id"), css("title") …
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "schemas/condition.hpp"
#include "schemas/extraction.hpp"

namespace slimtax::probes {

/// The value, or the end of a sentence: "there is no /items/0/id in the answer". Takes time and memory proportional
/// to the answer, whatever that is: hostile bytes, NULs and broken UTF-8 included. `headers` are lines
/// "name: value\n" with names in lower case.
[[nodiscard]] tl::expected<schemas::OutputValue, std::string> extract(const schemas::Extraction& what,
                                                                      std::string_view answer,
                                                                      std::string_view headers = {});

/// The same with what a step of that operation left behind; a function that the operation has nothing for finds
/// nothing.
[[nodiscard]] tl::expected<schemas::OutputValue, std::string> extract(const schemas::Extraction& what,
                                                                      const schemas::OperationInfo& info,
                                                                      const schemas::Outputs& outputs);

/// One value of a JSON text; the first, where a name is there twice.
[[nodiscard]] tl::expected<schemas::OutputValue, std::string> find_in_json(std::string_view text,
                                                                           const std::vector<std::string>& pointer,
                                                                           std::string_view written);

}  // namespace slimtax::probes
