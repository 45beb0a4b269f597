// A socket as OpenSSL reads it, with the kernel's receive stamps (stamp.hpp).
#pragma once

#include <openssl/types.h>

#include "probes/io/time_point.hpp"

namespace slimtax::probes {

/// Reads and writes `fd`, which it does not close, and leaves in `arrived` when the last bytes came that it read. Both
/// outlive it. Null when OpenSSL has no memory. Errors and the end of the stream are told as by BIO_s_socket.
[[nodiscard]] BIO* new_stamped_bio(int fd, TimePoint& arrived);

}  // namespace slimtax::probes
