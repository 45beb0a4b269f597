#include "prober/shipper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "prober/log.hpp"
#include "schemas/result_wire.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::prober {
namespace {

const Log& log() {
    static const Log module("shipper");
    return module;
}

using probes::Loop;
using probes::Task;
using std::chrono::milliseconds;

std::function<double()> own_random() {
    return [generator = std::mt19937_64(std::random_device{}())]() mutable {
        return std::uniform_real_distribution<double>(0, 1)(generator);
    };
}

/// The start of an answer, fit for a log line.
std::string excerpt(std::string_view text) {
    std::string line = schemas::shortened(schemas::to_valid_utf8(text), 500);
    std::ranges::replace_if(
        line, [](unsigned char c) { return c < ' '; }, ' ');
    return line;
}

}  // namespace

std::string batch_body(std::string_view head, const std::vector<SpoolEntry>& entries, std::size_t from,
                       std::size_t to) {
    // A protobuf message is its fields one after another, so a batch is its head and the results behind it:
    // field 3, length-delimited. Nothing needs to be parsed for that.
    std::string body(head);
    for (std::size_t i = from; i < to; ++i) {
        const std::string& bytes = entries[i].bytes;
        body.push_back(static_cast<char>(3 << 3 | 2));
        std::uint64_t length = bytes.size();
        for (; length >= 0x80; length >>= 7) {
            body.push_back(static_cast<char>(length | 0x80));
        }
        body.push_back(static_cast<char>(length));
        body += bytes;
    }
    return body;
}

Shipper::Shipper(Loop& loop, std::shared_ptr<Spool> spool, SendBatch send, ShipperOptions options)
    : loop_(loop),
      spool_(std::move(spool)),
      send_(std::move(send)),
      options_(std::move(options)),
      head_(schemas::encode(schemas::Batch{options_.prober, options_.location, {}})),
      stopping_(loop) {
    if (!options_.random) {
        options_.random = own_random();
    }
}

void Shipper::stop() {
    stopping_.set();
}

Task<void> Shipper::run() {
    while (!stopping_.is_set()) {
        const std::vector<SpoolEntry> entries = co_await next_entries();
        milliseconds pause = entries.size() < options_.batch ? options_.pause : milliseconds{0};
        if (!entries.empty() && !co_await deliver(entries)) {
            pause = stats_.waiting;
        }
        if (pause.count() > 0 && !co_await rest(pause)) {
            co_return;
        }
    }
}

/// False when it is time to end.
Task<bool> Shipper::rest(milliseconds time) {
    const probes::Wake wake = co_await stopping_.wait(Loop::now() + time);
    co_return wake == probes::Wake::timed_out;
}

Task<std::vector<SpoolEntry>> Shipper::next_entries() {
    // In a worker: after days without a reporter the files have long left the page cache.
    auto entries = std::make_shared<std::vector<SpoolEntry>>();
    std::function<void()> work = [spool = spool_, entries, most = options_.batch, bytes = options_.batch_bytes] {
        *entries = spool->peek(most, bytes);
    };
    const probes::Wake wake = co_await loop_.in_worker(std::move(work), Loop::now() + std::chrono::hours(1));
    if (wake != probes::Wake::ready) {
        co_return std::vector<SpoolEntry>{};
    }
    co_return std::move(*entries);
}

/// False when what is left has to wait; what the reporter has taken or refused for good is confirmed.
Task<bool> Shipper::deliver(const std::vector<SpoolEntry>& entries) {
    // Halves still to be sent, the earliest on top: results are confirmed in their order.
    std::vector<std::pair<std::size_t, std::size_t>> parts{{0, entries.size()}};
    while (!parts.empty()) {
        const auto [from, to] = parts.back();
        parts.pop_back();
        const Delivery delivery = co_await post(entries, from, to);
        if (delivery == Delivery::postponed) {
            co_return false;
        }
        if (delivery == Delivery::refused && to - from > 1) {
            const std::size_t middle = from + (to - from) / 2;
            parts.emplace_back(middle, to);
            parts.emplace_back(from, middle);
            continue;
        }
        if (delivery == Delivery::refused && !set_aside(entries[from])) {
            co_return false;
        }
        spool_->confirm(entries[to - 1].end);
    }
    co_return true;
}

Task<Shipper::Delivery> Shipper::post(const std::vector<SpoolEntry>& entries, std::size_t from, std::size_t to) {
    reply_ = co_await send_(batch_body(head_, entries, from, to), Loop::now() + options_.timeout);
    stats_.last_status = reply_.status;
    if (reply_.status == 200) {
        ++stats_.batches;
        stats_.shipped += to - from;
        note_success();
        co_return Delivery::stored;
    }
    ++stats_.failures;
    if (reply_.status == 400 || reply_.status == 413) {
        co_return Delivery::refused;
    }
    note_trouble(reply_);
    co_return Delivery::postponed;
}

bool Shipper::set_aside(const SpoolEntry& entry) {
    const std::string reason = fmt::format("HTTP {}: {}\n", reply_.status, reply_.text);
    const auto path = spool_->set_aside(entry, batch_body(head_, {entry}, 0, 1), reason);
    if (!path) {
        ++stats_.failures_in_a_row;
        stats_.waiting = next_wait();
        log().error(fmt::format("the reporter refuses a result, which cannot be set aside either: {}", path.error()));
        return false;
    }
    ++stats_.rejected;
    log().error(fmt::format("the reporter refuses the result due at {}: {}; kept in {}",
                            schemas::to_rfc3339(entry.stamp), excerpt(reason), path->string()));
    return true;
}

void Shipper::note_success() {
    if (stats_.failures_in_a_row > 0) {
        log().warn(fmt::format("the reporter takes results again, after {} attempts in vain; {} bytes wait for it",
                               stats_.failures_in_a_row, spool_->stats().waiting_bytes));
    }
    stats_.failures_in_a_row = 0;
    stats_.waiting = milliseconds{0};
    last_log_ = {};
}

milliseconds Shipper::next_wait() {
    milliseconds longest = options_.first_wait;
    for (std::uint64_t i = 1; i < stats_.failures_in_a_row && longest < options_.longest_wait; ++i) {
        longest *= 2;
    }
    longest = std::min(longest, options_.longest_wait);
    const double share = 0.5 + 0.5 * options_.random();
    return milliseconds(static_cast<std::int64_t>(static_cast<double>(longest.count()) * share));
}

void Shipper::note_trouble(const SendReply& reply) {
    ++stats_.failures_in_a_row;
    const milliseconds asked = std::min<milliseconds>(reply.retry_after, options_.longest_wait);
    stats_.waiting = std::max(next_wait(), asked);
    if (last_log_ != probes::TimePoint{} && Loop::now() < last_log_ + std::chrono::minutes(1)) {
        return;  // said less than a minute ago
    }
    last_log_ = Loop::now();
    const std::string kept =
        fmt::format("results are kept in the spool ({} bytes wait)", spool_->stats().waiting_bytes);
    if (reply.status == 401 || reply.status == 403) {
        log().error(fmt::format(
            "shipper: the reporter does not accept the token of prober '{}' (HTTP {}: {}); make [prober] token "
            "the same as its [[reporter.prober]] token; {}",
            options_.prober, reply.status, excerpt(reply.text), kept));
    } else if (reply.status == 0) {
        log().error(fmt::format("no answer from the reporter: {}; {}", excerpt(reply.text), kept));
    } else {
        log().error(fmt::format("the reporter answered HTTP {}: {}; {}", reply.status, excerpt(reply.text), kept));
    }
}

}  // namespace slimtax::prober
