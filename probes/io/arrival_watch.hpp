// When a library's answer had arrived, where the library reads the socket itself: the waiting bytes are looked at
// before it does.
#pragma once

#include <cstdint>

#include "probes/io/time_point.hpp"

namespace slimtax::probes {

/// How many bytes the kernel has taken in on a TCP connection; 0 for other sockets.
[[nodiscard]] std::uint64_t bytes_received(int fd);

class ArrivalWatch {
public:
    /// To be called when the socket has become readable, before the library reads. The socket wants stamps
    /// (want_receive_stamps).
    void look(int fd);

    /// When the last that the library can have read had arrived: the kernel's stamp; or now, where more has come since
    /// `look` or the kernel did not say, since then nobody knows which byte the library ended with.
    [[nodiscard]] TimePoint arrived(int fd) const;

    /// Bytes that the kernel had taken in on the connection at the last `look`.
    [[nodiscard]] std::uint64_t received() const { return received_; }

    /// errno of a connection that broke: the kernel tells it once, to `look`, and the library sees an end. 0: none.
    [[nodiscard]] int error() const { return error_; }

private:
    TimePoint arrived_{};  ///< only where `known_`
    std::uint64_t received_ = 0;
    bool known_ = false;
    int error_ = 0;
};

}  // namespace slimtax::probes
