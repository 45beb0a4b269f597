#include "reporter/store_writer.hpp"

#include <algorithm>

#include "reporter/store_reader.hpp"
#include "reporter/store_schema.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using schemas::RunResult;

/// Pages in the log (4 KB each) from which on it is copied into the file.
constexpr int checkpoint_pages = 1000;

}  // namespace

Stored<std::unique_ptr<StoreWriter>> StoreWriter::open(const std::filesystem::path& file, SeriesIds& ids) {
    auto database = Database::open(file, Database::Mode::create);
    if (!database) {
        return tl::unexpected(database.error());
    }
    if (auto good = prepare_store(**database, Database::Mode::create); !good) {
        return tl::unexpected(good.error());
    }
    std::unique_ptr<StoreWriter> writer(new StoreWriter(std::move(*database), ids));
    if (auto good = writer->prepare(); !good) {
        return tl::unexpected(good.error());
    }
    writer->thread_ = std::thread([self = writer.get()] { self->serve_queue(); });
    return writer;
}

StoreWriter::~StoreWriter() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    }
}

Stored<void> StoreWriter::prepare() {
    // Checkpoints are made by the thread, when nobody waits for an answer; a log that grew long is cut afterwards.
    if (auto done = database_->execute("PRAGMA journal_size_limit = 67108864"); !done) {
        return done;
    }
    const std::pair<Statement*, std::string_view> statements[] = {
        {&select_id_, select_series_id},
        {&insert_series_, "INSERT INTO series (service, probe, target, location) VALUES (?, ?, ?, ?) RETURNING id"},
        {&insert_hot_, "INSERT OR IGNORE INTO hot (series, intended, core, detail) VALUES (?, ?, ?, ?)"},
        {&select_hour_core_, "SELECT core FROM hour WHERE id = ?"},
        {&select_hour_, "SELECT core, detail FROM hour WHERE id = ?"},
        {&select_hot_,
         "SELECT core, detail FROM hot WHERE series = ? AND intended >= ? AND intended < ? "
         "ORDER BY intended"},
        {&delete_hot_, "DELETE FROM hot WHERE series = ? AND intended >= ? AND intended < ?"},
        {&replace_hour_, "INSERT OR REPLACE INTO hour (id, rows, core, detail) VALUES (?, ?, ?, ?)"},
        {&grow_revision_, "UPDATE revision SET number = number + 1"},
        {&select_due_, "SELECT id FROM outline_due WHERE id % 131072 < ? ORDER BY id LIMIT ?"},
        {&select_day_, "SELECT id, core FROM hour WHERE id BETWEEN ? AND ? ORDER BY id"},
        {&replace_outline_, "INSERT OR REPLACE INTO outline (id, whole, hours) VALUES (?, ?, ?)"},
        {&delete_due_, "DELETE FROM outline_due WHERE id = ?"},
    };
    for (const auto& [statement, sql] : statements) {
        auto prepared = database_->prepare(sql);
        if (!prepared) {
            return tl::unexpected(prepared.error());
        }
        *statement = std::move(*prepared);
    }
    return {};
}

Stored<AddCount> StoreWriter::add(const std::vector<HotRow>& rows) {
    AddCount count;
    const auto done = wait_for([&]() -> Stored<void> {
        const auto added = insert(rows);
        if (!added) {
            return tl::unexpected(added.error());
        }
        count = *added;
        return {};
    });
    return done ? Stored<AddCount>(count) : tl::unexpected(done.error());
}

Stored<std::uint64_t> StoreWriter::seal(std::span<const std::pair<std::int64_t, std::int64_t>> hours) {
    std::uint64_t moved = 0;
    const auto done = wait_for([&]() -> Stored<void> {
        for (const auto& [series, hour] : hours) {
            const auto rows = seal_hour(series, hour);
            if (!rows) {
                return tl::unexpected(rows.error());
            }
            moved += *rows;
        }
        return {};
    });
    return done ? Stored<std::uint64_t>(moved) : tl::unexpected(done.error());
}

Stored<std::size_t> StoreWriter::outline(std::int64_t day, std::size_t most) {
    std::vector<std::int64_t> due;
    const auto done = wait_for([&]() -> Stored<void> {
        select_due_.bind(1, day).bind(2, static_cast<std::int64_t>(most));
        while (true) {
            const auto row = select_due_.step();
            if (!row) {
                return tl::unexpected(row.error());
            }
            if (!*row) {
                break;
            }
            due.push_back(select_due_.integer(0));
        }
        select_due_.reset();
        for (const std::int64_t id : due) {
            if (auto made = outline_day(series_of_outline(id), day_of_id(id)); !made) {
                return made;
            }
        }
        return {};
    });
    return done ? Stored<std::size_t>(due.size()) : tl::unexpected(done.error());
}

Stored<void> StoreWriter::wait_for(std::function<Stored<void>()> work) {
    std::future<Stored<void>> done;
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back({std::move(work), {}});
        done = queue_.back().done.get_future();
    }
    changed_.notify_one();
    return done.get();
}

void StoreWriter::serve_queue() {
    while (true) {
        std::deque<Job> jobs;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return ending_ || !queue_.empty(); });
            if (queue_.empty()) {
                return;
            }
            jobs.swap(queue_);
        }
        const std::vector<Stored<void>> outcomes = commit(jobs);
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            jobs[i].done.set_value(outcomes[i]);
        }
        if (database_->log_pages() >= checkpoint_pages) {
            database_->checkpoint();
        }
    }
}

std::vector<Stored<void>> StoreWriter::commit(std::deque<Job>& jobs) {
    fresh_ids_.clear();
    looked_at_.clear();
    auto transaction = Transaction::begin(*database_, Transaction::Kind::write);
    if (!transaction) {
        return std::vector<Stored<void>>(jobs.size(), tl::unexpected(transaction.error()));
    }
    std::vector<Stored<void>> outcomes;
    for (Job& job : jobs) {
        outcomes.push_back(in_savepoint(job.work));
        if (!database_->in_transaction()) {
            // A full disk rolls everything back, the jobs before as well.
            return std::vector<Stored<void>>(jobs.size(), outcomes.back());
        }
    }
    if (const auto done = transaction->commit(); !done) {
        for (Stored<void>& outcome : outcomes) {
            if (outcome) {
                outcome = tl::unexpected(done.error());
            }
        }
        return outcomes;
    }
    for (const auto& [key, id] : fresh_ids_) {
        ids_.keep(key, id);
    }
    return outcomes;
}

Stored<void> StoreWriter::in_savepoint(const std::function<Stored<void>()>& work) {
    auto done = database_->execute("SAVEPOINT job");
    if (!done) {
        return done;
    }
    done = work();
    if (!done && database_->in_transaction()) {
        // Series that this job made are gone again, and so is what it put into hours.
        fresh_ids_.clear();
        looked_at_.clear();
        static_cast<void>(database_->execute("ROLLBACK TO job"));
    }
    if (database_->in_transaction()) {
        static_cast<void>(database_->execute("RELEASE job"));
    }
    return done;
}

Stored<AddCount> StoreWriter::insert(const std::vector<HotRow>& rows) {
    AddCount count;
    for (const HotRow& row : rows) {
        const auto series = id_of(*row.key);
        if (!series) {
            return tl::unexpected(series.error());
        }
        const auto sealed = is_sealed(*series, row.intended);
        if (!sealed) {
            return tl::unexpected(sealed.error());
        }
        if (!*sealed) {
            insert_hot_.bind(1, *series).bind(2, row.intended.time_since_epoch().count());
            insert_hot_.bind_blob(3, row.blob.core).bind_blob(4, row.blob.detail);
            if (const auto done = insert_hot_.run(); !done) {
                return tl::unexpected(done.error());
            }
        }
        const bool repeated = *sealed || database_->changes() == 0;
        ++(repeated ? count.repeated : count.stored);
    }
    if (count.stored > 0) {
        if (const auto done = grow_revision_.run(); !done) {
            return tl::unexpected(done.error());
        }
    }
    return count;
}

Stored<std::int64_t> StoreWriter::id_of(const schemas::SeriesKey& key) {
    if (const auto known = ids_.find(key)) {
        return *known;
    }
    if (const auto fresh = fresh_ids_.find(key); fresh != fresh_ids_.end()) {
        return fresh->second;
    }
    const auto found = read_series_id(select_id_, key);
    if (!found) {
        return tl::unexpected(found.error());
    }
    if (*found) {
        fresh_ids_.emplace(key, **found);
        return **found;
    }
    insert_series_.bind_text(1, key.service).bind_text(2, key.probe);
    insert_series_.bind_text(3, key.target).bind_text(4, key.location);
    const auto row = insert_series_.step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    const std::int64_t id = insert_series_.integer(0);
    if (const auto done = insert_series_.run(); !done) {
        return tl::unexpected(done.error());
    }
    fresh_ids_.emplace(key, id);
    return id;
}

Stored<bool> StoreWriter::is_sealed(std::int64_t series, Instant intended) {
    const std::int64_t hour = hour_of(intended);
    const auto [at, fresh] = looked_at_.try_emplace(hour_id(series, hour));
    if (fresh) {
        select_hour_core_.bind(1, at->first);
        const auto row = select_hour_core_.step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (*row) {
            std::vector<Instant> intended_starts;
            const Decoded good = decode_intended(hour, select_hour_core_.blob(0), intended_starts);
            if (!good) {
                select_hour_core_.reset();
                return tl::unexpected(damaged(*database_, series, hour, good.error()));
            }
            for (const Instant start : intended_starts) {
                at->second.insert(start.time_since_epoch().count());
            }
        }
        select_hour_core_.reset();
    }
    return at->second.contains(intended.time_since_epoch().count());
}

Stored<void> StoreWriter::read_hour(std::int64_t series, std::int64_t hour, std::vector<RunResult>& out) {
    select_hour_.bind(1, hour_id(series, hour));
    const auto row = select_hour_.step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    Decoded good;
    if (*row) {
        good = decode_results(hour, select_hour_.blob(0), select_hour_.blob(1), {}, out);
    }
    select_hour_.reset();
    return good ? Stored<void>() : tl::unexpected(damaged(*database_, series, hour, good.error()));
}

Stored<void> StoreWriter::read_hot(std::int64_t series, std::int64_t hour, std::vector<RunResult>& out) {
    select_hot_.bind(1, series).bind(2, begin_of_hour(hour).time_since_epoch().count());
    select_hot_.bind(3, begin_of_hour(hour + 1).time_since_epoch().count());
    while (true) {
        const auto row = select_hot_.step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            select_hot_.reset();
            return {};
        }
        if (const Decoded good = decode_results(hour, select_hot_.blob(0), select_hot_.blob(1), {}, out); !good) {
            select_hot_.reset();
            return tl::unexpected(damaged(*database_, series, hour, good.error()));
        }
    }
}

Stored<std::uint64_t> StoreWriter::seal_hour(std::int64_t series, std::int64_t hour) {
    std::vector<RunResult> rows;
    if (auto done = read_hour(series, hour, rows); !done) {
        return tl::unexpected(done.error());
    }
    const std::size_t sealed_before = rows.size();
    if (auto done = read_hot(series, hour, rows); !done) {
        return tl::unexpected(done.error());
    }
    if (rows.size() == sealed_before) {
        return 0;  // another process sealed it meanwhile
    }
    // The first one stored wins: add() has seen to that already, this keeps the blob's promise whatever happened.
    std::ranges::stable_sort(rows, {}, &RunResult::intended);
    const auto repeated = std::ranges::unique(rows, {}, &RunResult::intended);
    rows.erase(repeated.begin(), repeated.end());

    const HourBlob blob = encode_hour(hour, rows);
    replace_hour_.bind(1, hour_id(series, hour)).bind(2, static_cast<std::int64_t>(rows.size()));
    replace_hour_.bind_blob(3, blob.core).bind_blob(4, blob.detail);
    if (auto done = replace_hour_.run(); !done) {
        return tl::unexpected(done.error());
    }
    delete_hot_.bind(1, series).bind(2, begin_of_hour(hour).time_since_epoch().count());
    delete_hot_.bind(3, begin_of_hour(hour + 1).time_since_epoch().count());
    if (auto done = delete_hot_.run(); !done) {
        return tl::unexpected(done.error());
    }
    looked_at_.erase(hour_id(series, hour));
    return rows.size() - sealed_before;
}

Stored<void> StoreWriter::outline_day(std::int64_t series, std::int64_t day) {
    const std::int64_t first = hour_of(begin_of_day(day));
    select_day_.bind(1, hour_id(series, first)).bind(2, hour_id(series, first + hours_a_day - 1));
    std::vector<Run> runs;
    while (true) {
        const auto row = select_day_.step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            break;
        }
        const std::int64_t hour = hour_of_id(select_day_.integer(0));
        if (const Decoded good = decode_runs(hour, select_day_.blob(1), runs); !good) {
            // No outline, then: reports read the hours themselves, and name the damage. Others must not wait for it.
            runs.clear();
            break;
        }
    }
    select_day_.reset();
    if (!runs.empty()) {
        const OutlineBlobs blobs = encode_outline(day, runs);
        replace_outline_.bind(1, outline_id(series, day)).bind_blob(2, blobs.whole).bind_blob(3, blobs.hours);
        if (auto done = replace_outline_.run(); !done) {
            return done;
        }
    }
    delete_due_.bind(1, outline_id(series, day));
    return delete_due_.run();
}

}  // namespace slimtax::reporter
