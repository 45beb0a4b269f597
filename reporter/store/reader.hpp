// Reads of a store through one connection, by one thread at a time. For sqlite_store.cpp.
#pragma once

#include <memory>

#include "reporter/store/hot_table.hpp"
#include "reporter/store/series_ids.hpp"
#include "reporter/store/sqlite.hpp"

namespace slimtax::reporter {

/// The id of the row in table `hour` (schemas/store.sql).
[[nodiscard]] std::int64_t hour_id(std::int64_t series, std::int64_t hour);
[[nodiscard]] std::int64_t hour_of_id(std::int64_t id);
/// The id of the row in table `outline`.
[[nodiscard]] std::int64_t outline_id(std::int64_t series, std::int64_t day);
[[nodiscard]] std::int64_t day_of_id(std::int64_t id);
[[nodiscard]] std::int64_t series_of_outline(std::int64_t id);

/// What is wrong with a stored blob, as an error that says where.
[[nodiscard]] StoreError damaged(const Database& database, std::int64_t series, std::int64_t hour,
                                 std::string_view what);

class StoreReader {
public:
    [[nodiscard]] static Stored<std::unique_ptr<StoreReader>> open(const std::filesystem::path& file,
                                                                   Database::Mode mode);

    [[nodiscard]] Stored<std::optional<std::int64_t>> series_id(const schemas::SeriesKey& key);
    [[nodiscard]] Stored<std::vector<schemas::SeriesKey>> series();
    /// Brings `hot` up to what the file holds.
    [[nodiscard]] Stored<void> refresh(HotTable& hot) { return hot_reader_.refresh(hot); }
    /// `hot` are the series' hot runs, taken before: from the last one before `from` to the first one after `to`.
    [[nodiscard]] Stored<std::vector<Run>> runs(std::int64_t series, schemas::Instant from, schemas::Instant to,
                                                std::vector<Run> hot);
    [[nodiscard]] Stored<std::vector<SeriesDay>> days(std::int64_t series, std::int64_t first, std::int64_t last,
                                                      const HoursWanted& hours, std::vector<Run> hot);
    [[nodiscard]] Stored<std::vector<schemas::RunResult>> results(std::int64_t series, const schemas::SeriesKey& key,
                                                                  schemas::Instant from, schemas::Instant to,
                                                                  std::size_t limit);
    [[nodiscard]] Stored<std::int64_t> revision();
    /// Hour and part of all batches of hours before `hour`, each once.
    [[nodiscard]] Stored<std::vector<std::pair<std::int64_t, std::int64_t>>> parts_to_seal(std::int64_t hour);

private:
    explicit StoreReader(std::unique_ptr<Database> database) : database_(std::move(database)) {}
    [[nodiscard]] Stored<void> prepare();
    /// The outlines of the days of [first, last] of which no results are hot.
    [[nodiscard]] Stored<void> take_outlines(std::int64_t series, std::int64_t first, std::int64_t last,
                                             std::vector<SeriesDay>& days);
    [[nodiscard]] Stored<void> take_hours(std::int64_t series, SeriesDay& day);
    /// Steps through the (id, core) rows of a bound statement over `hour`.
    [[nodiscard]] Stored<void> take(Statement& statement, std::int64_t series, std::vector<Run>& out);
    [[nodiscard]] Stored<void> take_sealed_results(std::int64_t series, const schemas::SeriesKey& key,
                                                   schemas::Instant from, schemas::Instant to, std::size_t limit,
                                                   std::vector<schemas::RunResult>& out);
    [[nodiscard]] Stored<void> take_hot_results(std::int64_t series, const schemas::SeriesKey& key,
                                                schemas::Instant from, schemas::Instant to,
                                                std::vector<schemas::RunResult>& out);

    std::unique_ptr<Database> database_;
    HotReader hot_reader_;
    Statement select_id_;
    Statement sealed_range_;
    Statement sealed_before_;
    Statement sealed_after_;
    Statement outlines_;
    Statement outline_hours_;
    Statement whole_sealed_;
    Statement whole_hot_;
    Statement revision_;
};

}  // namespace slimtax::reporter
