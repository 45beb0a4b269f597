// The measurements of loop_bench.cpp over libevent 2.1, for the decision note 2026-11-21-event-loop.md. Built only
// where libevent is installed (Debian: libevent-dev); nothing of slimtax needs it.

#include <event2/event.h>
#include <event2/event_struct.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "probes/io/task.hpp"

namespace {

using namespace std::chrono_literals;
using slimtax::probes::Task;
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

event_base* base = nullptr;
std::vector<std::coroutine_handle<>> ready;  // resumed after event_base_loop returned, as in our loop

/// Until `fd` can be read or the time has come; without fd, until the time.
class Wait {
public:
    Wait(int fd, TimePoint when) : fd_(fd), when_(when) {}
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
        handle_ = waiting;
        event_assign(
            &event_, base, fd_, fd_ >= 0 ? EV_READ : 0,
            [](evutil_socket_t, short, void* self) { ready.push_back(static_cast<Wait*>(self)->handle_); }, this);
        const auto left = std::max(std::chrono::duration_cast<std::chrono::microseconds>(when_ - Clock::now()), 0us);
        const timeval room{left.count() / 1'000'000, left.count() % 1'000'000};
        event_add(&event_, &room);
    }
    void await_resume() const noexcept {}

private:
    int fd_;
    TimePoint when_;
    event event_{};
    std::coroutine_handle<> handle_;
};

struct Root {
    struct promise_type {
        Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
    std::coroutine_handle<> handle;
};

Root run_root(Task<void> task, std::function<void()> done) {
    {
        Task<void> running = std::move(task);
        co_await std::move(running);
    }
    done();
}

void spawn(Task<void> task, std::function<void()> done) {
    ready.push_back(run_root(std::move(task), std::move(done)).handle);
}

void turn() {
    event_base_loop(base, ready.empty() ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
    std::vector<std::coroutine_handle<>> now;
    now.swap(ready);
    for (const auto handle : now) {
        handle.resume();
    }
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

std::size_t heap_bytes() {
    return ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
}

Task<void> idle(int fd, TimePoint deadline) {
    co_await Wait(fd, deadline);
}

Task<void> note_lateness(TimePoint when, std::vector<double>& late) {
    co_await Wait(-1, when);
    late.push_back(std::chrono::duration<double, std::micro>(Clock::now() - when).count());
}

Task<void> answer_all(int fd, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        co_await Wait(fd, Clock::now() + 10s);
        char byte = 0;
        [[maybe_unused]] const auto got = ::read(fd, &byte, 1);
        [[maybe_unused]] const auto sent = ::write(fd, "x", 1);
    }
}

Task<void> ask_all(int fd, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        [[maybe_unused]] const auto sent = ::write(fd, "x", 1);
        co_await Wait(fd, Clock::now() + 10s);
        char byte = 0;
        [[maybe_unused]] const auto got = ::read(fd, &byte, 1);
    }
}

void memory(std::size_t count) {
    std::vector<int> descriptors;
    for (std::size_t i = 0; i < count; ++i) {
        descriptors.push_back(::eventfd(0, EFD_NONBLOCK));
    }
    const std::size_t before = heap_bytes();
    const TimePoint deadline = Clock::now() + 1h;
    for (const int fd : descriptors) {
        spawn(idle(fd, deadline), [] {});
    }
    turn();
    std::printf("memory: %.0f bytes a coroutine that waits for a descriptor with a deadline\n",
                static_cast<double>(heap_bytes() - before) / static_cast<double>(count));
    const std::size_t middle = heap_bytes();
    for (std::size_t i = 0; i < count; ++i) {
        event* const timer = event_new(
            base, -1, 0, [](evutil_socket_t, short, void*) {}, nullptr);
        const timeval room{3600, 0};
        event_add(timer, &room);
    }
    std::printf("memory: %.0f bytes a timed call\n",
                static_cast<double>(heap_bytes() - middle) / static_cast<double>(count));
}

void timers(std::size_t count) {
    std::vector<double> late;
    late.reserve(count);
    const TimePoint start = Clock::now() + 100ms;
    std::uint64_t random = 1;
    for (std::size_t i = 0; i < count; ++i) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        spawn(note_lateness(start + std::chrono::nanoseconds((random >> 20) % 2'000'000'000), late), [] {});
    }
    while (late.size() < count) {
        turn();
    }
    const double used = cpu_seconds();
    std::ranges::sort(late);
    const auto at = [&](double share) {
        return late[static_cast<std::size_t>(share * static_cast<double>(late.size() - 1))];
    };
    std::printf("timers: late by p50 %.1f us, p90 %.1f us, p99 %.1f us, most %.1f us; %.0f ms of CPU for %zu\n",
                at(0.5), at(0.9), at(0.99), at(1), used * 1e3, count);
}

void wakeups(std::size_t count, std::size_t pairs) {
    std::vector<std::array<int, 2>> ends(pairs);
    std::size_t running = 2 * pairs;
    for (auto& pair : ends) {
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data());
        spawn(answer_all(pair[1], count / pairs), [&] { --running; });
        spawn(ask_all(pair[0], count / pairs), [&] { --running; });
    }
    const double before = cpu_seconds();
    while (running > 0) {
        turn();
    }
    const double used = cpu_seconds() - before;
    std::printf("wakeups over %zu pairs: %.0f a CPU-second (%.2f us each, read and write included)\n", pairs,
                2.0 * static_cast<double>(count) / used, used / 2.0 / static_cast<double>(count) * 1e6);
}

}  // namespace

/// As loop-bench; a third word switches libevent's change list on.
int main(int count, char** arguments) {
    const std::string what = count > 1 ? arguments[1] : "";
    const std::size_t number = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 10'000;
    event_config* const config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    if (count > 3) {
        event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    }
    base = event_base_new_with_config(config);
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (what == "memory") {
        memory(number);
    } else if (what == "timers") {
        timers(number);
    } else if (what == "wakeups") {
        wakeups(number, 1);
        wakeups(number, 100);
    } else {
        std::fprintf(stderr, "usage: libevent_bench memory|timers|wakeups COUNT [changelist]\n");
        return 2;
    }
    return 0;
}
