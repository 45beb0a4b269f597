// The inside of Loop, shared by loop.cpp (turns, timers, the loop's face) and loop_waits.cpp (waits and descriptors).
#pragma once

#include <array>
#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/epoll.h>

#include "probes/io/loop.hpp"
#include "probes/io/mailbox.hpp"
#include "probes/io/workers.hpp"

namespace slimtax::probes {

class Loop::Impl {
public:
    static constexpr unsigned most_workers = 8;
    static constexpr int most_events = 256;
    static constexpr std::uint32_t mailbox_mark = 0;  // the generation that no registration ever has

    struct Registration {
        Loop::Wait* reader = nullptr;
        Loop::Wait* writer = nullptr;
        std::shared_ptr<std::function<void(bool, bool)>> watcher;  // shared: it may be replaced while it runs
        std::uint32_t watched = 0;                                 // events
        std::uint32_t generation = 0;                              // tells a late event of an earlier use apart
        bool opened = false;                                       // epoll is unlikely to know it

        /// The events that its waits want.
        [[nodiscard]] std::uint32_t interest() const {
            return (reader != nullptr ? EPOLLIN : 0U) | (writer != nullptr ? EPOLLOUT : 0U) | EPOLLONESHOT;
        }
    };

    struct TimedCall : TimerNode {
        TimedCall(Loop::TimerId identity, std::function<void()> function)
            : TimerNode(Owner::call), id(identity), call(std::move(function)) {}
        Loop::TimerId id;
        std::function<void()> call;
    };

    Impl();
    ~Impl();

    void turn();
    void note_turn(TimePoint before, bool may_wait, int events);
    void expire();
    void resume_queued();
    std::size_t destroy_roots();

    void begin_wait(Wait& wait, std::coroutine_handle<> waiting);
    void end_wait(Wait& wait, Wake how);
    void forget_wait(Wait& wait);
    void cancel_waits();

    Registration& registration(int fd);
    int arm(int fd, std::uint32_t events);
    void register_wait(Wait& wait);
    void unregister_wait(Wait& wait);
    void dispatch(const epoll_event& event);

    int epoll = -1;
    std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
    Workers workers{most_workers};
    std::vector<Registration> registrations;  // by descriptor
    std::uint32_t next_generation = mailbox_mark + 1;
    TimerHeap timers;
    std::unordered_map<TimerId, TimedCall> calls;
    TimerId next_timer = 1;
    Link ready;    // of Queued: to be resumed at this turn's end
    Link pending;  // of Wait: suspended, and not in `ready`
    Link roots;    // of Queued: the outermost coroutines of spawned tasks
    std::size_t in_flight = 0;
    TimePoint busy_since = now();  // when it last came back from a wait that was one
    std::chrono::nanoseconds overloaded{};
    bool closing = false;
    std::atomic<bool> stopping = false;
    std::array<epoll_event, most_events> events{};
};

}  // namespace slimtax::probes
