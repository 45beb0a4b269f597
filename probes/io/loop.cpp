#include "probes/io/loop_impl.hpp"

#include <cerrno>
#include <chrono>
#include <ctime>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

#include <sys/prctl.h>
#include <unistd.h>

namespace slimtax::probes {

namespace {

/// Blocks for at most `room` (null: for ever). Nanoseconds where the kernel has them (Linux 5.11).
int wait_for_events(int epoll, std::span<epoll_event> events, const timespec* room) {
    static std::atomic<bool> precise = true;
    if (precise) {
        const int count = ::epoll_pwait2(epoll, events.data(), static_cast<int>(events.size()), room, nullptr);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return count;
        }
        precise = false;  // an old kernel, or a container that forbids the call
    }
    int milliseconds = -1;
    if (room != nullptr) {
        milliseconds = static_cast<int>(room->tv_sec * 1000 + (room->tv_nsec + 999'999) / 1'000'000);
    }
    return ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), milliseconds);
}

}  // namespace

Loop::Impl::Impl() : epoll(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = mailbox_mark;
    if (epoll < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, mailbox->fd(), &event) != 0) {
        throw std::system_error(errno, std::generic_category(), "no event loop");
    }
}

Loop::Impl::~Impl() {
    mailbox->close();
    destroy_roots();
    ::close(epoll);
}

// ---- turns ----

void Loop::Impl::turn() {
    timespec room{};
    const timespec* limit = &room;
    if (ready.alone()) {
        if (timers.empty() || timers.earliest() == never) {
            limit = nullptr;
        } else {
            // First "is it due", then the difference: a far past one would overflow it.
            const TimePoint moment = now();
            const bool due = timers.earliest() <= moment;
            const auto left = due ? std::chrono::nanoseconds(0) : timers.earliest() - moment;
            room.tv_sec = static_cast<time_t>(left.count() / 1'000'000'000);
            room.tv_nsec = static_cast<long>(left.count() % 1'000'000'000);
        }
    }
    const TimePoint before = now();
    const int count = wait_for_events(epoll, events, limit);
    note_turn(before, limit == nullptr || room.tv_sec > 0 || room.tv_nsec > 0, count);
    if (count < 0 && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "the event loop cannot wait");
    }
    for (int i = 0; i < count; ++i) {
        dispatch(events[static_cast<std::size_t>(i)]);
    }
    // With more events than fit, a timer could overtake an event that was there first: then they wait a turn.
    if (count < most_events) {
        expire();
    }
    resume_queued();
}

/// Ends a busy stretch when the kernel had nothing for us at once: until then, each event may have waited as long as
/// the stretch.
void Loop::Impl::note_turn(TimePoint before, bool may_wait, int count) {
    // Longer than it takes to fetch a full turn's events, shorter than any pause that matters.
    constexpr std::chrono::microseconds longest_fetch{50};
    const TimePoint after = now();
    if (!may_wait || (count > 0 && after - before < longest_fetch)) {
        return;
    }
    if (before - busy_since >= overload) {
        overloaded += before - busy_since;
    }
    busy_since = after;
}

void Loop::Impl::expire() {
    const TimePoint moment = now();
    std::vector<TimerId> due;
    while (TimerNode* node = timers.take_due(moment)) {
        if (node->owner == TimerNode::Owner::call) {
            due.push_back(static_cast<TimedCall*>(node)->id);
        } else {
            Wait& wait = *static_cast<Wait*>(node);
            end_wait(wait, wait.fd_ >= 0 || wait.event_ != nullptr ? Wake::timed_out : Wake::ready);
        }
    }
    // Called only now, by id: a call may cancel others of this turn or add some that are due at once.
    for (const TimerId id : due) {
        if (const auto it = calls.find(id); it != calls.end()) {
            const std::function<void()> call = std::move(it->second.call);
            calls.erase(it);
            call();
        }
    }
}

void Loop::Impl::resume_queued() {
    Link turn_ready;
    turn_ready.take_over(ready);
    while (!turn_ready.alone()) {
        auto& queued = static_cast<Queued&>(*turn_ready.next);
        queued.unlink();
        queued.handle.resume();
    }
}

std::size_t Loop::Impl::destroy_roots() {
    std::size_t count = 0;
    while (!roots.alone()) {
        auto& root = static_cast<Queued&>(*roots.next);
        root.unlink();
        --in_flight;
        ++count;
        root.handle.destroy();
    }
    return count;
}

// ---- the loop's face ----

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

Loop::Wait::Wait(Impl& loop, int fd, bool read, bool write, TimePoint deadline, Event* event)
    : TimerNode(Owner::wait), loop_(&loop), event_(event), deadline_(deadline), fd_(fd), read_(read), write_(write) {}

// Also when the coroutine is destroyed while it waits.
Loop::Wait::~Wait() {
    if (handle) {
        loop_->forget_wait(*this);
    }
}

bool Loop::Wait::await_ready() const noexcept {
    return event_ != nullptr && event_->set_ && !loop_->closing;
}

void Loop::Wait::await_suspend(std::coroutine_handle<> waiting) {
    loop_->begin_wait(*this, waiting);
}

Loop::Wait Loop::readable(int fd, TimePoint deadline) {
    return Wait(*impl_, fd, true, false, deadline);
}
Loop::Wait Loop::writable(int fd, TimePoint deadline) {
    return Wait(*impl_, fd, false, true, deadline);
}
Loop::Wait Loop::readable_or_writable(int fd, TimePoint deadline) {
    return Wait(*impl_, fd, true, true, deadline);
}
void Loop::opened(int fd) {
    if (fd >= 0) {
        impl_->registration(fd).opened = true;
    }
}
Loop::Wait Loop::sleep_until(TimePoint when) {
    return Wait(*impl_, -1, false, false, when);
}

Loop::Wait Loop::Event::wait(TimePoint deadline) {
    return Wait(*loop_, -1, false, false, deadline, this);
}

void Loop::Event::set() {
    set_ = true;
    if (waiter_ != nullptr) {
        loop_->end_wait(*waiter_, Wake::ready);
    }
}

Task<Wake> Loop::in_worker(std::function<void()> work, TimePoint deadline) {
    struct Job {
        explicit Job(Loop& loop) : finished(loop) {}
        Event finished;
        std::exception_ptr error;
    };
    const auto job = std::make_shared<Job>(*this);
    auto run_job = [job, mailbox = impl_->mailbox, work = std::move(work)]() mutable {
        try {
            work();
        } catch (...) {
            job->error = std::current_exception();
        }
        work = nullptr;
        mailbox->post([job] { job->finished.set(); });
    };
    impl_->workers.submit(std::move(run_job), deadline);
    const Wake wake = co_await job->finished.wait(deadline);
    if (wake == Wake::ready && job->error) {
        std::rethrow_exception(job->error);
    }
    co_return wake;
}

namespace {

/// The outermost coroutine of a spawned task. Its frame goes away by itself at its end.
struct Root {
    struct promise_type {
        Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }  // only `done` could have thrown

        Queued start;
        Queued link;
    };
    std::coroutine_handle<promise_type> handle;
};

Root run_root(Task<void> task, std::function<void(std::exception_ptr)> done, std::size_t& in_flight) {
    std::exception_ptr error;
    try {
        Task<void> running = std::move(task);
        co_await std::move(running);
    } catch (...) {
        error = std::current_exception();
    }
    --in_flight;
    done(error);
}

}  // namespace

void Loop::spawn(Task<void> task, std::function<void(std::exception_ptr)> done) {
    if (!done) {
        throw std::logic_error("a spawned task needs somebody to hear of its end");
    }
    const auto handle = run_root(std::move(task), std::move(done), impl_->in_flight).handle;
    auto& promise = handle.promise();
    promise.start.handle = handle;
    promise.start.append_to(impl_->ready);
    promise.link.handle = handle;
    promise.link.append_to(impl_->roots);
    ++impl_->in_flight;
}

Loop::TimerId Loop::call_at(TimePoint when, std::function<void()> call) {
    const TimerId id = impl_->next_timer++;
    const auto [it, added] = impl_->calls.emplace(std::piecewise_construct, std::forward_as_tuple(id),
                                                  std::forward_as_tuple(id, std::move(call)));
    impl_->timers.add(when, it->second);
    return id;
}

void Loop::cancel(TimerId id) {
    if (const auto it = impl_->calls.find(id); it != impl_->calls.end()) {
        impl_->timers.remove(it->second);
        impl_->calls.erase(it);
    }
}

void Loop::watch(int fd, bool read, bool write, std::function<void(bool readable, bool writable)> call) {
    if (!read && !write) {
        unwatch(fd);
        return;
    }
    Impl::Registration& entry = impl_->registration(fd);
    if (entry.reader != nullptr || entry.writer != nullptr) {
        throw std::logic_error("descriptor " + std::to_string(fd) + " is waited for: it cannot be watched");
    }
    const std::uint32_t interest = (read ? EPOLLIN : 0U) | (write ? EPOLLOUT : 0U);
    if (const int error = impl_->arm(fd, interest); error != 0) {
        throw std::system_error(error, std::generic_category(), "the event loop cannot watch a descriptor");
    }
    entry.watched = interest;
    entry.watcher = std::make_shared<std::function<void(bool, bool)>>(std::move(call));
}

void Loop::unwatch(int fd) {
    Impl::Registration& entry = impl_->registration(fd);
    if (entry.watcher) {
        entry.watcher.reset();
        ++entry.generation;
        ::epoll_ctl(impl_->epoll, EPOLL_CTL_DEL, fd, nullptr);  // fails for a closed one: nothing left to do then
    }
}

void Loop::post(std::function<void()> call) {
    impl_->mailbox->post(std::move(call));
}

void Loop::run() {
    // The kernel may otherwise wake this thread up to 50 µs late, to save power.
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    while (!impl_->stopping.exchange(false)) {
        impl_->turn();
    }
}

void Loop::run_until(const bool& finished) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    while (!finished) {
        impl_->turn();
    }
}

void Loop::stop() {
    impl_->stopping = true;
    impl_->mailbox->wake();
}

std::size_t Loop::shut_down(std::chrono::milliseconds grace) {
    impl_->closing = true;
    impl_->cancel_waits();
    bool late = false;
    const TimerId end = call_at(now() + grace, [&late] { late = true; });
    while (impl_->in_flight > 0 && !late) {
        impl_->turn();
    }
    cancel(end);
    const std::size_t left = impl_->destroy_roots();
    impl_->closing = false;
    return left;
}

schemas::Duration Loop::overloaded() const {
    const auto stretch = now() - impl_->busy_since;
    return std::chrono::duration_cast<schemas::Duration>(impl_->overloaded +
                                                         (stretch >= overload ? stretch : stretch.zero()));
}

std::size_t Loop::in_flight() const {
    return impl_->in_flight;
}

}  // namespace slimtax::probes
