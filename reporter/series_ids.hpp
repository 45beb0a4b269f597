// Which number a series has in the store. Numbers never change, so what was once read is kept.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "reporter/sqlite.hpp"
#include "schemas/series.hpp"

namespace slimtax::reporter {

/// Safe from every thread.
class SeriesIds {
public:
    [[nodiscard]] std::optional<std::int64_t> find(const schemas::SeriesKey& key) const;
    void keep(const schemas::SeriesKey& key, std::int64_t id);

private:
    mutable std::mutex mutex_;
    std::map<schemas::SeriesKey, std::int64_t> ids_;
};

/// A number of this store's `series` table, or nothing.
[[nodiscard]] Stored<std::optional<std::int64_t>> read_series_id(Statement& select, const schemas::SeriesKey& key);

inline constexpr std::string_view select_series_id =
    "SELECT id FROM series WHERE service = ? AND probe = ? AND target = ? AND location = ?";

}  // namespace slimtax::reporter
