// What a fuzz target is. The sanitizers of the dev preset are the judges; what breaks a parser's own contract aborts
// too.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace slimtax::fuzz {

struct Target {
    std::string_view name;
    std::vector<std::string> seeds;   ///< good inputs to begin with
    std::vector<std::string> pieces;  ///< words of the format, put in at random
    void (*feed)(const std::string& input);
};

extern const Target xml, scram, ldap, dns, json, html, prometheus, logs, definitions, websocket_frames, grpc_health,
    server_timing;

/// A random number below `limit`; 0 when that is 0. From the seed that the run printed.
[[nodiscard]] std::size_t below(std::size_t limit);

/// Aborts with the input, readable and in a file, when a promise does not hold.
void must(bool holds, const char* what, const std::string& input);

}  // namespace slimtax::fuzz
