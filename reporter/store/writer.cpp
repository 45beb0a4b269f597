#include "reporter/store/writer.hpp"

#include <algorithm>

#include "reporter/store/blob_steps.hpp"
#include "reporter/store/reader.hpp"
#include "reporter/store/schema.hpp"
#include "schemas/slots.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using schemas::RunResult;

/// Pages in the log (4 KB each) from which on it is copied into the file.
constexpr int checkpoint_pages = 1000;

std::int64_t number(Instant instant) {
    return instant.time_since_epoch().count();
}

Run run_of(const RunResult& result) {
    Run run;
    run.intended = result.intended;
    run.started = result.started;
    run.length = result.length;
    run.response = result.response;
    run.every = result.every;
    run.verdict = result.verdict;
    run.reason = result.reason;
    run.work = result.work;
    run.work_span = result.work_span;
    run.users = result.users;
    return run;
}

}  // namespace

Stored<std::unique_ptr<StoreWriter>> StoreWriter::open(const std::filesystem::path& file, SeriesIds& ids,
                                                       HotTable& hot) {
    auto database = Database::open(file, Database::Mode::create);
    if (!database) {
        return tl::unexpected(database.error());
    }
    if (auto good = prepare_store(**database, Database::Mode::create); !good) {
        return tl::unexpected(good.error());
    }
    std::unique_ptr<StoreWriter> writer(new StoreWriter(std::move(*database), ids, hot));
    if (auto good = writer->prepare(); !good) {
        return tl::unexpected(good.error());
    }
    if (auto good = writer->move_old_rows(); !good) {
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
        {&insert_batch_, "INSERT INTO batch (hour, part, series, core, detail) VALUES (?, ?, ?, ?, ?) RETURNING id"},
        {&select_batches_,
         "SELECT id, series, core, detail FROM batch INDEXED BY batch_part WHERE hour = ? AND part = ? ORDER BY id"},
        {&delete_batches_, "DELETE FROM batch WHERE hour = ? AND part = ?"},
        {&data_version_, "PRAGMA data_version"},
        {&select_key_, "SELECT service, probe, target, location FROM series WHERE id = ?"},
        {&select_hour_core_, "SELECT core FROM hour WHERE id = ?"},
        {&select_hour_, "SELECT core, detail FROM hour WHERE id = ?"},
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
    return hot_reader_.prepare(*database_);
}

Stored<AddCount> StoreWriter::add(std::span<const NewResult> results) {
    AddCount count;
    const auto done = wait_for([&]() -> Stored<void> {
        const auto added = insert(results);
        if (!added) {
            return tl::unexpected(added.error());
        }
        count = *added;
        return {};
    });
    return done ? Stored<AddCount>(count) : tl::unexpected(done.error());
}

Stored<std::uint64_t> StoreWriter::seal(std::int64_t hour, std::int64_t part) {
    std::uint64_t moved = 0;
    const auto done = wait_for([&]() -> Stored<void> {
        const auto rows = seal_part(hour, part);
        if (!rows) {
            return tl::unexpected(rows.error());
        }
        moved = *rows;
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
    fresh_.clear();
    changes_ = {};
    looked_at_.clear();
    auto transaction = Transaction::begin(*database_, Transaction::Kind::write);
    if (!transaction) {
        return std::vector<Stored<void>>(jobs.size(), tl::unexpected(transaction.error()));
    }
    if (const auto good = catch_up(); !good) {
        return std::vector<Stored<void>>(jobs.size(), tl::unexpected(good.error()));
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
    hot_.add(std::move(changes_.batches));
    hot_.remove(std::move(changes_.sealed));
    return outcomes;
}

Stored<void> StoreWriter::catch_up() {
    const auto row = data_version_.step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    const std::int64_t version = data_version_.integer(0);
    data_version_.reset();
    if (version != seen_version_) {
        seen_version_ = version;
        unsealed_.clear();
    }
    return hot_reader_.refresh(hot_);
}

Stored<void> StoreWriter::in_savepoint(const std::function<Stored<void>()>& work) {
    auto done = database_->execute("SAVEPOINT job");
    if (!done) {
        return done;
    }
    const std::size_t batches = changes_.batches.size();
    const std::size_t sealed = changes_.sealed.size();
    done = work();
    if (!done && database_->in_transaction()) {
        // Series that this job made are gone again, and so is what it put into hours and batches.
        fresh_ids_.clear();
        looked_at_.clear();
        unsealed_.clear();
        changes_.batches.resize(batches);
        changes_.sealed.resize(sealed);
        fresh_.clear();
        for (const HotTable::Batch& batch : changes_.batches) {
            for (std::size_t i = 0; i < batch.runs.size(); ++i) {
                fresh_.emplace(batch.series[i], number(batch.runs[i].intended));
            }
        }
        static_cast<void>(database_->execute("ROLLBACK TO job"));
    }
    if (database_->in_transaction()) {
        static_cast<void>(database_->execute("RELEASE job"));
    }
    return done;
}

Stored<AddCount> StoreWriter::insert(std::span<const NewResult> results) {
    AddCount count;
    Group groups;
    for (NewResult one : results) {
        if (one.series == 0) {
            const auto series = id_of(one.result->key);
            if (!series) {
                return tl::unexpected(series.error());
            }
            one.series = *series;
        }
        const auto known = is_known(one.series, one.result->intended);
        if (!known) {
            return tl::unexpected(known.error());
        }
        if (*known || !fresh_.emplace(one.series, number(one.result->intended)).second) {
            ++count.repeated;
            continue;
        }
        ++count.stored;
        groups[{hour_of(one.result->intended), one.series % hour_parts}].push_back(one);
    }
    for (auto& [place, members] : groups) {
        if (auto done = insert_batch(place.first, place.second, members); !done) {
            return tl::unexpected(done.error());
        }
    }
    if (count.stored > 0) {
        if (const auto done = grow_revision_.run(); !done) {
            return tl::unexpected(done.error());
        }
    }
    return count;
}

Stored<void> StoreWriter::insert_batch(std::int64_t hour, std::int64_t part, std::vector<NewResult>& results) {
    std::ranges::stable_sort(results, {}, [](const NewResult& one) { return one.result->intended; });
    std::vector<const RunResult*> rows;
    HotTable::Batch batch;
    rows.reserve(results.size());
    batch.series.reserve(results.size());
    batch.runs.reserve(results.size());
    for (const NewResult& one : results) {
        rows.push_back(one.result);
        batch.series.push_back(one.series);
        batch.runs.push_back(run_of(*one.result));
    }
    const HourBlob blob = encode_rows(hour, rows, {});
    const std::string series = encode_series(batch.series);
    insert_batch_.bind(1, hour).bind(2, part).bind_blob(3, series).bind_blob(4, blob.core).bind_blob(5, blob.detail);
    const auto row = insert_batch_.step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    batch.id = insert_batch_.integer(0);
    changes_.batches.push_back(std::move(batch));
    return insert_batch_.run();
}

Stored<bool> StoreWriter::is_known(std::int64_t series, Instant intended) {
    return hot_.contains(series, intended) ? Stored<bool>(true) : is_sealed(series, intended);
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
    const auto number = static_cast<std::size_t>(series);
    if (number < unsealed_.size() && unsealed_[number] == hour) {
        return false;
    }
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
        } else {
            unsealed_.resize(std::max(unsealed_.size(), number + 1), -1);
            unsealed_[number] = hour;
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

Stored<std::uint64_t> StoreWriter::seal_part(std::int64_t hour, std::int64_t part) {
    std::vector<RunResult> results;
    std::vector<std::int64_t> series;
    select_batches_.bind(1, hour).bind(2, part);
    while (true) {
        const auto row = select_batches_.step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            select_batches_.reset();
            break;
        }
        const auto ids = decode_series(select_batches_.blob(1));
        const Decoded good = ids ? decode_results(hour, select_batches_.blob(2), select_batches_.blob(3), {}, results)
                                 : tl::unexpected(ids.error());
        if (!good || series.size() + ids->size() != results.size()) {
            select_batches_.reset();
            return tl::unexpected(damaged(*database_, 0, hour, good ? "its columns differ" : good.error()));
        }
        series.insert(series.end(), ids->begin(), ids->end());
        changes_.sealed.push_back(select_batches_.integer(0));
    }
    std::map<std::int64_t, std::vector<const RunResult*>> by_series;
    for (std::size_t i = 0; i < results.size(); ++i) {
        by_series[series[i]].push_back(&results[i]);
    }
    for (auto& [one, members] : by_series) {
        if (auto done = seal_hour(one, hour, std::move(members)); !done) {
            return tl::unexpected(done.error());
        }
    }
    delete_batches_.bind(1, hour).bind(2, part);
    if (auto done = delete_batches_.run(); !done) {
        return tl::unexpected(done.error());
    }
    looked_at_.clear();
    unsealed_.clear();
    return results.size();
}

Stored<void> StoreWriter::seal_hour(std::int64_t series, std::int64_t hour, std::vector<const RunResult*> results) {
    std::vector<RunResult> before;
    if (auto done = read_hour(series, hour, before); !done) {
        return done;
    }
    std::vector<const RunResult*> rows;
    for (const RunResult& row : before) {
        rows.push_back(&row);
    }
    rows.insert(rows.end(), results.begin(), results.end());
    // The first one stored wins: add() has seen to that already, this keeps the blob's promise whatever happened.
    const auto intended = [](const RunResult* row) { return row->intended; };
    std::ranges::stable_sort(rows, {}, intended);
    const auto repeated = std::ranges::unique(rows, {}, intended);
    rows.erase(repeated.begin(), repeated.end());

    const auto seed = seed_of(series);
    if (!seed) {
        return tl::unexpected(seed.error());
    }
    const HourBlob blob = encode_rows(hour, rows, *seed);
    replace_hour_.bind(1, hour_id(series, hour)).bind(2, static_cast<std::int64_t>(rows.size()));
    replace_hour_.bind_blob(3, blob.core).bind_blob(4, blob.detail);
    return replace_hour_.run();
}

Stored<std::uint64_t> StoreWriter::seed_of(std::int64_t series) {
    const auto known = seeds_.find(series);
    if (known != seeds_.end()) {
        return known->second;
    }
    select_key_.bind(1, series);
    const auto row = select_key_.step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    schemas::SeriesKey key;
    if (*row) {
        key = {std::string(select_key_.text(0)), std::string(select_key_.text(1)), std::string(select_key_.text(2)),
               std::string(select_key_.text(3))};
    }
    select_key_.reset();
    return seeds_[series] = schemas::seed_of(key);
}

Stored<void> StoreWriter::move_old_rows() {
    const auto any = database_->integer("SELECT EXISTS (SELECT 1 FROM hot)");
    if (!any || *any == 0) {
        return any ? Stored<void>() : tl::unexpected(any.error());
    }
    while (true) {
        fresh_.clear();
        changes_ = {};
        auto transaction = Transaction::begin(*database_, Transaction::Kind::write);
        if (!transaction) {
            return tl::unexpected(transaction.error());
        }
        const auto moved = move_some_old_rows();
        if (!moved) {
            return tl::unexpected(moved.error());
        }
        if (const auto done = transaction->commit(); !done || *moved == 0) {
            changes_ = {};
            return done;
        }
    }
}

Stored<std::size_t> StoreWriter::move_some_old_rows() {
    auto select = database_->prepare("SELECT id, series, intended, core, detail FROM hot ORDER BY id LIMIT 5000");
    if (!select) {
        return tl::unexpected(select.error());
    }
    std::vector<RunResult> results;
    std::vector<std::int64_t> series;
    std::int64_t last = 0;
    for (auto row = select->step(); !row || *row; row = select->step()) {
        if (!row) {
            return tl::unexpected(row.error());
        }
        const std::int64_t hour = hour_of(Instant(schemas::Duration(select->integer(2))));
        if (const Decoded good = decode_results(hour, select->blob(3), select->blob(4), {}, results); !good) {
            return tl::unexpected(damaged(*database_, select->integer(1), hour, good.error()));
        }
        series.resize(results.size(), select->integer(1));
        last = select->integer(0);
    }
    select->reset();
    Group groups;
    for (std::size_t i = 0; i < results.size(); ++i) {
        groups[{hour_of(results[i].intended), series[i] % hour_parts}].push_back({&results[i], series[i]});
    }
    for (auto& [place, members] : groups) {
        if (auto done = insert_batch(place.first, place.second, members); !done) {
            return tl::unexpected(done.error());
        }
    }
    auto done =
        results.empty() ? Stored<void>() : database_->execute("DELETE FROM hot WHERE id <= " + std::to_string(last));
    return done ? Stored<std::size_t>(results.size()) : tl::unexpected(done.error());
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
