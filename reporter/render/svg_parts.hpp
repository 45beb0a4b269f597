// Small pieces that the pictures are made of. Lengths across are percentages, so that a picture is as wide as its
// place.
#pragma once

#include <string>

#include "reporter/html.hpp"
#include "schemas/words.hpp"

namespace slimtax::reporter {

/// "12.5%" of a part of the whole in [0, 1]; what lies outside is cut.
[[nodiscard]] std::string percent(double fraction);

/// A rectangle as high as the picture.
[[nodiscard]] Html bar_part(const char* kind, double from, double to);

/// An upright line as high as the picture.
[[nodiscard]] Html mark(const char* kind, double at);

/// A rectangle in the colour and the hatching of a kind of time.
[[nodiscard]] Html booking_part(schemas::Booking booking, double from, double to);

}  // namespace slimtax::reporter
