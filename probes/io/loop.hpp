// The event loop that every script runs on: one loop per thread, level-triggered readiness, microsecond timers.
//
// Ownership: the loop owns spawned coroutines until they end. Threading: everything but `post` and `stop`
// belongs to the loop's own thread. Resumption: a coroutine is never resumed inside a library's callback; it is
// queued and resumed by the loop's next turn.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>

#include "probes/io/task.hpp"

namespace slimtax::probes {

/// The monotonic clock: time-outs and measured durations.
using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;

/// How a wait ended. A wait whose condition and deadline come together ends `ready`.
enum class Wake : std::uint8_t {
    ready,
    timed_out,
    cancelled,  ///< the loop is being shut down: clean up and return
};

class Loop {
public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// The monotonic clock now (read at each call).
    [[nodiscard]] static TimePoint now() { return SteadyClock::now(); }

    /// Awaitables. Each suspends the calling coroutine until the event, the deadline or the shut-down.
    class [[nodiscard]] Wait;
    /// Until `fd` can be read (or has hung up or failed: read it to see).
    Wait readable(int fd, TimePoint deadline);
    Wait writable(int fd, TimePoint deadline);
    /// Either; for libraries that want both.
    Wait readable_or_writable(int fd, TimePoint deadline);
    /// Until the time; ends `ready` (never `timed_out`).
    Wait sleep_until(TimePoint when);

    /// A one-shot signal between callbacks and coroutines: `co_await event.wait(deadline)`; `set` may come
    /// before or after, from the loop's thread only. One waiter at a time.
    class Event;

    /// Runs `work` on a small pool of worker threads (files and libraries that block); the coroutine goes on at
    /// the loop when it is done, or at the deadline, in which case `work` goes on alone and must own what it
    /// touches (share it by shared_ptr). Exceptions of `work` are rethrown here.
    Task<Wake> in_worker(std::function<void()> work, TimePoint deadline);

    /// Starts `task`; the loop owns it. `done` is called on the loop after it ended, with its exception or null.
    void spawn(Task<void> task, std::function<void(std::exception_ptr)> done);

    /// Calls `call` at the time, from the loop. The id cancels it; 0 is never an id.
    using TimerId = std::uint64_t;
    TimerId call_at(TimePoint when, std::function<void()> call);
    void cancel(TimerId id);

    /// Calls `call` while `fd` is readable / writable (level-triggered), from the loop, until unwatched. For
    /// libraries with their own event tables (curl, c-ares). Watching an fd again replaces what was watched.
    void watch(int fd, bool read, bool write, std::function<void(bool readable, bool writable)> call);
    void unwatch(int fd);

    /// Queues `call` for the loop's next turn. May be called from any thread.
    void post(std::function<void()> call);

    /// Turns until `stop`. Returns after the current turn.
    void run();
    /// May be called from any thread.
    void stop();

    /// Runs one task to its end on this loop and returns its result: for tests and `try`.
    template <class T>
    T run_until_done(Task<T> task);

    /// Wakes every wait with `cancelled` and runs until no spawned coroutine is left, at most for `grace`.
    /// Returns how many were left (and are then destroyed).
    std::size_t shut_down(std::chrono::milliseconds grace);

    /// Spawned coroutines that have not ended.
    [[nodiscard]] std::size_t in_flight() const;

private:
    class Impl;
    friend class Wait;
    friend class Event;
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::probes
