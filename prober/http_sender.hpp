// The shipper's way to a reporter over HTTP: POST to /api/v1/results with a bearer token.
#pragma once

#include <string>

#include "prober/shipper.hpp"

namespace slimtax::probes {
class Engine;
}

namespace slimtax::prober {

/// `reporter` is its address ("https://reporter.example", with or without a path and a slash at the end). The
/// engine's trusted roots count; redirects are not followed, since they would take the token elsewhere. The engine
/// must outlive the sender.
[[nodiscard]] SendBatch send_over_http(probes::Engine& engine, const std::string& reporter, std::string token);

}  // namespace slimtax::prober
