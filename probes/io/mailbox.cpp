#include "probes/io/mailbox.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace slimtax::probes {

Mailbox::Mailbox() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (fd_ < 0) {
        throw std::system_error(errno, std::generic_category(), "no descriptor for the event loop");
    }
}

Mailbox::~Mailbox() {
    ::close(fd_);
}

void Mailbox::post(std::function<void()> call) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            return;
        }
        first = calls_.empty();
        calls_.push_back(std::move(call));
    }
    if (first) {
        wake();
    }
}

void Mailbox::wake() const {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is awake anyway.
    [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

std::vector<std::function<void()>> Mailbox::take() {
    // Emptied before the calls are taken: a post in between then leaves the descriptor readable.
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(fd_, &count, sizeof count);
    std::vector<std::function<void()>> calls;
    const std::lock_guard lock(mutex_);
    calls.swap(calls_);
    return calls;
}

void Mailbox::close() {
    std::vector<std::function<void()>> dropped;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(calls_);
}

}  // namespace slimtax::probes
