// Writes to a store: one connection, one thread, and a queue of callers who wait for it. For sqlite_store.cpp.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "reporter/store/blob.hpp"
#include "reporter/store/hot_table.hpp"
#include "reporter/store/series_ids.hpp"
#include "reporter/store/sqlite.hpp"

namespace slimtax::reporter {

/// A result to be stored; the caller, who waits, keeps it.
struct NewResult {
    const schemas::RunResult* result = nullptr;
    std::int64_t series = 0;  ///< 0: not known yet
};

/// Series are dealt out to so many parts of an hour, which are sealed one after the other. Never changes: stores
/// are made with it.
inline constexpr std::int64_t hour_parts = 8;

class StoreWriter {
public:
    /// Opens, makes or upgrades the file and starts the thread. `ids` and `hot` must outlive the writer.
    [[nodiscard]] static Stored<std::unique_ptr<StoreWriter>> open(const std::filesystem::path& file, SeriesIds& ids,
                                                                   HotTable& hot);
    ~StoreWriter();  ///< finishes what waits

    /// Returns when the results are on disk, or none of them.
    [[nodiscard]] Stored<AddCount> add(std::span<const NewResult> results);

    /// Moves the batches of one part of an hour into the blobs of that hour, in one transaction. Returns how many
    /// results.
    [[nodiscard]] Stored<std::uint64_t> seal(std::int64_t hour, std::int64_t part);

    /// Makes outlines that are due of days before `day`, at most so many, in one transaction. Returns how many.
    [[nodiscard]] Stored<std::size_t> outline(std::int64_t day, std::size_t most);

private:
    /// Something that one caller wants done inside a transaction.
    struct Job {
        std::function<Stored<void>()> work;
        std::promise<Stored<void>> done;
    };

    /// What a transaction changes in memory, once it is committed.
    struct Changes {
        std::vector<HotTable::Batch> batches;
        std::vector<std::int64_t> sealed;  ///< batches
    };
    using Group = std::map<std::pair<std::int64_t, std::int64_t>, std::vector<NewResult>>;  ///< by hour and part

    StoreWriter(std::unique_ptr<Database> database, SeriesIds& ids, HotTable& hot)
        : database_(std::move(database)), ids_(ids), hot_(hot) {}
    [[nodiscard]] Stored<void> prepare();
    [[nodiscard]] Stored<void> wait_for(std::function<Stored<void>()> work);
    void serve_queue();
    /// Does all jobs in one transaction, each inside a savepoint.
    [[nodiscard]] std::vector<Stored<void>> commit(std::deque<Job>& jobs);
    [[nodiscard]] Stored<void> in_savepoint(const std::function<Stored<void>()>& work);

    /// Looks at what other processes did since the last transaction.
    [[nodiscard]] Stored<void> catch_up();
    [[nodiscard]] Stored<AddCount> insert(std::span<const NewResult> results);
    [[nodiscard]] Stored<void> insert_batch(std::int64_t hour, std::int64_t part, std::vector<NewResult>& results);
    [[nodiscard]] Stored<std::int64_t> id_of(const schemas::SeriesKey& key);
    [[nodiscard]] Stored<bool> is_known(std::int64_t series, schemas::Instant intended);
    [[nodiscard]] Stored<bool> is_sealed(std::int64_t series, schemas::Instant intended);
    [[nodiscard]] Stored<std::uint64_t> seal_part(std::int64_t hour, std::int64_t part);
    /// Puts results of a series, by intended start, beside those that its hour has already.
    [[nodiscard]] Stored<void> seal_hour(std::int64_t series, std::int64_t hour,
                                         std::vector<const schemas::RunResult*> results);
    /// Of a series' schedule.
    [[nodiscard]] Stored<std::uint64_t> seed_of(std::int64_t series);
    [[nodiscard]] Stored<void> outline_day(std::int64_t series, std::int64_t day);
    [[nodiscard]] Stored<void> read_hour(std::int64_t series, std::int64_t hour, std::vector<schemas::RunResult>& out);
    /// Moves rows of table `hot`, where stores of version 1 kept fresh results, into batches.
    [[nodiscard]] Stored<void> move_old_rows();
    [[nodiscard]] Stored<std::size_t> move_some_old_rows();

    std::unique_ptr<Database> database_;
    SeriesIds& ids_;
    HotTable& hot_;
    HotReader hot_reader_;
    Statement select_id_;
    Statement insert_series_;
    Statement insert_batch_;
    Statement select_batches_;
    Statement delete_batches_;
    Statement data_version_;
    Statement select_key_;
    Statement select_hour_core_;
    Statement select_hour_;
    Statement replace_hour_;
    Statement grow_revision_;
    Statement select_due_;
    Statement select_day_;
    Statement replace_outline_;
    Statement delete_due_;

    // Of the transaction under way. Nothing of it is kept when it fails.
    std::map<schemas::SeriesKey, std::int64_t> fresh_ids_;
    struct IdentityHash {
        [[nodiscard]] std::size_t operator()(const std::pair<std::int64_t, std::int64_t>& identity) const {
            return std::hash<std::int64_t>()(identity.second * 31 + identity.first);
        }
    };
    /// Series and intended start of results.
    std::unordered_set<std::pair<std::int64_t, std::int64_t>, IdentityHash> fresh_;
    Changes changes_;
    /// Intended starts of the hours that were looked at, by id in table `hour`; empty: not sealed.
    std::unordered_map<std::int64_t, std::unordered_set<std::int64_t>> looked_at_;

    /// Of each series, by its number, the hour that was last looked for in vain. Right until somebody seals.
    std::vector<std::int64_t> unsealed_;
    std::int64_t seen_version_ = 0;
    std::unordered_map<std::int64_t, std::uint64_t> seeds_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> queue_;
    bool ending_ = false;
    std::thread thread_;  ///< last: starts when all else is there
};

}  // namespace slimtax::reporter
