#include "probes/aside.hpp"

#include <utility>

#include <fmt/format.h>

namespace slimtax::probes {

Task<tl::expected<void, Trouble>> aside(Engine& engine, std::function<void()> work, std::string_view what,
                                        const Patience& patience) {
    const Wake wake = co_await engine.loop().in_worker(std::move(work), patience.deadline);
    if (wake == Wake::cancelled) {
        co_return tl::unexpected(Trouble::shut_down());
    }
    if (wake != Wake::ready) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, fmt::format("{} {}", what, patience.in_words())});
    }
    co_return tl::expected<void, Trouble>();
}

}  // namespace slimtax::probes
