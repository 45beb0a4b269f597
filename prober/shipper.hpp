// Takes results from the spool to the reporter: in batches, in order, as often as it takes.
//
// An answer decides what becomes of a batch:
//   200        stored for good: confirmed, the spool forgets it
//   400, 413   the reporter will never take it as it is: sent again in halves until what it refuses stands alone;
//              that one result is set aside in the spool's folder rejected/ with the reporter's words, loudly
//   401, 403   the token is wrong: kept, and said once a minute, until somebody mends it
//   any other, or none: kept, and tried again
// Between attempts it waits, at first half a second, twice as long each time up to a minute, and a random part of
// that less, so that many probers do not come back in step; at least as long as Retry-After asks for, up to that
// minute. Nothing is ever given up, and what was sent twice is stored once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "prober/spool.hpp"
#include "probes/io/loop.hpp"
#include "probes/io/task.hpp"

namespace slimtax::prober {

/// What came of one POST.
struct SendReply {
    int status = 0;    ///< HTTP status; 0: there was no answer, and `text` says why
    std::string text;  ///< the body, or the reason
    std::chrono::seconds retry_after{0};
};

/// POSTs the bytes of a wire.Batch. Must not throw for anything that the network or the reporter did.
using SendBatch = std::function<probes::Task<SendReply>(std::string body, probes::TimePoint deadline)>;

struct ShipperOptions {
    std::string prober;                         ///< who sends, and
    std::string location;                       ///< where it runs, as the reporter knows them
    std::size_t batch = 500;                    ///< results in one POST at most
    std::size_t batch_bytes = 4u << 20;         ///< about so many bytes of them at most
    std::chrono::milliseconds pause{1000};      ///< how long results may wait for company
    std::chrono::milliseconds timeout{30'000};  ///< of one POST
    std::chrono::milliseconds first_wait{500};  ///< after a first failure
    std::chrono::milliseconds longest_wait{60'000};
    std::function<double()> random;  ///< uniform in [0, 1); omitted: a generator of its own
};

struct ShipperStats {
    std::uint64_t shipped = 0;             ///< results that the reporter has confirmed
    std::uint64_t batches = 0;             ///< POSTs that were confirmed
    std::uint64_t failures = 0;            ///< POSTs that were not, refusals included
    std::uint64_t rejected = 0;            ///< results set aside
    int last_status = 0;                   ///< of the latest POST; 0: no answer, or none sent yet
    std::uint64_t failures_in_a_row = 0;   ///< 0: the reporter takes results
    std::chrono::milliseconds waiting{0};  ///< the present wait between attempts
};

class Shipper {
public:
    /// The spool is shared with worker threads that read it.
    Shipper(probes::Loop& loop, std::shared_ptr<Spool> spool, SendBatch send, ShipperOptions options);

    /// Ships until `stop`, or until the loop is shut down. To be spawned once; the shipper must outlive it.
    [[nodiscard]] probes::Task<void> run();

    /// Ends `run` after the POST under way.
    void stop();

    [[nodiscard]] const ShipperStats& stats() const { return stats_; }

private:
    enum class Delivery { stored, refused, postponed };

    probes::Task<std::vector<SpoolEntry>> next_entries();
    probes::Task<bool> deliver(const std::vector<SpoolEntry>& entries);
    probes::Task<Delivery> post(const std::vector<SpoolEntry>& entries, std::size_t from, std::size_t to);
    bool set_aside(const SpoolEntry& entry);
    void note_trouble(const SendReply& reply);
    void note_success();
    probes::Task<bool> rest(std::chrono::milliseconds time);
    std::chrono::milliseconds next_wait();

    probes::Loop& loop_;
    std::shared_ptr<Spool> spool_;
    SendBatch send_;
    ShipperOptions options_;
    std::string head_;  ///< the bytes of a batch without results
    probes::Loop::Event stopping_;
    SendReply reply_;  ///< the latest
    ShipperStats stats_;
    probes::TimePoint last_log_{};
};

/// The bytes of a wire.Batch: `head` (a batch without results) and the records' bytes, each a wire.Result.
[[nodiscard]] std::string batch_body(std::string_view head, const std::vector<SpoolEntry>& entries, std::size_t from,
                                     std::size_t to);

}  // namespace slimtax::prober
