// Takes results in: POST /api/v1/results with a prober's token, the body a wire.Batch as protobuf
// (application/x-protobuf) or JSON (application/json).
//
//   200 {"stored":n,"repeated":m}   every one of them is on disk
//   400, 413, 415                   it will never be taken as it is; the text says why
//   401                             no token, or an unknown one
//   403                             results of a location that this token does not speak for
//   503, Retry-After                the store cannot write now: keep them and send them again
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "reporter/http_server.hpp"
#include "reporter/store.hpp"
#include "schemas/config.hpp"

namespace slimtax::reporter {

/// What is known of one prober since the start.
struct ProberContact {
    std::string location;
    schemas::Instant last{};  ///< of its last accepted batch; 1970: none yet
    std::uint64_t results = 0;
};

struct IngestCounts {
    std::uint64_t stored = 0;
    std::uint64_t repeated = 0;
    std::uint64_t refused = 0;  ///< batches that were answered 4xx
    std::uint64_t delayed = 0;  ///< batches that were answered 503
    std::string trouble;        ///< why the store could not write the last time; empty: it could
    std::map<std::string, ProberContact> probers;
};

/// Safe from every thread.
class Ingest {
public:
    using Prober = schemas::ReporterConfig::Prober;

    /// `store` outlives this. `now` is the wall clock. `stored` is called after each batch that added something.
    Ingest(Store& store, std::vector<Prober> probers, std::function<schemas::Instant()> now,
           std::function<void()> stored);

    /// Another list of probers, after a reload.
    void set_probers(std::vector<Prober> probers);

    /// Adds the route. Before the server's start(); this must outlive the server.
    void add_route(HttpServer& server);

    [[nodiscard]] IngestCounts counts() const;

    /// Results further ahead of our clock than this are refused: somebody's clock is wrong.
    static constexpr schemas::Duration furthest_ahead = std::chrono::hours(24);
    static constexpr std::size_t largest_body = 16u << 20;

private:
    [[nodiscard]] std::optional<Prober> prober_of(const Request& request) const;
    [[nodiscard]] Response take(const Request& request);
    [[nodiscard]] Response refuse(int status, std::string_view reason);

    Store& store_;
    std::function<schemas::Instant()> now_;
    std::function<void()> stored_;
    mutable std::mutex mutex_;  ///< of what follows
    std::vector<Prober> probers_;
    IngestCounts counts_;
};

}  // namespace slimtax::reporter
