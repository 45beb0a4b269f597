// When bytes arrived, by the kernel's own stamp rather than by the moment our loop came to read them: under load the
// difference is the prober's, not the service's (docs/decisions/2026-11-21-receive-stamps.md).
#pragma once

#include <optional>
#include <span>

#include <sys/types.h>

#include "probes/io/time_point.hpp"

namespace slimtax::probes {

/// Makes the kernel ready to stamp, for as long as this process lives: it begins some milliseconds after the first socket
/// asks for stamps and ends after the last one closed, so that short sockets alone would get none.
void keep_receive_stamps_on();

/// Asks the kernel to stamp what arrives on this socket from now on. A kernel that does not is no error: times are then
/// those of the reading.
void want_receive_stamps(int fd);

/// recv(2) with the stamp of the last byte that came: `arrived` is when the kernel received it, or now when it did not
/// say (or said something that the monotonic clock contradicts: the wall clock was set meanwhile). Untouched unless
/// bytes came.
[[nodiscard]] ssize_t receive_stamped(int fd, std::span<char> room, int flags, TimePoint& arrived);

/// What a look at a socket told; nothing was read.
struct Arrival {
    std::optional<TimePoint> when;
    int error = 0;  ///< errno of a broken connection: the kernel tells it once, whoever reads next sees an end
};

/// When the first of the bytes that wait to be read arrived; no time when none waits or the kernel has no stamp.
[[nodiscard]] Arrival first_arrival(int fd);

/// When the last of the bytes that wait to be read arrived; no time when none waits, more than 16 KiB wait, or the
/// kernel has no stamp.
[[nodiscard]] Arrival last_arrival(int fd);

}  // namespace slimtax::probes
