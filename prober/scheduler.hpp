// Starts the runs of one location at their intended starts (design §4). Knows time; knows neither loop nor
// protocol: whoever owns it calls `turn` when it asks for it, and does what its actions say.
//
// Rules, each slot having exactly one outcome while the prober runs:
// - Open loop: a run starts at its intended start by the wall clock, whatever earlier runs do. Runs of a series
//   overlap; what is still under way beyond every time-out stops more from piling up (`not_run`).
// - `exclusive`: a run waits for the one before; when that lasts until the slot's end it is `not_run`.
// - More than a whole slot late (a busy or stopped process): `not_run`.
// - The clock jumps ahead, or the machine was suspended: the slots skipped over are `not_run`, none is caught up
//   on; those more than `longest_skip` back get no outcome (the reporter knows them as missing).
// - The clock jumps back: slots that had their outcome are not run again; the others are.
// A clock that moves by less than `smallest_jump` is followed without notice.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "prober/clock.hpp"
#include "prober/run_request.hpp"
#include "schemas/definition.hpp"
#include "schemas/result.hpp"
#include "schemas/series.hpp"

namespace slimtax::prober {

/// Names a run under way; never used twice.
using RunId = std::uint64_t;

struct SchedulerActions {
    /// Starts a run. When it has ended, `finished(id)` must be called: never from within this call.
    std::function<void(RunId, RunRequest)> start;
    /// Takes the outcome of a slot that was not run.
    std::function<void(schemas::RunResult)> record;
    /// A sentence for the log: the clock jumped …
    std::function<void(std::string)> notice;
};

/// What a reload changed, in series.
struct SeriesChange {
    std::size_t kept = 0;     ///< same schedule: go on undisturbed, from now on with the new script
    std::size_t added = 0;    ///< new, or with a new schedule
    std::size_t removed = 0;  ///< their runs under way still end and count
};

class Scheduler {
public:
    static constexpr schemas::Duration smallest_jump = std::chrono::seconds(1);
    static constexpr schemas::Duration longest_skip = std::chrono::hours(2);
    /// `turn` asks to be called at least this often, so that a jump of the clock is noticed.
    static constexpr schemas::Duration longest_sleep = std::chrono::seconds(1);

    /// What a run takes of the room for runs.
    using Weigh = std::size_t (*)(const schemas::Probe& probe);

    /// `clock` outlives the scheduler. Runs under way weigh at most `room` together (by default each weighs one);
    /// beyond that slots are `not_run`. One run always has room.
    Scheduler(
        const Clock& clock, std::string location, SchedulerActions actions, std::size_t room,
        Weigh weigh = [](const schemas::Probe&) -> std::size_t { return 1; });
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// Takes a set of definitions; new series begin with their first slot from now on.
    SeriesChange set_definitions(const schemas::Definitions& definitions);

    /// Does what is due. Returns when to be called next, by the monotonic clock.
    probes::TimePoint turn();

    /// A run that was started has ended.
    void finished(RunId id);

    /// No more starts. Runs waiting for their turn become `not_run`.
    void stop();

    /// Records every run under way as `not_run` for that reason; for the very end.
    void abandon(const std::string& reason);

    [[nodiscard]] std::size_t series_count() const { return series_.size(); }
    [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }
    /// Series that wait for the wall clock to come back to where it was.
    [[nodiscard]] std::size_t waiting_for_clock() const;

private:
    struct Series;
    struct Due {
        schemas::Instant start;
        std::uint32_t series;
    };
    struct InFlight {
        std::shared_ptr<Series> series;
        RunRequest request;
        std::size_t weight;
    };

    void notice_jump(schemas::Instant wall, probes::TimePoint steady);
    void jumped_back(schemas::Instant wall);
    void jumped_ahead(schemas::Instant wall);
    void rebuild_heap();
    void due(const std::shared_ptr<Series>& series, std::int64_t slot, schemas::Instant start, schemas::Instant wall);
    void begin(const std::shared_ptr<Series>& series, std::int64_t slot);
    void skip(const Series& series, std::int64_t slot, std::string reason);
    void record_not_run(RunRequest request, const std::string& reason);
    [[nodiscard]] RunRequest request_for(const Series& series, std::int64_t slot) const;

    const Clock& clock_;
    std::string location_;
    SchedulerActions actions_;
    std::size_t room_;
    Weigh weigh_;
    std::size_t taken_ = 0;  ///< of the room, by the runs in flight
    std::vector<std::shared_ptr<Series>> series_;
    std::vector<Due> heap_;  ///< one entry a series, the earliest start first
    std::unordered_map<RunId, InFlight> in_flight_;
    RunId last_id_ = 0;
    bool stopped_ = false;
    // Where the clocks were at the last turn.
    schemas::Instant wall_before_;
    probes::TimePoint steady_before_;
    schemas::Duration suspended_before_{};
    // Slots up to here were skipped over.
    schemas::Instant skip_until_ = schemas::Instant::min();
    std::string skip_reason_;
};

}  // namespace slimtax::prober
