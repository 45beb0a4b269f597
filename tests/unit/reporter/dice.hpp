// Chance for tests: the same numbers for the same seed with every standard library.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "schemas/time.hpp"

namespace slimtax::reporter::testing {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}

    /// In [least, most].
    int roll(int least, int most) {
        // Not std::uniform_int_distribution, which is each library's own.
        return least + static_cast<int>(engine_() % static_cast<std::uint64_t>(most - least + 1));
    }
    bool chance(int percent) { return roll(1, 100) <= percent; }
    schemas::Duration up_to(schemas::Duration most) {
        return schemas::Duration(static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(most.count() + 1)));
    }
    template <class T>
    const T& one_of(const std::vector<T>& list) {
        return list[static_cast<std::size_t>(roll(0, static_cast<int>(list.size()) - 1))];
    }
    std::mt19937_64& engine() { return engine_; }

private:
    std::mt19937_64 engine_;
};

}  // namespace slimtax::reporter::testing
