#include "reporter/store/sqlite_store.hpp"

#include <atomic>
#include <mutex>

#include <fmt/format.h>

#include "reporter/store/reader.hpp"
#include "reporter/store/record_tables.hpp"
#include "reporter/store/schema.hpp"
#include "reporter/store/writer.hpp"
#include "schemas/result_wire.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using schemas::RunResult;
using schemas::SeriesKey;

/// Outlines that are made in one transaction: others' writes wait no longer than that takes.
constexpr std::size_t outlined_at_once = 32;

constexpr std::chrono::hours stays_hot{1};

}  // namespace

class SqliteStore::Impl {
public:
    Impl(std::filesystem::path file, Mode mode) : file_(std::move(file)), mode_(mode) {}

    /// A reader of the pool, which goes back when the loan ends.
    class Loan {
    public:
        Loan(Impl& store, std::unique_ptr<StoreReader> reader) : store_(&store), reader_(std::move(reader)) {}
        Loan(Loan&&) noexcept = default;
        Loan& operator=(Loan&&) = delete;
        ~Loan() {
            if (reader_) {
                const std::lock_guard lock(store_->mutex_);
                store_->idle_.push_back(std::move(reader_));
            }
        }
        StoreReader* operator->() { return reader_.get(); }

    private:
        Impl* store_;
        std::unique_ptr<StoreReader> reader_;
    };

    Stored<void> open() {
        if (mode_ == Mode::existing) {
            if (auto there = Database::open(file_, Database::Mode::existing); !there) {
                return tl::unexpected(there.error());
            } else if (auto good = prepare_store(**there, Database::Mode::existing); !good) {
                return good;
            }
        }
        if (mode_ != Mode::read_only) {
            auto writer = StoreWriter::open(file_, ids_, hot_);
            if (!writer) {
                return tl::unexpected(writer.error());
            }
            writer_ = std::move(*writer);
        } else {
            auto database = Database::open(file_, Database::Mode::read_only);
            if (!database) {
                return tl::unexpected(database.error());
            }
            if (auto good = prepare_store(**database, Database::Mode::read_only); !good) {
                return good;
            }
        }
        // A store that opens can be read.
        const auto first = borrow();
        return first ? Stored<void>() : tl::unexpected(first.error());
    }

    Stored<Loan> borrow() {
        {
            const std::lock_guard lock(mutex_);
            if (!idle_.empty()) {
                std::unique_ptr<StoreReader> reader = std::move(idle_.back());
                idle_.pop_back();
                return Loan(*this, std::move(reader));
            }
        }
        auto reader =
            StoreReader::open(file_, mode_ == Mode::read_only ? Database::Mode::read_only : Database::Mode::existing);
        if (!reader) {
            return tl::unexpected(reader.error());
        }
        return Loan(*this, std::move(*reader));
    }

    std::optional<std::int64_t> known_id(const SeriesKey& key) { return ids_.find(key); }

    /// The hot runs of a series. To be taken before the sealed ones are read.
    Stored<std::vector<Run>> hot_runs(StoreReader& reader, std::int64_t series, Instant from, Instant to) {
        if (auto good = reader.refresh(hot_); !good) {
            return tl::unexpected(good.error());
        }
        return hot_.runs(series, from, to);
    }

    Stored<std::optional<std::int64_t>> id_of(StoreReader& reader, const SeriesKey& key) {
        if (const auto known = ids_.find(key)) {
            return known;
        }
        auto found = reader.series_id(key);
        if (found && *found) {
            ids_.keep(key, **found);
        }
        return found;
    }

    /// What `read` finds of a series by a reader of its own; nothing of one that is not known.
    template <class T, class Read>
    Stored<T> of_series(const SeriesKey& key, Read&& read) {
        auto reader = borrow();
        if (!reader) {
            return tl::unexpected(reader.error());
        }
        StoreReader& one = *reader->operator->();
        const auto id = id_of(one, key);
        if (!id) {
            return tl::unexpected(id.error());
        }
        return *id ? Stored<T>(read(one, **id)) : T();
    }

    /// The writer, or why there is none.
    Stored<StoreWriter*> writer() {
        if (!writer_) {
            return tl::unexpected(StoreError{fmt::format("{} was opened for reading only", file_.string()), false});
        }
        return writer_.get();
    }

    /// Does something with the record, which is opened when it is first needed.
    template <class Do>
    auto with_record(Do&& something) -> decltype(something(std::declval<StoreRecord&>())) {
        const std::lock_guard lock(record_mutex_);
        if (!record_) {
            auto record = StoreRecord::open(file_, mode_ == Mode::read_only);
            if (!record) {
                return tl::unexpected(record.error());
            }
            record_ = std::move(*record);
        }
        return something(*record_);
    }

    std::atomic<std::uint64_t> last_revision{0};

private:
    std::filesystem::path file_;
    Mode mode_;
    SeriesIds ids_;
    HotTable hot_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<StoreReader>> idle_;
    std::unique_ptr<StoreWriter> writer_;
    std::mutex record_mutex_;
    std::unique_ptr<StoreRecord> record_;
};

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStore::~SqliteStore() = default;

Stored<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::filesystem::path& file, Mode mode) {
    auto impl = std::make_unique<Impl>(file, mode);
    if (auto good = impl->open(); !good) {
        return tl::unexpected(good.error());
    }
    return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl)));
}

Stored<AddCount> SqliteStore::add(std::span<const RunResult> results) {
    const auto writer = impl_->writer();
    if (!writer) {
        return tl::unexpected(writer.error());
    }
    std::vector<NewResult> rows;
    rows.reserve(results.size());
    for (const RunResult& result : results) {
        if (const auto good = schemas::check(result); !good) {
            return tl::unexpected(StoreError{
                fmt::format("a result of {} cannot be stored: {}", schemas::to_string(result.key), good.error()),
                false});
        }
        rows.push_back({&result, impl_->known_id(result.key).value_or(0)});
    }
    return rows.empty() ? AddCount{} : (*writer)->add(rows);
}

Stored<std::vector<SeriesKey>> SqliteStore::series() {
    auto reader = impl_->borrow();
    return reader ? (*reader)->series() : tl::unexpected(reader.error());
}

Stored<SeriesRuns> SqliteStore::runs(const SeriesKey& key, Instant from, Instant to) {
    auto runs = impl_->of_series<std::vector<Run>>(key, [&](StoreReader& reader, std::int64_t id) {
        auto hot = impl_->hot_runs(reader, id, from, to);
        return hot ? reader.runs(id, from, to, *std::move(hot)) : hot;
    });
    if (!runs) {
        return tl::unexpected(runs.error());
    }
    return SeriesRuns{key, *std::move(runs)};
}

Stored<std::vector<SeriesDay>> SqliteStore::days(const SeriesKey& key, std::int64_t first, std::int64_t last,
                                                 const HoursWanted& hours) {
    using Days = std::vector<SeriesDay>;
    return impl_->of_series<Days>(key, [&](StoreReader& reader, std::int64_t id) {
        auto hot = impl_->hot_runs(reader, id, begin_of_day(first), begin_of_day(last + 1));
        return hot ? reader.days(id, first, last, hours, *std::move(hot)) : Stored<Days>(tl::unexpected(hot.error()));
    });
}

Stored<std::vector<RunResult>> SqliteStore::results(const SeriesKey& key, Instant from, Instant to, std::size_t limit) {
    return impl_->of_series<std::vector<RunResult>>(
        key, [&](StoreReader& reader, std::int64_t id) { return reader.results(id, key, from, to, limit); });
}

Stored<std::int64_t> SqliteStore::amend(const RecordedAmendment& amendment) {
    const auto writer = impl_->writer();
    return writer ? impl_->with_record([&](StoreRecord& record) { return record.amend(amendment); })
                  : tl::unexpected(writer.error());
}

Stored<Amendments> SqliteStore::amendments() {
    return impl_->with_record([](StoreRecord& record) { return record.amendments(); });
}

Stored<std::size_t> SqliteStore::issue(std::span<const IssuedFigure> figures) {
    const auto writer = impl_->writer();
    return writer ? impl_->with_record([&](StoreRecord& record) { return record.issue(figures); })
                  : tl::unexpected(writer.error());
}

Stored<std::vector<IssuedFigure>> SqliteStore::issued(const std::string& service, const std::string& objective,
                                                      Instant from, Instant to) {
    return impl_->with_record([&](StoreRecord& record) { return record.issued(service, objective, from, to); });
}

std::uint64_t SqliteStore::revision() const {
    if (auto reader = impl_->borrow()) {
        if (const auto number = (*reader)->revision()) {
            impl_->last_revision = static_cast<std::uint64_t>(*number);
        }
    }
    return impl_->last_revision;
}

Stored<std::uint64_t> SqliteStore::seal(Instant now) {
    const auto writer = impl_->writer();
    if (!writer) {
        return tl::unexpected(writer.error());
    }
    auto reader = impl_->borrow();
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    const auto parts = (*reader)->parts_to_seal(hour_of(now - stays_hot));
    if (!parts) {
        return tl::unexpected(parts.error());
    }
    std::uint64_t moved = 0;
    for (const auto& [hour, part] : *parts) {
        const auto rows = (*writer)->seal(hour, part);
        if (!rows) {
            return tl::unexpected(rows.error());
        }
        moved += *rows;
    }
    for (bool more = true; more;) {
        const auto made = (*writer)->outline(day_of(begin_of_hour(hour_of(now - stays_hot))), outlined_at_once);
        if (!made) {
            return tl::unexpected(made.error());
        }
        more = *made == outlined_at_once;
    }
    return moved;
}

}  // namespace slimtax::reporter
