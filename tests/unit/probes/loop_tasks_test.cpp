// The loop's tasks and threads: how coroutines end, work in workers, calls from other threads, shutting down.
#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

#include "tests/unit/probes/loop_room.hpp"

namespace slimtax::probes {

TEST_CASE("exceptions of a task come out of run_until_done and reach the end function of a spawned one") {
    Loop loop;
    const auto fail = [](Loop& on) -> Task<int> {
        co_await on.sleep_until(Loop::now());
        throw std::runtime_error("no luck");
    };
    CHECK_THROWS_WITH(loop.run_until_done(fail(loop)), "no luck");

    std::string heard;
    const auto pass_on = [](Loop& on, auto failing) -> Task<void> { co_await failing(on); };
    loop.spawn(pass_on(loop, fail), [&](std::exception_ptr error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::runtime_error& caught) {
            heard = caught.what();
        }
        loop.stop();
    });
    loop.run();
    CHECK(heard == "no luck");
    CHECK_THROWS_AS(loop.spawn(pass_on(loop, fail), nullptr), std::logic_error);
}

TEST_CASE("a spawned task is gone, with all it owned, before its end is told") {
    Loop loop;
    const auto owned = std::make_shared<int>(1);
    const auto keep = [](Loop& on, std::shared_ptr<int>) -> Task<void> { co_await on.sleep_until(Loop::now()); };
    long owners = 0;
    loop.spawn(keep(loop, owned), [&](std::exception_ptr) {
        owners = owned.use_count();
        loop.stop();
    });
    CHECK(loop.in_flight() == 1);
    loop.run();
    CHECK(owners == 1);
    CHECK(loop.in_flight() == 0);
}

TEST_CASE("work in a worker does not hold up the loop") {
    Loop loop;
    auto release = std::make_shared<std::promise<void>>();
    auto ran_in = std::make_shared<std::thread::id>();
    const auto body = [](Loop& on, auto promise, auto thread) -> Task<Wake> {
        std::function<void()> work = [promise, thread] {
            *thread = std::this_thread::get_id();
            promise->get_future().wait();
        };
        co_return co_await on.in_worker(std::move(work), Loop::now() + 30s);
    };
    loop.call_at(Loop::now() + 1ms, [release] { release->set_value(); });  // only a free loop gets here
    CHECK(loop.run_until_done(body(loop, release, ran_in)) == Wake::ready);
    CHECK(*ran_in != std::this_thread::get_id());
}

TEST_CASE("work that takes longer than its deadline times out and goes on alone") {
    Loop loop;
    auto release = std::make_shared<std::promise<void>>();
    auto finished = std::make_shared<std::promise<void>>();
    const auto body = [](Loop& on, auto start, auto end) -> Task<Wake> {
        std::function<void()> work = [start, end] {
            start->get_future().wait();
            end->set_value();
        };
        co_return co_await on.in_worker(std::move(work), Loop::now() + 500ms);
    };
    CHECK(loop.run_until_done(body(loop, release, finished)) == Wake::timed_out);
    release->set_value();
    CHECK(finished->get_future().wait_for(30s) == std::future_status::ready);
}

TEST_CASE("a loop over awaits that end without suspending needs no stack") {
    Loop loop;
    const auto at_once = [](int value) -> Task<int> { co_return value; };
    const auto body = [](auto one) -> Task<long> {
        long sum = 0;
        for (int i = 0; i < 300'000; ++i) {
            sum += co_await one(1);
        }
        co_return sum;
    };
    CHECK(loop.run_until_done(body(at_once)) == 300'000);
}

TEST_CASE("exceptions of work in a worker come out at the co_await") {
    Loop loop;
    const auto body = [](Loop& on) -> Task<Wake> {
        std::function<void()> work = [] { throw std::runtime_error("disk on fire"); };
        co_return co_await on.in_worker(std::move(work), Loop::now() + 30s);
    };
    CHECK_THROWS_WITH(loop.run_until_done(body(loop)), "disk on fire");
}

TEST_CASE("more work than there are workers is done all the same") {
    Loop loop;
    auto count = std::make_shared<std::atomic<int>>(0);
    const auto body = [](Loop& on, auto counter) -> Task<void> {
        std::function<void()> work = [counter] { ++*counter; };
        const Wake wake = co_await on.in_worker(std::move(work), Loop::now() + 30s);
        CHECK(wake == Wake::ready);
    };
    for (int i = 0; i < 100; ++i) {
        loop.spawn(body(loop, count), [&](std::exception_ptr) {
            if (loop.in_flight() == 0) {
                loop.stop();
            }
        });
    }
    loop.run();
    CHECK(*count == 100);
}

TEST_CASE("calls posted from other threads all run, in the order of each thread") {
    Loop loop;
    std::vector<int> seen(4, 0);
    int calls = 0;
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 1000; ++i) {
                loop.post([&, thread, i] {
                    CHECK(seen[thread] == i);
                    seen[thread] = i + 1;
                    if (++calls == 4000) {
                        loop.stop();
                    }
                });
            }
        });
    }
    loop.run();
    CHECK(calls == 4000);
}

TEST_CASE("a stop from another thread wakes an idle loop, and one before run ends run at once") {
    Loop loop;
    {
        const std::jthread other([&loop] { loop.stop(); });
        loop.run();
    }
    loop.stop();
    loop.run();
}

TEST_CASE("shutting down wakes every wait as cancelled and lets the coroutines clean up") {
    Loop loop;
    const Pair pair;
    Loop::Event event(loop);
    std::vector<Wake> wakes;
    loop.spawn(note_wake(loop, pair.ends[0], never, wakes), ignore_end);
    const auto sleep = [](Loop& on, std::vector<Wake>& into) -> Task<void> {
        into.push_back(co_await on.sleep_until(never));
        into.push_back(co_await on.sleep_until(never));  // a wait while shutting down ends at once
    };
    loop.spawn(sleep(loop, wakes), ignore_end);
    const auto wait_for = [](Loop::Event& awaited, std::vector<Wake>& into) -> Task<void> {
        into.push_back(co_await awaited.wait(never));
    };
    loop.spawn(wait_for(event, wakes), ignore_end);
    loop.run_until_done(wake_of_sleep(loop, Loop::now()));
    CHECK(loop.in_flight() == 3);
    CHECK(loop.shut_down(30s) == 0);
    CHECK(wakes == std::vector(4, Wake::cancelled));
}

TEST_CASE("a coroutine that will not end is destroyed after the grace, with what it owned") {
    Loop loop;
    const auto owned = std::make_shared<int>(1);
    const auto stubborn = [](Loop& on, std::shared_ptr<int>) -> Task<void> {
        for (;;) {
            co_await on.sleep_until(never);
        }
    };
    loop.spawn(stubborn(loop, owned), ignore_end);
    loop.run_until_done(wake_of_sleep(loop, Loop::now()));
    CHECK(loop.shut_down(5ms) == 1);
    CHECK(owned.use_count() == 1);
    CHECK(loop.in_flight() == 0);
    CHECK(loop.run_until_done(wake_of_sleep(loop, Loop::now())) == Wake::ready);  // and the loop is good again
}

TEST_CASE("a loop that goes away takes its waiting coroutines with it") {
    const auto owned = std::make_shared<int>(1);
    const Pair pair;
    {
        Loop loop;
        const auto keep = [](Loop& on, int fd, std::shared_ptr<int>) -> Task<void> {
            co_await on.readable(fd, Loop::now() + 30s);
        };
        loop.spawn(keep(loop, pair.ends[0], owned), ignore_end);
        loop.run_until_done(wake_of_sleep(loop, Loop::now()));
        loop.spawn(keep(loop, pair.ends[1], owned), ignore_end);  // never started
        CHECK(owned.use_count() == 3);
    }
    CHECK(owned.use_count() == 1);
}

}  // namespace slimtax::probes
