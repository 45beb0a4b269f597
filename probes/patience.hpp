// The time that a wait has, and how to say in words that it ran out.
#pragma once

#include <string>
#include <string_view>

#include "probes/io/loop.hpp"
#include "probes/io/resolver.hpp"
#include "probes/operation.hpp"

namespace slimtax::probes {

/// From when and until when an operation waits.
struct Patience {
    TimePoint began;
    TimePoint deadline;

    /// From now to the deadline.
    [[nodiscard]] static Patience until(TimePoint deadline) { return {Loop::now(), deadline}; }

    /// True at and after the deadline. A peer that always has one more byte never lets a wait time out, so loops
    /// over waits ask this too.
    [[nodiscard]] bool over() const { return Loop::now() >= deadline; }

    /// The time since it began.
    [[nodiscard]] schemas::Duration spent() const;

    /// The time until the answer that was awaited had arrived (Stream::arrived), however late our loop came to read
    /// it; until now where nothing has arrived since it began: the answer lay there already.
    [[nodiscard]] schemas::Duration spent_until(TimePoint arrived) const;

    /// "within 10 s", "within 250 ms".
    [[nodiscard]] std::string in_words() const;
};

/// "SERVER did not ACTION within 10 s", as a time-out.
[[nodiscard]] Trouble ran_out(std::string_view server, std::string_view action, const Patience& patience);

/// A refusal.
[[nodiscard]] Trouble refused(std::string reason);

/// What trouble means as a step's outcome.
[[nodiscard]] Outcome outcome_of(Trouble trouble);

/// Text that a peer sent, fit for a sentence: made valid UTF-8, control characters become blanks, cut to `most` bytes
/// at a character's border, every occurrence of `secret` (when it is not empty) replaced by "***".
[[nodiscard]] std::string quotable(std::string_view text, std::string_view secret = {}, std::size_t most = 120);

}  // namespace slimtax::probes
