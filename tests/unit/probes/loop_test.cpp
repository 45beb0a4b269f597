#include "probes/io/loop.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "tests/unit/probes/loop_room.hpp"

namespace slimtax::probes {

TEST_CASE("sleepers wake in the order of their times, not of their start") {
    Loop loop;
    std::vector<std::string> words;
    const TimePoint start = Loop::now();
    for (const auto& [delay, word] : {std::pair{15ms, "third"}, {5ms, "first"}, {10ms, "second"}}) {
        loop.spawn(note_after(loop, start + delay, word, words), ignore_end);
    }
    loop.run_until_done(wake_of_sleep(loop, start + 20ms));
    CHECK(words == std::vector<std::string>{"first", "second", "third"});
    CHECK(loop.in_flight() == 0);
}

TEST_CASE("a sleeper never wakes early, and its wake is ready") {
    Loop loop;
    for (int i = 0; i < 20; ++i) {
        const TimePoint when = Loop::now() + std::chrono::microseconds(137 * i);
        CHECK(loop.run_until_done(wake_of_sleep(loop, when)) == Wake::ready);
        CHECK(Loop::now() >= when);
    }
    CHECK(loop.run_until_done(wake_of_sleep(loop, TimePoint::min())) == Wake::ready);
}

TEST_CASE("timed calls run in the order of their times, even added in any order, and a cancelled one never runs") {
    Loop loop;
    std::vector<int> order;
    const TimePoint start = Loop::now();
    std::vector<Loop::TimerId> ids;
    for (int i = 0; i < 500; ++i) {
        const int place = (i * 263) % 500;
        ids.push_back(
            loop.call_at(start + std::chrono::microseconds(10 * place), [&order, place] { order.push_back(place); }));
    }
    std::vector<int> expected;
    for (int i = 0; i < 500; ++i) {
        if (i % 3 == 0) {
            loop.cancel(ids[static_cast<std::size_t>(i)]);
        } else {
            expected.push_back((i * 263) % 500);
        }
    }
    std::ranges::sort(expected);
    loop.call_at(start + 10ms, [&loop] { loop.stop(); });
    loop.run();
    CHECK(order == expected);
}

TEST_CASE("a timed call may cancel another of the same turn and add one that is due at once") {
    Loop loop;
    std::string story;
    const TimePoint now = Loop::now();
    Loop::TimerId second = 0;
    loop.call_at(now, [&] {
        story += "first ";
        loop.cancel(second);
        loop.call_at(now, [&] {
            story += "added";
            loop.stop();
        });
    });
    second = loop.call_at(now, [&] { story += "second "; });
    loop.run();
    CHECK(story == "first added");
}

TEST_CASE("cancelling an id that ran or never was is harmless") {
    Loop loop;
    const auto id = loop.call_at(Loop::now(), [&loop] { loop.stop(); });
    CHECK(id != 0);
    loop.run();
    loop.cancel(id);
    loop.cancel(0);
    loop.cancel(987654);
}

TEST_CASE("a wait for silence times out, a wait for bytes that are there is ready even past its deadline") {
    Loop loop;
    const Pair pair;
    CHECK(loop.run_until_done(wake_of_readable(loop, pair.ends[0], soon())) == Wake::timed_out);
    pair.send(1, "x");
    CHECK(loop.run_until_done(wake_of_readable(loop, pair.ends[0], much_later())) == Wake::ready);
    // Condition and deadline together.
    CHECK(loop.run_until_done(wake_of_readable(loop, pair.ends[0], Loop::now() - 1s)) == Wake::ready);
    CHECK(loop.run_until_done(wake_of_writable(loop, pair.ends[0], Loop::now() - 1s)) == Wake::ready);
}

TEST_CASE("readiness is level-triggered: what was not read is ready again") {
    Loop loop;
    const Pair pair;
    pair.send(1, "ab");
    for (int i = 0; i < 2; ++i) {
        REQUIRE(loop.run_until_done(wake_of_readable(loop, pair.ends[0], much_later())) == Wake::ready);
        char byte = 0;
        REQUIRE(::read(pair.ends[0], &byte, 1) == 1);
    }
    CHECK(loop.run_until_done(wake_of_readable(loop, pair.ends[0], soon())) == Wake::timed_out);
}

TEST_CASE("a hang-up wakes a reader") {
    Loop loop;
    Pair pair;
    ::shutdown(pair.ends[1], SHUT_RDWR);
    CHECK(loop.run_until_done(wake_of_readable(loop, pair.ends[0], much_later())) == Wake::ready);
}

TEST_CASE("a reader and a writer wait for the same descriptor, and each is woken by its own event") {
    Loop loop;
    const Pair pair;
    const std::string chunk(4096, 'x');
    while (::write(pair.ends[0], chunk.data(), chunk.size()) > 0) {
    }
    std::vector<Wake> reader;
    std::vector<Wake> writer;
    loop.spawn(note_wake(loop, pair.ends[0], much_later(), reader), ignore_end);
    const auto wait_to_write = [](Loop& on, int fd, std::vector<Wake>& wakes) -> Task<void> {
        wakes.push_back(co_await on.writable(fd, Loop::now() + 30s));
    };
    loop.spawn(wait_to_write(loop, pair.ends[0], writer), ignore_end);
    loop.run_until_done(wake_of_sleep(loop, soon()));
    CHECK(reader.empty());
    CHECK(writer.empty());

    pair.send(1, "x");
    loop.run_until_done(wake_of_sleep(loop, soon()));
    CHECK(reader == std::vector{Wake::ready});
    CHECK(writer.empty());

    std::string room(65536, ' ');
    while (::read(pair.ends[1], room.data(), room.size()) > 0) {
    }
    while (loop.in_flight() > 0) {
        loop.run_until_done(wake_of_sleep(loop, Loop::now() + 1ms));
    }
    CHECK(writer == std::vector{Wake::ready});
}

TEST_CASE("a second reader of a descriptor is refused with an exception, and the first goes on") {
    Loop loop;
    const Pair pair;
    std::vector<Wake> wakes;
    loop.spawn(note_wake(loop, pair.ends[0], much_later(), wakes), ignore_end);
    loop.run_until_done(wake_of_sleep(loop, Loop::now()));
    CHECK_THROWS_AS(loop.run_until_done(wake_of_readable(loop, pair.ends[0], much_later())), std::logic_error);
    CHECK_THROWS_AS(loop.watch(pair.ends[0], true, false, [](bool, bool) {}), std::logic_error);
    pair.send(1, "x");
    loop.run_until_done(wake_of_sleep(loop, soon()));
    CHECK(wakes == std::vector{Wake::ready});
}

TEST_CASE("a descriptor whose number was closed and opened again is waited for anew") {
    Loop loop;
    for (int round = 0; round < 3; ++round) {
        const Pair pair;  // the same numbers each time
        loop.opened(pair.ends[0]);
        CHECK(loop.run_until_done(wake_of_readable(loop, pair.ends[0], Loop::now() + 1ms)) == Wake::timed_out);
        pair.send(1, "x");
        CHECK(loop.run_until_done(wake_of_readable(loop, pair.ends[0], much_later())) == Wake::ready);
        loop.opened(pair.ends[0]);  // which is not so
        CHECK(loop.run_until_done(wake_of_readable(loop, pair.ends[0], much_later())) == Wake::ready);
    }
}

TEST_CASE("a closed descriptor, none at all, and a plain file are ready at once: the read that follows says why") {
    Loop loop;
    const int closed = ::dup(0);
    ::close(closed);
    CHECK(loop.run_until_done(wake_of_readable(loop, closed, much_later())) == Wake::ready);
    CHECK(loop.run_until_done(wake_of_readable(loop, -1, much_later())) == Wake::ready);
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK(loop.run_until_done(wake_of_readable(loop, file, much_later())) == Wake::ready);
    ::close(file);
}

TEST_CASE("a descriptor closed during a wait ends the wait at its deadline, and its number serves the next") {
    Loop loop;
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0);
    loop.call_at(Loop::now() + 1ms, [&] { ::close(ends[0]); });
    CHECK(loop.run_until_done(wake_of_readable(loop, ends[0], soon())) == Wake::timed_out);
    ::close(ends[1]);
    const Pair pair;
    pair.send(1, "x");
    CHECK(loop.run_until_done(wake_of_readable(loop, pair.ends[0], much_later())) == Wake::ready);
}

TEST_CASE("descriptors beyond 1024 are waited for like the others") {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    Loop loop;
    const Pair pair;
    const int high = ::fcntl(pair.ends[0], F_DUPFD_CLOEXEC, 2000);
    REQUIRE(high >= 2000);
    CHECK(loop.run_until_done(wake_of_readable(loop, high, soon())) == Wake::timed_out);
    pair.send(1, "x");
    CHECK(loop.run_until_done(wake_of_readable(loop, high, much_later())) == Wake::ready);
    ::close(high);
}

TEST_CASE("a thousand coroutines wait at once, and each is woken by its own descriptor") {
    Loop loop;
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<Wake> wakes;
    for (int i = 0; i < 400; ++i) {
        pairs.push_back(std::make_unique<Pair>());
        loop.spawn(note_wake(loop, pairs.back()->ends[0], much_later(), wakes), ignore_end);
    }
    CHECK(loop.in_flight() == 400);
    for (const auto& pair : pairs) {
        pair->send(1, "x");
    }
    while (loop.in_flight() > 0) {
        loop.run_until_done(wake_of_sleep(loop, Loop::now()));
    }
    CHECK(wakes == std::vector(400, Wake::ready));
}

TEST_CASE("an event set before the wait, during it, and never") {
    Loop loop;
    Loop::Event event(loop);
    const auto wake_of = [](Loop::Event& awaited, TimePoint deadline) -> Task<Wake> {
        co_return co_await awaited.wait(deadline);
    };
    CHECK(loop.run_until_done(wake_of(event, soon())) == Wake::timed_out);
    loop.call_at(Loop::now() + 2ms, [&event] { event.set(); });
    CHECK(loop.run_until_done(wake_of(event, much_later())) == Wake::ready);
    CHECK(loop.run_until_done(wake_of(event, Loop::now() - 1s)) == Wake::ready);
    event.reset();
    CHECK(loop.run_until_done(wake_of(event, Loop::now())) == Wake::timed_out);
}

TEST_CASE("a second waiter for an event is refused") {
    Loop loop;
    Loop::Event event(loop);
    const auto wait_for = [](Loop::Event& awaited) -> Task<void> { co_await awaited.wait(never); };
    loop.spawn(wait_for(event), ignore_end);
    loop.run_until_done(wake_of_sleep(loop, Loop::now()));
    CHECK_THROWS_AS(loop.run_until_done(wait_for(event)), std::logic_error);
    event.set();
    loop.run_until_done(wake_of_sleep(loop, Loop::now()));
    CHECK(loop.in_flight() == 0);
}

TEST_CASE("a watched descriptor calls while it is ready, with what it was asked for, until unwatched") {
    Loop loop;
    const Pair pair;
    int calls = 0;
    loop.watch(pair.ends[0], true, false, [&](bool readable, bool writable) {
        CHECK(readable);
        CHECK_FALSE(writable);
        if (++calls == 3) {
            loop.unwatch(pair.ends[0]);  // from inside its own call
            loop.call_at(soon(), [&loop] { loop.stop(); });
        }
    });
    pair.send(1, "x");  // never read: level-triggered
    loop.run();
    CHECK(calls == 3);
}

TEST_CASE("watching again replaces what was watched, also from inside the call") {
    Loop loop;
    const Pair pair;
    std::string story;
    loop.watch(pair.ends[0], true, true, [&](bool readable, bool writable) {
        CHECK_FALSE(readable);
        CHECK(writable);
        story += "both ";
        loop.watch(pair.ends[0], false, true, [&](bool, bool) {
            story += "write";
            loop.unwatch(pair.ends[0]);
            loop.stop();
        });
    });
    loop.run();
    CHECK(story == "both write");
}

}  // namespace slimtax::probes
