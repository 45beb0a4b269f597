// What lies in table `batch` (schemas/store.sql), in memory: the runs of the last hours by series. It tells a writer
// which results are there already, and a reader what is not sealed yet. Safe from every thread.
//
// Readers take their hot runs first and then look into the sealed hours: whatever moves from here to there in
// between is seen twice, and left out once, but never missed. A batch may linger here after it was sealed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "reporter/store/run.hpp"
#include "reporter/store/sqlite.hpp"

namespace slimtax::reporter {

class HotTable {
public:
    /// A row of the table.
    struct Batch {
        std::int64_t id = 0;
        std::vector<std::int64_t> series;  ///< parallel to `runs`
        std::vector<Run> runs;
    };

    /// Batches that are known already are left out. Each time all up to the newest that there is.
    void add(std::vector<Batch> batches);
    void remove(std::vector<std::int64_t> ids);
    /// Removes batches up to `newest` that are not among `ids`, which is sorted.
    void keep_only(std::span<const std::int64_t> ids, std::int64_t newest);

    [[nodiscard]] bool contains(std::int64_t series, schemas::Instant intended) const;
    /// Those intended in [from, to), the last one before and the first one after; by intended start.
    [[nodiscard]] std::vector<Run> runs(std::int64_t series, schemas::Instant from, schemas::Instant to) const;
    /// The greatest id that was ever added.
    [[nodiscard]] std::int64_t newest() const;

private:
    /// What few runs have.
    struct Rare {
        std::string reason;
        std::uint64_t work = 0;
        schemas::Duration work_span{};
        std::vector<schemas::UserWork> users;
    };
    /// Less than half of a Run.
    struct Entry {
        schemas::Instant intended;
        schemas::Instant started;
        schemas::Duration length{};
        schemas::Duration response{};
        schemas::Duration every{};
        std::unique_ptr<Rare> rare;
        std::int64_t batch = 0;
        schemas::Verdict verdict = schemas::Verdict::ok;
    };
    static Entry entry_of(Run&& run, std::int64_t batch);
    static Run run_of(const Entry& entry);
    /// `ids` in order.
    void remove_locked(std::span<const std::int64_t> ids);

    struct Series {
        schemas::Instant newest = schemas::Instant::min();  ///< none that is here, or was, is later
        std::vector<Entry> entries;                         ///< by intended start, each once
    };
    [[nodiscard]] const Series* find(std::int64_t series) const;

    mutable std::mutex mutex_;
    std::vector<Series> series_;                               ///< by the series' number: those are counted from 1
    std::map<std::int64_t, std::vector<std::int64_t>> known_;  ///< batches, and which series are in each
    std::int64_t newest_ = 0;
};

/// Greater numbers of series are not believed.
inline constexpr std::int64_t most_series = 1 << 24;

/// The columns `series` of table `batch`: which series each row of its blobs is of.
[[nodiscard]] std::string encode_series(std::span<const std::int64_t> series);
[[nodiscard]] tl::expected<std::vector<std::int64_t>, std::string> decode_series(std::string_view bytes);

/// Reads table `batch` through one connection.
class HotReader {
public:
    [[nodiscard]] Stored<void> prepare(Database& database);
    /// Adds to `table` what other processes put into the file. Within a transaction of the caller's, or without.
    [[nodiscard]] Stored<void> refresh(HotTable& table);

private:
    Database* database_ = nullptr;
    Statement newest_;
    Statement ids_;
    Statement batches_;
};

}  // namespace slimtax::reporter
