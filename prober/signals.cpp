#include "prober/signals.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace slimtax::prober {
namespace {

// What the handler may touch: it runs between any two instructions.
std::atomic<int> write_end{-1};

extern "C" void tell_loop(int signal) {
    const int saved = errno;
    const auto byte = static_cast<unsigned char>(signal);
    [[maybe_unused]] const auto written = ::write(write_end.load(), &byte, 1);
    errno = saved;
}

}  // namespace

Signals::Signals(probes::Loop& loop, std::map<int, std::function<void()>> calls)
    : loop_(loop), calls_(std::move(calls)) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        throw std::system_error(errno, std::generic_category(), "no pipe for signals");
    }
    read_end_ = ends[0];
    write_end = ends[1];
    loop_.watch(read_end_, true, false, [this](bool, bool) { drain(); });
    for (const auto& [signal, call] : calls_) {
        struct sigaction action {};
        action.sa_handler = tell_loop;
        action.sa_flags = SA_RESTART;
        ::sigaction(signal, &action, nullptr);
    }
}

Signals::~Signals() {
    for (const auto& [signal, call] : calls_) {
        std::signal(signal, SIG_DFL);
    }
    loop_.unwatch(read_end_);
    ::close(read_end_);
    ::close(write_end.exchange(-1));
}

void Signals::drain() {
    std::array<unsigned char, 64> bytes{};
    const auto count = ::read(read_end_, bytes.data(), bytes.size());
    for (ssize_t i = 0; i < count; ++i) {
        if (const auto it = calls_.find(bytes.at(static_cast<std::size_t>(i))); it != calls_.end()) {
            it->second();
        }
    }
}

}  // namespace slimtax::prober
