// Which number a series has in the store. Numbers never change, so what was once read is kept.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "reporter/store/sqlite.hpp"
#include "schemas/series.hpp"

namespace slimtax::reporter {

struct SeriesHash {
    [[nodiscard]] std::size_t operator()(const schemas::SeriesKey& key) const {
        std::size_t hash = 0;
        for (const std::string_view part : {std::string_view(key.service), std::string_view(key.probe),
                                            std::string_view(key.target), std::string_view(key.location)}) {
            hash = (hash ^ std::hash<std::string_view>()(part)) * 0x9e3779b97f4a7c15U;
        }
        return hash;
    }
};

/// Safe from every thread.
class SeriesIds {
public:
    [[nodiscard]] std::optional<std::int64_t> find(const schemas::SeriesKey& key) const;
    void keep(const schemas::SeriesKey& key, std::int64_t id);

private:
    mutable std::mutex mutex_;
    std::unordered_map<schemas::SeriesKey, std::int64_t, SeriesHash> ids_;
};

/// A number of this store's `series` table, or nothing.
[[nodiscard]] Stored<std::optional<std::int64_t>> read_series_id(Statement& select, const schemas::SeriesKey& key);

inline constexpr std::string_view select_series_id =
    "SELECT id FROM series WHERE service = ? AND probe = ? AND target = ? AND location = ?";

}  // namespace slimtax::reporter
