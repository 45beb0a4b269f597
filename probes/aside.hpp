// Work of a step that blocks (files, /proc, keys that are slow on purpose), done by a worker thread.
#pragma once

#include <functional>
#include <string_view>

#include <tl/expected.hpp>

#include "probes/io/engine.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {

/// Runs `work` as Loop::in_worker does: it must own what it touches. When it is not done by the deadline, that is our
/// own side's trouble: "WHAT within 10 s", where `what` is as in "/proc could not be read".
Task<tl::expected<void, Trouble>> aside(Engine& engine, std::function<void()> work, std::string_view what,
                                        const Patience& patience);

}  // namespace slimtax::probes
