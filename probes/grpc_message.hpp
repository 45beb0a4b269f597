// The two messages of grpc.health.v1.Health/Check as they travel: protobuf in a frame of gRPC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace slimtax::probes::grpc {

/// HealthCheckRequest { string service = 1; }, framed; empty: the server as a whole.
[[nodiscard]] std::string health_request(const std::string& service);

/// The status in a framed HealthCheckResponse { ServingStatus status = 1; }; nothing when the bytes are no such
/// message. Other fields are passed over, as protobuf wants it.
[[nodiscard]] std::optional<std::uint64_t> health_in(std::string_view body);

}  // namespace slimtax::probes::grpc
