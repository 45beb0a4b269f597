#include "reporter/store/series_ids.hpp"

namespace slimtax::reporter {

std::optional<std::int64_t> SeriesIds::find(const schemas::SeriesKey& key) const {
    const std::lock_guard lock(mutex_);
    const auto at = ids_.find(key);
    return at == ids_.end() ? std::nullopt : std::optional(at->second);
}

void SeriesIds::keep(const schemas::SeriesKey& key, std::int64_t id) {
    const std::lock_guard lock(mutex_);
    ids_.emplace(key, id);
}

Stored<std::optional<std::int64_t>> read_series_id(Statement& select, const schemas::SeriesKey& key) {
    select.bind_text(1, key.service).bind_text(2, key.probe).bind_text(3, key.target).bind_text(4, key.location);
    const auto row = select.step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    std::optional<std::int64_t> id;
    if (*row) {
        id = select.integer(0);
    }
    select.reset();
    return id;
}

}  // namespace slimtax::reporter
