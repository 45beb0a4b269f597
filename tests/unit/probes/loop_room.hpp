// What the loop's tests share: a pair of sockets and short coroutines that note how they were woken.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <exception>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "probes/io/loop.hpp"

namespace slimtax::probes {

using namespace std::chrono_literals;

/// Two connected sockets, closed at the end.
struct Pair {
    Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0); }
    ~Pair() {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    void send(int end, const std::string& text) const {
        REQUIRE(::write(ends.at(static_cast<std::size_t>(end)), text.data(), text.size()) ==
                static_cast<ssize_t>(text.size()));
    }
    std::array<int, 2> ends{};
};

inline TimePoint soon() {
    return Loop::now() + 20ms;
}
inline TimePoint much_later() {
    return Loop::now() + 30s;
}

inline void ignore_end(std::exception_ptr) {}

inline Task<void> note_after(Loop& loop, TimePoint when, std::string word, std::vector<std::string>& words) {
    co_await loop.sleep_until(when);
    words.push_back(word);
}

inline Task<void> note_wake(Loop& loop, int fd, TimePoint deadline, std::vector<Wake>& wakes) {
    wakes.push_back(co_await loop.readable(fd, deadline));
}

inline Task<Wake> wake_of_readable(Loop& loop, int fd, TimePoint deadline) {
    co_return co_await loop.readable(fd, deadline);
}
inline Task<Wake> wake_of_writable(Loop& loop, int fd, TimePoint deadline) {
    co_return co_await loop.writable(fd, deadline);
}
inline Task<Wake> wake_of_sleep(Loop& loop, TimePoint when) {
    co_return co_await loop.sleep_until(when);
}

}  // namespace slimtax::probes
