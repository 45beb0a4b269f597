#include "probes/io/arrival_watch.hpp"

#include <linux/tcp.h>  // knows tcpi_bytes_received; netinet/tcp.h does not
#include <netinet/in.h>
#include <sys/socket.h>

#include "probes/io/loop.hpp"
#include "probes/io/stamp.hpp"

namespace slimtax::probes {

std::uint64_t bytes_received(int fd) {
    tcp_info info{};
    socklen_t length = sizeof info;
    return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 ? info.tcpi_bytes_received : 0;
}

void ArrivalWatch::look(int fd) {
    // Counted first: what comes between the two is stamped but not counted, and `arrived` sees that.
    received_ = bytes_received(fd);
    const Arrival arrival = last_arrival(fd);
    known_ = arrival.when.has_value();
    arrived_ = arrival.when.value_or(TimePoint());
    if (arrival.error != 0) {
        error_ = arrival.error;
    }
}

TimePoint ArrivalWatch::arrived(int fd) const {
    return known_ && bytes_received(fd) == received_ ? arrived_ : Loop::now();
}

}  // namespace slimtax::probes
