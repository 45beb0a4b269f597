#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "probes/io/loop_impl.hpp"

namespace slimtax::probes {

// ---- waits ----

void Loop::Impl::begin_wait(Wait& wait, std::coroutine_handle<> waiting) {
    wait.handle = waiting;
    if (closing) {
        wait.wake_ = Wake::cancelled;  // queued all the same: a coroutine that waits again and again can't spin
        wait.append_to(ready);
        return;
    }
    if (wait.event_ != nullptr) {
        if (wait.event_->waiter_ != nullptr) {
            throw std::logic_error("two coroutines wait for the same event");
        }
        wait.event_->waiter_ = &wait;
    }
    if (wait.fd_ >= 0) {
        register_wait(wait);
    } else if (wait.read_ || wait.write_) {
        wait.deadline_ = TimePoint();  // no descriptor: the read or write that follows says so
    }
    wait.append_to(pending);
    if (wait.deadline_ != never) {
        timers.add(wait.deadline_, wait);
    }
}

void Loop::Impl::end_wait(Wait& wait, Wake how) {
    forget_wait(wait);
    wait.wake_ = how;
    wait.append_to(ready);
}

void Loop::Impl::forget_wait(Wait& wait) {
    wait.unlink();
    timers.remove(wait);
    if (wait.event_ != nullptr && wait.event_->waiter_ == &wait) {
        wait.event_->waiter_ = nullptr;
    }
    if (wait.fd_ >= 0) {
        unregister_wait(wait);
    }
}

void Loop::Impl::cancel_waits() {
    while (!pending.alone()) {
        end_wait(static_cast<Wait&>(static_cast<Queued&>(*pending.next)), Wake::cancelled);
    }
}

// ---- descriptors ----
//
// A wait arms its descriptor one-shot: one system call a wait, and none at its end. What is left armed by a wait
// that timed out fires at most once, with a generation that nobody expects any more. The kernel forgets a closed
// descriptor by itself; when its number comes back, EPOLL_CTL_MOD says ENOENT and it is added anew.

Loop::Impl::Registration& Loop::Impl::registration(int fd) {
    const auto place = static_cast<std::size_t>(fd);
    if (place >= registrations.size()) {
        registrations.resize(std::max(place + 1, registrations.size() * 2));
    }
    return registrations[place];
}

/// Returns 0, or errno.
int Loop::Impl::arm(int fd, std::uint32_t interest) {
    Registration& entry = registration(fd);
    entry.generation = next_generation++;
    if (next_generation == mailbox_mark) {
        ++next_generation;
    }
    epoll_event event{};
    event.events = interest;
    event.data.u64 = static_cast<std::uint64_t>(entry.generation) << 32 | static_cast<std::uint32_t>(fd);
    if (std::exchange(entry.opened, false) && ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) {
        return 0;
    }
    if (::epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) == 0) {
        return 0;
    }
    if (errno == ENOENT && ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) {
        return 0;
    }
    return errno;
}

void Loop::Impl::register_wait(Wait& wait) {
    Registration& entry = registration(wait.fd_);
    if (entry.watcher || (wait.read_ && entry.reader != nullptr) || (wait.write_ && entry.writer != nullptr)) {
        throw std::logic_error("descriptor " + std::to_string(wait.fd_) + " has a waiter already");
    }
    entry.reader = wait.read_ ? &wait : entry.reader;
    entry.writer = wait.write_ ? &wait : entry.writer;
    const int error = arm(wait.fd_, entry.interest());
    if (error == 0) {
        return;
    }
    unregister_wait(wait);
    if (error == EBADF || error == EPERM) {
        // Not open, or a file that is always ready: the read or write that follows says which.
        wait.deadline_ = TimePoint();
        wait.fd_ = -1;
        return;
    }
    throw std::system_error(error, std::generic_category(), "the event loop cannot wait for a descriptor");
}

void Loop::Impl::unregister_wait(Wait& wait) {
    Registration& entry = registration(wait.fd_);
    entry.reader = entry.reader == &wait ? nullptr : entry.reader;
    entry.writer = entry.writer == &wait ? nullptr : entry.writer;
}

void Loop::Impl::dispatch(const epoll_event& event) {
    if (event.data.u64 == mailbox_mark) {
        for (const auto& call : mailbox->take()) {
            call();
        }
        return;
    }
    const auto fd = static_cast<int>(event.data.u64 & UINT32_MAX);
    Registration& entry = registration(fd);
    if (entry.generation != event.data.u64 >> 32) {
        return;
    }
    const bool readable = (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
    const bool writable = (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    if (entry.watcher) {
        const auto watcher = entry.watcher;
        (*watcher)(readable && (entry.watched & EPOLLIN) != 0, writable && (entry.watched & EPOLLOUT) != 0);
        return;
    }
    if (readable && entry.reader != nullptr) {
        end_wait(*entry.reader, Wake::ready);
    }
    if (writable && entry.writer != nullptr) {
        end_wait(*entry.writer, Wake::ready);
    }
    if (entry.reader != nullptr || entry.writer != nullptr) {
        arm(fd, entry.interest());
    }
}

}  // namespace slimtax::probes
