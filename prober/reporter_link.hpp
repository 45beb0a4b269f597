// How batches of results get to the reporter: POST /api/v1/results over the engine's HTTP client.
#pragma once

#include <memory>
#include <string>

#include "prober/shipper.hpp"

namespace slimtax::probes {
class Engine;
}

namespace slimtax::prober {

/// `url` is the reporter's, without a slash at the end. `token` may change between two batches. The engine must
/// outlive what is returned.
[[nodiscard]] SendBatch send_to_reporter(probes::Engine& engine, std::string url,
                                         std::shared_ptr<const std::string> token);

}  // namespace slimtax::prober
