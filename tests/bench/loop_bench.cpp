// Measures the event loop: memory of what waits, lateness of timers, cost of wake-ups. Run by hand; prints one line
// a figure. The decision note 2026-11-21-event-loop.md compares the same over libevent (libevent_bench.cpp).
//
//   loop_bench memory  COUNT     bytes of heap for COUNT coroutines that each wait for a descriptor with a deadline
//   loop_bench timers  COUNT     lateness of COUNT timers spread over two seconds
//   loop_bench wakeups COUNT     COUNT round trips between two coroutines over a socket pair, then over 100 pairs

#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "probes/io/loop.hpp"

namespace {

using namespace std::chrono_literals;
using slimtax::probes::Loop;
using slimtax::probes::Task;
using slimtax::probes::TimePoint;
using slimtax::probes::Wake;

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::size_t heap_bytes() {
    return ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
}

void allow_descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

Task<void> idle(Loop& loop, int fd, TimePoint deadline) {
    co_await loop.readable(fd, deadline);
}

void ignore_end(std::exception_ptr) {}

Task<Wake> sleep_until(Loop& loop, TimePoint when) {
    co_return co_await loop.sleep_until(when);
}

void memory(std::size_t count) {
    allow_descriptors();
    Loop loop;
    std::vector<int> descriptors;
    for (std::size_t i = 0; i < count; ++i) {
        descriptors.push_back(::eventfd(0, EFD_NONBLOCK));
    }
    const std::size_t before = heap_bytes();
    const TimePoint deadline = Loop::now() + 1h;
    for (const int fd : descriptors) {
        loop.spawn(idle(loop, fd, deadline), ignore_end);
    }
    loop.run_until_done(sleep_until(loop, Loop::now()));
    std::printf("memory: %.0f bytes a coroutine that waits for a descriptor with a deadline\n",
                static_cast<double>(heap_bytes() - before) / static_cast<double>(count));
    const std::size_t middle = heap_bytes();
    for (std::size_t i = 0; i < count; ++i) {
        loop.call_at(deadline, [] {});
    }
    std::printf("memory: %.0f bytes a timed call\n",
                static_cast<double>(heap_bytes() - middle) / static_cast<double>(count));
}

void print_lateness(const char* what, std::vector<double>& microseconds) {
    std::ranges::sort(microseconds);
    const auto at = [&](double share) {
        return microseconds[static_cast<std::size_t>(share * static_cast<double>(microseconds.size() - 1))];
    };
    std::printf("%s: late by p50 %.1f us, p90 %.1f us, p99 %.1f us, most %.1f us, least %.1f us\n", what, at(0.5),
                at(0.9), at(0.99), at(1), at(0));
}

Task<void> note_lateness(Loop& loop, TimePoint when, std::vector<double>& late) {
    co_await loop.sleep_until(when);
    late.push_back(std::chrono::duration<double, std::micro>(Loop::now() - when).count());
}

void timers(std::size_t count) {
    Loop loop;
    std::vector<double> late;
    late.reserve(count);
    const TimePoint start = Loop::now() + 100ms;
    std::uint64_t random = 1;
    for (std::size_t i = 0; i < count; ++i) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        const auto offset = std::chrono::nanoseconds((random >> 20) % 2'000'000'000);
        loop.spawn(note_lateness(loop, start + offset, late), ignore_end);
    }
    loop.run_until_done(sleep_until(loop, start + 2100ms));
    const double used = cpu_seconds();
    print_lateness("timers", late);
    std::printf("timers: %.0f ms of CPU for %zu\n", used * 1e3, count);
}

Task<void> answer_all(Loop& loop, int fd, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        co_await loop.readable(fd, Loop::now() + 10s);
        char byte = 0;
        [[maybe_unused]] const auto got = ::read(fd, &byte, 1);
        [[maybe_unused]] const auto sent = ::write(fd, "x", 1);
    }
}

Task<void> ask_all(Loop& loop, int fd, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        [[maybe_unused]] const auto sent = ::write(fd, "x", 1);
        co_await loop.readable(fd, Loop::now() + 10s);
        char byte = 0;
        [[maybe_unused]] const auto got = ::read(fd, &byte, 1);
    }
}

void wakeups(std::size_t count, std::size_t pairs) {
    Loop loop;
    std::vector<std::array<int, 2>> ends(pairs);
    std::size_t running = 2 * pairs;
    const auto ended = [&](std::exception_ptr) {
        if (--running == 0) {
            loop.stop();
        }
    };
    for (auto& pair : ends) {
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data());
        loop.spawn(answer_all(loop, pair[1], count / pairs), ended);
        loop.spawn(ask_all(loop, pair[0], count / pairs), ended);
    }
    const double before = cpu_seconds();
    loop.run();
    const double used = cpu_seconds() - before;
    std::printf("wakeups over %zu pairs: %.0f a CPU-second (%.2f us each, read and write included)\n", pairs,
                2.0 * static_cast<double>(count) / used, used / 2.0 / static_cast<double>(count) * 1e6);
}

}  // namespace

int main(int count, char** arguments) {
    const std::string what = count > 1 ? arguments[1] : "";
    const std::size_t number = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 10'000;
    if (what == "memory") {
        memory(number);
    } else if (what == "timers") {
        timers(number);
    } else if (what == "wakeups") {
        wakeups(number, 1);
        wakeups(number, 100);
    } else {
        std::fprintf(stderr, "usage: loop_bench memory|timers|wakeups COUNT\n");
        return 2;
    }
    return 0;
}
