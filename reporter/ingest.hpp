// Takes results in: POST /api/v1/results. A prober shows its token; results of other locations than its own are
// refused. 200 is answered when every result is on disk, and only then.
//
//   200 {"stored":n,"repeated":m}   kept for good
//   400 a sentence                  nothing kept, and never will be: not a batch, or a stamp from the future
//   401, 403 a sentence             wrong token; right token, wrong location
//   413, 415 a sentence             too long; neither protobuf nor JSON
//   503 a sentence, Retry-After     nothing kept now: send it again
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "reporter/http/server.hpp"
#include "reporter/store/series_ids.hpp"
#include "reporter/store/store.hpp"
#include "schemas/definition.hpp"

namespace slimtax::schemas {
struct Batch;
}

namespace slimtax::reporter {

/// True when a definition has this probe, with this target, at this location.
[[nodiscard]] bool is_defined(const schemas::Definitions& definitions, const schemas::SeriesKey& key);

/// A prober that may send, and what was heard of it. Times and counts are since the program's start.
struct ProberContact {
    std::string name;
    std::string location;
    std::optional<schemas::Instant> last;  ///< when its last batch was stored
    std::uint64_t batches = 0;
    std::uint64_t stored = 0;
    std::uint64_t repeated = 0;
    std::uint64_t rejected = 0;  ///< batches answered by 400 or 403
};

struct IngestPlace {
    Store* store = nullptr;
    std::function<schemas::Instant()> now;
    std::function<void()> changed;  ///< called when results were stored, on a worker's thread
};

class Ingest {
public:
    struct Prober {
        std::string name;
        std::string location;
        std::string token;
    };

    static constexpr std::size_t body_limit = 32 * 1024 * 1024;

    explicit Ingest(IngestPlace place);

    /// Who may send from now on; counts of probers that stay go on.
    void set_probers(std::vector<Prober> probers);
    void set_definitions(schemas::Definitions definitions);

    /// The routes; before the server starts.
    void add_to(HttpServer& server);

    /// Refuses a request whose token nobody has, before its body is read.
    [[nodiscard]] std::optional<Response> refuse(const Request& request) const;
    [[nodiscard]] Response take(const Request& request);

    [[nodiscard]] std::vector<ProberContact> contacts() const;
    /// Series that sent results since the start without being defined: at most 1000 of them.
    [[nodiscard]] std::vector<schemas::SeriesKey> undefined() const;
    [[nodiscard]] std::uint64_t refused_tokens() const;
    /// Why the newest batch could not be stored; empty when it could.
    [[nodiscard]] std::string trouble() const;

private:
    /// The prober whose token it is, preferring the one that the batch names.
    [[nodiscard]] std::optional<Prober> sender(const Request& request, std::string_view name) const;
    [[nodiscard]] Response rejected(const Prober& prober, int status, const std::string& reason);
    [[nodiscard]] std::optional<Response> check(const Prober& prober, const schemas::Batch& batch);
    void note_undefined(const schemas::Batch& batch);

    IngestPlace place_;
    mutable std::mutex mutex_;
    std::vector<Prober> probers_;
    std::map<std::string, ProberContact> contacts_;  ///< by name
    schemas::Definitions definitions_;
    std::set<schemas::SeriesKey> undefined_;
    /// Series that were found to be defined: looking through all definitions for each result would cost more than
    /// storing it.
    std::unordered_set<schemas::SeriesKey, SeriesHash> defined_;
    mutable std::uint64_t refused_tokens_ = 0;
    std::string trouble_;
};

}  // namespace slimtax::reporter
