#include "reporter/store/blob.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "reporter/store/blob_frame.hpp"
#include "reporter/store/blob_steps.hpp"
#include "schemas/slots.hpp"

namespace slimtax::reporter {
namespace {

using namespace blob_frame;

using schemas::Duration;
using schemas::Instant;
using schemas::RunResult;
using schemas::Verdict;

constexpr std::size_t core_columns = 11;
/// Of core whose runs are named by their slots.
constexpr std::uint8_t core_version_with_slots = 2;

/// Nobody keeps a probe's jitter with its results; these are tried, the usual one first.
constexpr std::array likely_jitters{0.5, 0.0, 1.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.75};

/// The first column by slots; empty when not all rows lie on one schedule.
template <class Row>
std::string by_slots(std::span<const Row* const> rows, std::uint64_t seed) {
    const Duration every = rows.empty() ? Duration(0) : rows.front()->every;
    if (every <= Duration(0)) {
        return {};
    }
    const auto slot_of = [&](const Row& row) { return row.intended.time_since_epoch() / every; };
    for (const double jitter : likely_jitters) {
        const bool all = std::ranges::all_of(rows, [&](const Row* row) {
            return row->every == every && schemas::intended_start(seed, every, jitter, slot_of(*row)) == row->intended;
        });
        if (!all) {
            continue;
        }
        ByteWriter out;
        out.fixed32(static_cast<std::uint32_t>(seed));
        out.fixed32(static_cast<std::uint32_t>(seed >> 32));
        out.varint(number(every));
        out.real(jitter);
        std::int64_t slot = slot_of(*rows.front());
        out.varint(static_cast<std::uint64_t>(slot));
        RunsWriter steps;
        for (const Row* row : rows.subspan(1)) {
            steps.add(static_cast<std::uint64_t>(slot_of(*row) - slot));
            slot = slot_of(*row);
        }
        out.text(steps.take());
        return out.take();
    }
    return {};
}

/// Reads the first column.
class IntendedReader {
public:
    IntendedReader(Instant begin, Instant end, std::string_view column, bool slots)
        : before_(begin), end_(end), in_(column), slots_(slots) {
        if (slots_) {
            for (int shift = 0; shift < 64; shift += 8) {
                seed_ |= static_cast<std::uint64_t>(in_.byte()) << shift;
            }
            every_ = duration(in_.varint());
            jitter_ = in_.real();
            slot_ = static_cast<std::int64_t>(in_.varint());
            steps_ = RunsReader(in_.text());
            // Else numbers could grow beyond what an instant holds.
            if (every_ <= Duration(0) || every_ > std::chrono::days(366) || !(jitter_ >= 0 && jitter_ <= 1) ||
                slot_ < 0 || slot_ > end_.time_since_epoch() / every_) {
                in_.spoil();
            }
        }
    }

    /// False when it is beyond the end, or there is no more.
    bool next(Instant& intended) {
        if (!slots_) {
            const std::uint64_t step = in_.varint();
            if (step >= static_cast<std::uint64_t>((end_ - before_).count())) {
                in_.spoil();
                return false;
            }
            intended = before_ += duration(step);
            return in_.good();
        }
        if (!first_) {
            const std::uint64_t step = steps_.next();
            const auto most = static_cast<std::uint64_t>((end_ - before_) / every_) + 1;
            slot_ += static_cast<std::int64_t>(std::min(step, most));
        }
        first_ = false;
        intended = in_.good() ? schemas::intended_start(seed_, every_, jitter_, slot_) : end_;
        if (intended < before_ || intended >= end_) {
            in_.spoil();
            return false;
        }
        before_ = intended;
        return steps_.good();
    }
    [[nodiscard]] bool good() const { return in_.good() && steps_.good(); }

private:
    Instant before_;
    Instant end_;
    ByteReader in_;
    bool slots_;
    bool first_ = true;
    std::uint64_t seed_ = 0;
    Duration every_{};
    double jitter_ = 0;
    std::int64_t slot_ = 0;
    RunsReader steps_;
};

using CoreColumns = BlobColumns<core_columns>;

bool has_slots(std::string_view core) {
    return !core.empty() && static_cast<std::uint8_t>(core.front()) == core_version_with_slots;
}

tl::expected<CoreColumns, std::string> open_core(std::string_view core) {
    auto blob = open_blob<core_columns>(core, has_slots(core) ? core_version_with_slots : blob_version);
    // Every row has at least a byte in the second column.
    return blob && blob->rows > blob->columns[1].size() ? tl::unexpected(inconsistent().error()) : blob;
}

/// `Row` is Run or RunResult: the fields have the same names.
template <class Row>
std::string encode_core(Instant begin, std::span<const Row* const> rows, std::optional<std::uint64_t> seed = {}) {
    ByteWriter intended;
    ByteWriter started;
    ByteWriter response;
    ByteWriter rest;
    ByteWriter users;
    RunsWriter every;
    RunsWriter verdict;
    RunsWriter reason;
    RunsWriter work;
    RunsWriter work_span;
    DictionaryWriter texts;
    bool any_reason = false;
    bool any_work = false;
    bool any_users = false;
    Instant before = begin;
    for (const Row* one : rows) {
        const Row& row = *one;
        intended.varint(number(row.intended - before));
        before = row.intended;
        started.signed_varint((row.started - row.intended).count());
        response.varint(number(row.response));
        rest.signed_varint((row.length - row.response).count());
        every.add(number(row.every));
        verdict.add(static_cast<std::uint64_t>(row.verdict));
        reason.add(texts.number_of(row.reason));
        any_reason = any_reason || !row.reason.empty();
        work.add(row.work);
        work_span.add(number(row.work_span));
        any_work = any_work || row.work != 0 || row.work_span != Duration::zero();
        users.varint(row.users.size());
        for (const schemas::UserWork& user : row.users) {
            users.varint(texts.number_of(user.user));
            users.varint(user.units);
        }
        any_users = any_users || !row.users.empty();
    }
    std::string slots = seed ? by_slots(rows, *seed) : std::string();
    const std::uint8_t version = slots.empty() ? blob_version : core_version_with_slots;
    const std::array<std::string, core_columns> columns{slots.empty() ? intended.take() : std::move(slots),
                                                        started.take(),
                                                        response.take(),
                                                        rest.take(),
                                                        every.take(),
                                                        verdict.take(),
                                                        unless_zero(reason, any_reason),
                                                        unless_zero(work, any_work),
                                                        unless_zero(work_span, any_work),
                                                        any_users ? users.take() : std::string(),
                                                        any_reason || any_users ? texts.take() : std::string()};
    return framed(rows.size(), columns, version);
}

template <class Row>
std::vector<const Row*> pointers_to(std::span<const Row> rows) {
    std::vector<const Row*> pointers;
    pointers.reserve(rows.size());
    for (const Row& row : rows) {
        pointers.push_back(&row);
    }
    return pointers;
}

/// Reads the columns of core row by row.
class CoreReader {
public:
    CoreReader(Instant begin, Instant end, const CoreColumns& blob, bool slots)
        : intended_(begin, end, blob.columns[0], slots),
          started_(blob.columns[1]),
          response_(blob.columns[2]),
          rest_(blob.columns[3]),
          users_(blob.columns[9]),
          every_(blob.columns[4]),
          verdict_(blob.columns[5]),
          reason_(blob.columns[6]),
          work_(blob.columns[7]),
          work_span_(blob.columns[8]),
          texts_(blob.columns[10]),
          any_reason_(!blob.columns[6].empty()),
          any_work_(!blob.columns[7].empty()),
          any_users_(!blob.columns[9].empty()) {}

    template <class Row>
    void next(Row& row) {
        if (!intended_.next(row.intended)) {
            return;
        }
        row.started = Instant(sum(row.intended.time_since_epoch(), Duration(started_.signed_varint())));
        row.response = duration(response_.varint());
        row.length = sum(row.response, Duration(rest_.signed_varint()));
        row.every = duration(every_.next());
        row.verdict = static_cast<Verdict>(verdict_.next());
        if (static_cast<std::size_t>(row.verdict) >= schemas::all_verdicts.size()) {
            response_.spoil();
        }
        if (any_reason_) {
            row.reason = texts_.text(reason_.next());
        }
        if (any_work_) {
            row.work = work_.next();
            row.work_span = duration(work_span_.next());
        }
        if (any_users_) {
            const std::size_t count = users_.count();
            row.users.reserve(count);
            for (std::size_t i = 0; i < count && users_.good(); ++i) {
                const std::string_view user = texts_.text(users_.varint());
                row.users.push_back({std::string(user), users_.varint()});
            }
        }
    }

    [[nodiscard]] bool good() const {
        return intended_.good() && started_.good() && response_.good() && rest_.good() && users_.good() &&
               every_.good() && verdict_.good() && reason_.good() && work_.good() && work_span_.good() && texts_.good();
    }

private:
    IntendedReader intended_;
    ByteReader started_;
    ByteReader response_;
    ByteReader rest_;
    ByteReader users_;
    RunsReader every_;
    RunsReader verdict_;
    RunsReader reason_;
    RunsReader work_;
    RunsReader work_span_;
    DictionaryReader texts_;
    bool any_reason_;
    bool any_work_;
    bool any_users_;
};

template <class Row>
Decoded decode_rows(Instant begin, Instant end, const CoreColumns& blob, bool slots, std::vector<Row>& out) {
    CoreReader in(begin, end, blob, slots);
    const std::size_t before = out.size();
    out.resize(before + blob.rows);
    for (std::size_t i = before; i < out.size(); ++i) {
        in.next(out[i]);
    }
    if (!in.good()) {
        out.resize(before);
        return inconsistent();
    }
    return {};
}

}  // namespace

std::int64_t hour_of(Instant instant) {
    return std::chrono::floor<std::chrono::hours>(instant).time_since_epoch().count();
}

Instant begin_of_hour(std::int64_t hour) {
    return Instant(std::chrono::hours(hour));
}

HourBlob encode_hour(std::int64_t hour, std::span<const RunResult> rows) {
    return encode_rows(hour, pointers_to(rows), {});
}

HourBlob encode_rows(std::int64_t hour, std::span<const RunResult* const> rows, std::optional<std::uint64_t> seed) {
    return {encode_core<RunResult>(begin_of_hour(hour), rows, seed), encode_steps(rows)};
}

std::string encode_runs(Instant begin, std::span<const Run> runs) {
    return encode_core<Run>(begin, pointers_to(runs));
}

Decoded decode_runs(Instant begin, Instant end, std::string_view bytes, std::vector<Run>& out) {
    const auto blob = open_core(bytes);
    return blob ? decode_rows(begin, end, *blob, has_slots(bytes), out) : Decoded(tl::unexpected(blob.error()));
}

Decoded decode_intended(std::int64_t hour, std::string_view core, std::vector<Instant>& out) {
    const auto blob = open_core(core);
    if (!blob) {
        return tl::unexpected(blob.error());
    }
    IntendedReader in(begin_of_hour(hour), begin_of_hour(hour + 1), blob->columns[0], has_slots(core));
    for (std::size_t i = 0; i < blob->rows && in.good(); ++i) {
        Instant at;
        if (in.next(at)) {
            out.push_back(at);
        }
    }
    return in.good() ? Decoded() : inconsistent();
}

Decoded decode_runs(std::int64_t hour, std::string_view core, std::vector<Run>& out) {
    return decode_runs(begin_of_hour(hour), begin_of_hour(hour + 1), core, out);
}

Decoded decode_results(std::int64_t hour, std::string_view core, std::string_view detail, const schemas::SeriesKey& key,
                       std::vector<RunResult>& out) {
    const auto blob = open_core(core);
    if (!blob) {
        return tl::unexpected(blob.error());
    }
    const std::size_t before = out.size();
    if (Decoded good = decode_rows(begin_of_hour(hour), begin_of_hour(hour + 1), *blob, has_slots(core), out); !good) {
        return good;
    }
    const std::span<RunResult> rows = std::span(out).subspan(before);
    for (RunResult& row : rows) {
        row.key = key;
    }
    Decoded good = decode_steps(detail, rows);
    if (!good) {
        out.resize(before);
    }
    return good;
}

}  // namespace slimtax::reporter
