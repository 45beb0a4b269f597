// The store in one SQLite file (schemas/store.sql). Fresh results lie one a row, those of hours that are over in one
// blob for each series and hour (blob.hpp): 10 times smaller and 50 times faster to read than rows.
//
// Writing: calls of add() queue for one writer thread, which takes all that wait into one transaction, syncs it
// (WAL, synchronous=FULL) and then lets them return. So calls from many connections share a sync, and a
// checkpoint holds up nobody's answer. Other processes may write too (import while serving): SQLite keeps them apart.
//
// Reading: any number of threads, each with a connection of its own from a pool; a read sees one moment of the
// store, so that a row that is just being sealed is seen once.
//
// Tried and dropped: rows in WITHOUT ROWID tables with blobs (slow beyond a page); a table of outages kept by SQL
// window functions (2–4 µs a row; the ledger reads blobs at a hundredth of that).
#pragma once

#include <filesystem>
#include <memory>

#include "reporter/store/store.hpp"

namespace slimtax::reporter {

class SqliteStore final : public Store {
public:
    enum class Mode {
        create,     ///< for the reporter and imports: made when it is not there
        existing,   ///< for what is said of results: must be there, may be upgraded and written
        read_only,  ///< for reports: must be there, is never changed
    };

    /// Opens and, if need be, makes or upgrades the file.
    [[nodiscard]] static Stored<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& file, Mode mode);
    ~SqliteStore() override;  ///< waits for calls that are under way

    Stored<AddCount> add(std::span<const schemas::RunResult> results) override;
    Stored<std::vector<schemas::SeriesKey>> series() override;
    Stored<SeriesRuns> runs(const schemas::SeriesKey& key, schemas::Instant from, schemas::Instant to) override;
    Stored<std::vector<SeriesDay>> days(const schemas::SeriesKey& key, std::int64_t first, std::int64_t last,
                                        const HoursWanted& hours) override;
    Stored<std::vector<schemas::RunResult>> results(const schemas::SeriesKey& key, schemas::Instant from,
                                                    schemas::Instant to, std::size_t limit) override;
    Stored<std::int64_t> amend(const RecordedAmendment& amendment) override;
    Stored<Amendments> amendments() override;
    Stored<std::size_t> issue(std::span<const IssuedFigure> figures) override;
    Stored<std::vector<IssuedFigure>> issued(const std::string& service, const std::string& objective,
                                             schemas::Instant from, schemas::Instant to) override;
    [[nodiscard]] std::uint64_t revision() const override;
    Stored<std::uint64_t> seal(schemas::Instant now) override;

private:
    class Impl;
    explicit SqliteStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::reporter
