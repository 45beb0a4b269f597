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
#include <optional>
#include <type_traits>
#include <utility>

#include "probes/io/link.hpp"
#include "probes/io/task.hpp"
#include "probes/io/time_point.hpp"
#include "probes/io/timer_heap.hpp"
#include "schemas/time.hpp"

namespace slimtax::probes {

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

    /// Awaitables. Each suspends the calling coroutine until the event, the deadline or the shut-down. One coroutine
    /// may wait to read an fd while another waits to write it; a second reader or writer gets a std::logic_error.
    /// An fd is not closed while somebody waits for it (the wait then ends at its deadline).
    class [[nodiscard]] Wait;
    /// Until `fd` can be read (or has hung up, failed, or is no open descriptor: read it to see).
    Wait readable(int fd, TimePoint deadline);
    Wait writable(int fd, TimePoint deadline);
    /// Either; for libraries that want both.
    Wait readable_or_writable(int fd, TimePoint deadline);
    /// Says that `fd` has just been opened: its first wait then costs one system call, not two. Never needed.
    void opened(int fd);
    /// Until the time; ends `ready` (never `timed_out`).
    Wait sleep_until(TimePoint when);

    /// A signal between callbacks and coroutines: `co_await event.wait(deadline)`; `set` may come before or
    /// after, from the loop's thread only. One waiter at a time. Stays set until `reset`.
    class Event;

    /// Runs `work` on a small pool of worker threads (files and libraries that block); the coroutine goes on at
    /// the loop when it is done, or at the deadline, in which case `work` goes on alone and must own what it
    /// touches (share it by shared_ptr). Exceptions of `work` are rethrown here.
    Task<Wake> in_worker(std::function<void()> work, TimePoint deadline);

    /// Starts `task` at the loop's next turn; the loop owns it. `done` (never empty, must not throw) is called on
    /// the loop after it ended and its frame is gone, with its exception or null.
    void spawn(Task<void> task, std::function<void(std::exception_ptr)> done);

    /// Calls `call` at the time, from the loop. The id cancels it; 0 is never an id.
    using TimerId = std::uint64_t;
    TimerId call_at(TimePoint when, std::function<void()> call);
    void cancel(TimerId id);

    /// Calls `call` while `fd` is readable / writable (level-triggered), from the loop, until unwatched. For
    /// libraries with their own event tables (curl, c-ares). Watching an fd again replaces what was watched; neither
    /// read nor write: unwatches. A watched fd cannot be waited for.
    void watch(int fd, bool read, bool write, std::function<void(bool readable, bool writable)> call);
    void unwatch(int fd);

    /// Queues `call` for the loop's next turn. May be called from any thread.
    void post(std::function<void()> call);

    /// Turns until `stop`. Returns after the current turn. What a callback throws comes out here, and then the loop
    /// is good for nothing but its end.
    void run();
    /// Ends `run`, or the next one when none is under way. From any thread, also from a signal handler.
    void stop();

    /// Runs one task to its end on this loop and returns its result: for tests and `try`.
    template <class T>
    T run_until_done(Task<T> task);

    /// Wakes every wait with `cancelled` and runs until no spawned coroutine is left, at most for `grace`.
    /// Returns how many were left (and are then destroyed).
    std::size_t shut_down(std::chrono::milliseconds grace);

    /// To be called by whoever knows, from a kernel's stamp, how long an event waited until this loop came to it.
    void note_delay(std::chrono::nanoseconds delay) {
        if (delay_observer_) {
            delay_observer_(delay);
        }
    }
    /// Who counts those delays; one.
    void observe_delays(std::function<void(std::chrono::nanoseconds)> observer) {
        delay_observer_ = std::move(observer);
    }

    /// How long, so far, this loop has been so busy that what it was told may be late by more than `overload`: the sum
    /// of the stretches of at least that length in which it never had to wait for an event.
    [[nodiscard]] schemas::Duration overloaded() const;
    static constexpr std::chrono::milliseconds overload{50};

    /// Spawned coroutines that have not ended.
    [[nodiscard]] std::size_t in_flight() const;

private:
    class Impl;
    friend class Wait;
    friend class Event;
    void run_until(const bool& finished);
    std::unique_ptr<Impl> impl_;
    std::function<void(std::chrono::nanoseconds)> delay_observer_;
};

/// Made by the loop only; awaited where it is made, or named and awaited once.
class Loop::Wait : private Queued, private TimerNode {
public:
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    [[nodiscard]] bool await_ready() const noexcept;
    /// Throws std::logic_error for a second reader or writer, std::system_error when the kernel has no room.
    void await_suspend(std::coroutine_handle<> waiting);
    [[nodiscard]] Wake await_resume() const noexcept { return wake_; }

private:
    friend class Loop;
    Wait(Impl& loop, int fd, bool read, bool write, TimePoint deadline, Event* event = nullptr);

    Impl* loop_;
    Event* event_;
    TimePoint deadline_;
    int fd_;
    bool read_;
    bool write_;
    Wake wake_ = Wake::ready;
};

class Loop::Event {
public:
    explicit Event(Loop& loop) : loop_(loop.impl_.get()) {}
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    void set();
    void reset() { set_ = false; }
    [[nodiscard]] bool is_set() const { return set_; }
    [[nodiscard]] Wait wait(TimePoint deadline);

private:
    friend class Loop;
    Impl* loop_;
    Wait* waiter_ = nullptr;
    bool set_ = false;
};

namespace detail {
template <class T>
Task<void> keep_result(Task<T> task, std::optional<T>& result) {
    result.emplace(co_await std::move(task));
}
}  // namespace detail

template <class T>
T Loop::run_until_done(Task<T> task) {
    bool finished = false;
    std::exception_ptr error;
    const auto note_end = [&](std::exception_ptr thrown) {
        finished = true;
        error = std::move(thrown);
    };
    if constexpr (std::is_void_v<T>) {
        spawn(std::move(task), note_end);
        run_until(finished);
        if (error) {
            std::rethrow_exception(error);
        }
    } else {
        std::optional<T> result;
        spawn(detail::keep_result(std::move(task), result), note_end);
        run_until(finished);
        if (error) {
            std::rethrow_exception(error);
        }
        return std::move(*result);
    }
}

}  // namespace slimtax::probes
