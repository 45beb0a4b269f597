// What a series that reads a log remembers from run to run: where it read to, and when.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "probes/log_reader.hpp"
#include "schemas/time.hpp"

namespace slimtax::probes {

/// A moment that can be compared with one of another process, or of another boot: the machine's own clock since its
/// boot, which nobody sets; the wall clock only where the machine was booted in between.
struct Moment {
    std::int64_t steady_us = 0;
    std::int64_t wall_us = 0;
    std::string boot;

    [[nodiscard]] static Moment at(TimePoint steady, schemas::Instant wall);

    /// "STEADY WALL BOOT", and back; nothing when the text is none.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] static std::optional<Moment> parse(const std::string& text);
};

/// The time from `then` to `now`; never less than none.
[[nodiscard]] schemas::Duration span_since(const Moment& then, const Moment& now);

struct Bookmark {
    LogPosition position;
    Moment moment;

    [[nodiscard]] static Bookmark at(const LogPosition& position, TimePoint steady, schemas::Instant wall) {
        return {position, Moment::at(steady, wall)};
    }

    /// A line of text, and back; nothing when it is none.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] static std::optional<Bookmark> parse(const std::string& text);
};

/// The time since the bookmark, as far as what was read covers it: lines that nobody can read any more were written
/// before the new file began.
[[nodiscard]] schemas::Duration covered(const Bookmark& then, const Bookmark& now, const LogReading& reading);

}  // namespace slimtax::probes
