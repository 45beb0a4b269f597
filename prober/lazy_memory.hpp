// A series' memory that is looked for only when an operation asks: few do.
#pragma once

#include "prober/memory.hpp"

namespace slimtax::prober {

/// `memories` must outlive it.
class LazyMemory final : public probes::Memory {
public:
    LazyMemory(Memories& memories, schemas::SeriesKey key) : memories_(memories), key_(std::move(key)) {}
    [[nodiscard]] std::optional<std::string> recall(std::string_view name) const override {
        return memories_.of(key_).recall(name);
    }
    void remember(std::string_view name, std::string value) override {
        memories_.of(key_).remember(name, std::move(value));
    }

private:
    Memories& memories_;
    schemas::SeriesKey key_;
};

}  // namespace slimtax::prober
