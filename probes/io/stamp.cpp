#include "probes/io/stamp.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <sys/socket.h>

#include "probes/io/loop.hpp"

namespace slimtax::probes {
namespace {

// A stamp older than this was made before the wall clock was set: bytes do not wait so long in a socket that is read.
constexpr std::chrono::nanoseconds oldest_stamp = std::chrono::seconds(10);

std::chrono::nanoseconds since_1970(const timespec& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// The stamp (CLOCK_REALTIME) by the monotonic clock: as long before now as it is before the wall clock's now.
std::optional<TimePoint> by_steady_clock(const timespec& stamp) {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    const TimePoint now = Loop::now();
    const std::chrono::nanoseconds age = since_1970(wall) - since_1970(stamp);
    if (age < std::chrono::nanoseconds::zero() || age > oldest_stamp) {
        return std::nullopt;
    }
    return now - age;
}

struct Stamped {
    ssize_t bytes = 0;
    std::optional<TimePoint> arrived;
};

Stamped receive(int fd, std::span<char> room, int flags) {
    iovec part{room.data(), room.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(scm_timestamping))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    Stamped result;
    result.bytes = ::recvmsg(fd, &message, flags);
    if (result.bytes <= 0) {
        return result;
    }
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_TIMESTAMPING) {
            scm_timestamping stamps{};
            std::memcpy(&stamps, CMSG_DATA(header), sizeof stamps);
            if (stamps.ts[0].tv_sec != 0) {
                result.arrived = by_steady_clock(stamps.ts[0]);
            }
        }
    }
    return result;
}

Arrival look(int fd, std::span<char> room) {
    const Stamped got = receive(fd, room, MSG_PEEK | MSG_DONTWAIT);
    if (got.bytes < 0) {
        return {std::nullopt, errno == EAGAIN || errno == EINTR ? 0 : errno};
    }
    const bool all = room.size() == 1 || got.bytes < static_cast<ssize_t>(room.size());
    return {all ? got.arrived : std::nullopt, 0};
}

}  // namespace

void keep_receive_stamps_on() {
    [[maybe_unused]] static const int keeper = [] {
        const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        want_receive_stamps(fd);
        return fd;
    }();
}

void want_receive_stamps(int fd) {
    const int what = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    ::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &what, sizeof what);
}

ssize_t receive_stamped(int fd, std::span<char> room, int flags, TimePoint& arrived) {
    const Stamped got = receive(fd, room, flags);
    if (got.bytes > 0) {
        arrived = got.arrived.value_or(Loop::now());
    }
    return got.bytes;
}

Arrival first_arrival(int fd) {
    char byte = 0;
    return look(fd, {&byte, 1});
}

Arrival last_arrival(int fd) {
    // One a thread, never read: only the stamp counts. Full, it may hold less than what waits.
    thread_local std::array<char, 16384> room;
    return look(fd, room);
}

}  // namespace slimtax::probes
