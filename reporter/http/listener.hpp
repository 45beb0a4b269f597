// A listening TCP socket with errors that a person understands.
#pragma once

#include <cstdint>
#include <string>

#include <tl/expected.hpp>

namespace slimtax::reporter {

struct Listener {
    int descriptor = -1;
    std::uint16_t port = 0;
    bool v6 = false;
};

/// `address` is numeric or "localhost"; port 0: any free one. The caller closes the descriptor.
[[nodiscard]] tl::expected<Listener, std::string> listen_on(const std::string& address, std::uint16_t port);

/// Takes as many descriptors as the system allows: thousands of streams need as many.
void raise_descriptor_limit();

}  // namespace slimtax::reporter
