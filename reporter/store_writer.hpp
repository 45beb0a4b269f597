// Writes to a store: one connection, one thread, and a queue of callers who wait for it. For sqlite_store.cpp.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "reporter/blob.hpp"
#include "reporter/series_ids.hpp"
#include "reporter/sqlite.hpp"

namespace slimtax::reporter {

/// A result ready for table `hot`.
struct HotRow {
    const schemas::SeriesKey* key = nullptr;  ///< the caller's, who waits
    schemas::Instant intended;
    HourBlob blob;
};

class StoreWriter {
public:
    /// Opens, makes or upgrades the file and starts the thread. `ids` must outlive the writer.
    [[nodiscard]] static Stored<std::unique_ptr<StoreWriter>> open(const std::filesystem::path& file, SeriesIds& ids);
    ~StoreWriter();  ///< finishes what waits

    /// Returns when the rows are on disk, or none of them.
    [[nodiscard]] Stored<AddCount> add(const std::vector<HotRow>& rows);

    /// Moves the hot rows of these (series, hour) into blobs, in one transaction. Returns how many rows.
    [[nodiscard]] Stored<std::uint64_t> seal(std::span<const std::pair<std::int64_t, std::int64_t>> hours);

    /// Makes outlines that are due of days before `day`, at most so many, in one transaction. Returns how many.
    [[nodiscard]] Stored<std::size_t> outline(std::int64_t day, std::size_t most);

private:
    /// Something that one caller wants done inside a transaction.
    struct Job {
        std::function<Stored<void>()> work;
        std::promise<Stored<void>> done;
    };

    StoreWriter(std::unique_ptr<Database> database, SeriesIds& ids) : database_(std::move(database)), ids_(ids) {}
    [[nodiscard]] Stored<void> prepare();
    [[nodiscard]] Stored<void> wait_for(std::function<Stored<void>()> work);
    void serve_queue();
    /// Does all jobs in one transaction, each inside a savepoint.
    [[nodiscard]] std::vector<Stored<void>> commit(std::deque<Job>& jobs);
    [[nodiscard]] Stored<void> in_savepoint(const std::function<Stored<void>()>& work);

    [[nodiscard]] Stored<AddCount> insert(const std::vector<HotRow>& rows);
    [[nodiscard]] Stored<std::int64_t> id_of(const schemas::SeriesKey& key);
    [[nodiscard]] Stored<bool> is_sealed(std::int64_t series, schemas::Instant intended);
    [[nodiscard]] Stored<std::uint64_t> seal_hour(std::int64_t series, std::int64_t hour);
    [[nodiscard]] Stored<void> outline_day(std::int64_t series, std::int64_t day);
    [[nodiscard]] Stored<void> read_hour(std::int64_t series, std::int64_t hour, std::vector<schemas::RunResult>& out);
    [[nodiscard]] Stored<void> read_hot(std::int64_t series, std::int64_t hour, std::vector<schemas::RunResult>& out);

    std::unique_ptr<Database> database_;
    SeriesIds& ids_;
    Statement select_id_;
    Statement insert_series_;
    Statement insert_hot_;
    Statement select_hour_core_;
    Statement select_hour_;
    Statement select_hot_;
    Statement delete_hot_;
    Statement replace_hour_;
    Statement grow_revision_;
    Statement select_due_;
    Statement select_day_;
    Statement replace_outline_;
    Statement delete_due_;

    // Of the transaction under way. Nothing of it is kept when it fails.
    std::map<schemas::SeriesKey, std::int64_t> fresh_ids_;
    /// Intended starts of the hours that were looked at, by id in table `hour`; empty: not sealed.
    std::unordered_map<std::int64_t, std::unordered_set<std::int64_t>> looked_at_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> queue_;
    bool ending_ = false;
    std::thread thread_;  ///< last: starts when all else is there
};

}  // namespace slimtax::reporter
