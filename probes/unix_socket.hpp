// Connections to unix domain sockets of this machine.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "probes/io/stream.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {

/// Connects to the socket of that path ('@' first: an abstract name); where the server's queue is full, in its turn.
/// `path` lives as long as the wait.
Task<tl::expected<Socket, Trouble>> connect_unix(Loop& loop, const std::string& path, const Patience& patience);

}  // namespace slimtax::probes
