// Where results are kept: a narrow interface that a distributed store can stand behind later (engine.md).
// Threading: one writer (add, seal), any number of readers at once; every call is safe from every thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "reporter/store/outline.hpp"
#include "reporter/store/record.hpp"
#include "reporter/store/run.hpp"
#include "schemas/result.hpp"

namespace slimtax::reporter {

/// Why the store could not do it; `retry` tells whether the same call may succeed later (disk full, busy).
struct StoreError {
    std::string reason;
    bool retry = true;
};

template <class T>
using Stored = tl::expected<T, StoreError>;

/// What the store says of a series on one day (UTC): an outline (outline.hpp), or all runs.
struct SeriesDay {
    std::int64_t day = 0;  ///< counted since 1970
    std::optional<DayOutline> outline;
    std::optional<HourTotals> hours;  ///< only with an outline, and if they were asked for
    std::vector<Run> runs;            ///< all of the day; empty where there is an outline
};

/// Says of which days the totals of single hours are wanted.
using HoursWanted = std::function<bool(std::int64_t day)>;

struct AddCount {
    std::uint64_t stored = 0;
    std::uint64_t repeated = 0;  ///< were there already: the first one stored stays
};

class Store {
public:
    virtual ~Store() = default;

    /// Stores all or none, durably (synced to disk) before it returns. A result whose (series, intended start)
    /// is there already is counted and left alone.
    virtual Stored<AddCount> add(std::span<const schemas::RunResult> results) = 0;

    /// Every series that ever had a result, sorted.
    virtual Stored<std::vector<schemas::SeriesKey>> series() = 0;

    /// The runs of a series that can say something about [from, to): those intended in it, the last one
    /// before it, and the first one after it. By intended start. An empty range gives just these neighbours.
    virtual Stored<SeriesRuns> runs(const schemas::SeriesKey& key, schemas::Instant from, schemas::Instant to) = 0;

    /// The days of a series from `first` to `last`, both included; days without results are left out. By default
    /// without outlines: a store need not keep any.
    virtual Stored<std::vector<SeriesDay>> days(const schemas::SeriesKey& key, std::int64_t first, std::int64_t last,
                                                const HoursWanted& hours);

    /// Whole results, steps included, of one series intended in [from, to): the newest `limit` of them, newest last.
    virtual Stored<std::vector<schemas::RunResult>> results(const schemas::SeriesKey& key, schemas::Instant from,
                                                            schemas::Instant to, std::size_t limit) = 0;

    /// Puts an amendment on record and returns its number; `number` and `undone` of what is given are not looked at.
    /// This and the next three: a store that keeps no record has nothing on it and refuses.
    virtual Stored<std::int64_t> amend(const RecordedAmendment& amendment);

    /// Every amendment, by number.
    virtual Stored<Amendments> amendments() { return Amendments(); }

    /// Puts on record what a report that is given out says, where the last one did not say the same. Returns how many
    /// of the figures were new. `amendments` of what is given is not looked at.
    virtual Stored<std::size_t> issue(std::span<const IssuedFigure> figures);

    /// What was given out of this objective and period, newest first.
    virtual Stored<std::vector<IssuedFigure>> issued(const std::string& service, const std::string& objective,
                                                     schemas::Instant from, schemas::Instant to);

    /// Grows whenever results were added or outages amended: lets readers keep what they computed.
    [[nodiscard]] virtual std::uint64_t revision() const = 0;

    /// Moves hot rows of hours that ended before `now` minus an hour into sealed blobs, and makes the outlines of
    /// days of which all hours are. Returns rows moved.
    virtual Stored<std::uint64_t> seal(schemas::Instant now) = 0;
};

}  // namespace slimtax::reporter
