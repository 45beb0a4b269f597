// Certificates for tests, good ones and bad ones, made once a process by deploy/campus/make-certificates.
#pragma once

#include <string>

namespace slimtax::probes {

/// The path of FILE ("ca.pem", "server.key", "expired.pem" …) in a private folder that goes away at the end.
[[nodiscard]] std::string certificate(const std::string& file);

}  // namespace slimtax::probes
