#include "reporter/blob.hpp"

#include <array>

#include "reporter/blob_frame.hpp"
#include "reporter/blob_steps.hpp"

namespace slimtax::reporter {
namespace {

using namespace blob_frame;

using schemas::Duration;
using schemas::Instant;
using schemas::RunResult;
using schemas::Verdict;

constexpr std::size_t core_columns = 11;

/// `Row` is Run or RunResult: the fields have the same names.
template <class Row>
std::string encode_core(Instant begin, std::span<const Row> rows) {
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
    for (const Row& row : rows) {
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
    const std::array<std::string, core_columns> columns{intended.take(),
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
    return framed(rows.size(), columns);
}

/// Reads the columns of core row by row.
class CoreReader {
public:
    CoreReader(Instant begin, Instant end, const BlobColumns<core_columns>& blob)
        : before_(begin),
          end_(end),
          intended_(blob.columns[0]),
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
        const std::uint64_t step = intended_.varint();
        if (step >= static_cast<std::uint64_t>((end_ - before_).count())) {
            intended_.spoil();  // beyond the hour
            return;
        }
        row.intended = before_ + duration(step);
        before_ = row.intended;
        row.started = Instant(sum(row.intended.time_since_epoch(), Duration(started_.signed_varint())));
        row.response = duration(response_.varint());
        row.length = sum(row.response, Duration(rest_.signed_varint()));
        row.every = duration(every_.next());
        row.verdict = static_cast<Verdict>(verdict_.next());
        if (static_cast<std::size_t>(row.verdict) >= schemas::all_verdicts.size()) {
            intended_.spoil();
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
    Instant before_;
    Instant end_;
    ByteReader intended_;
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
Decoded decode_rows(Instant begin, Instant end, const BlobColumns<core_columns>& blob, std::vector<Row>& out) {
    if (blob.rows > blob.columns[0].size()) {
        return inconsistent();
    }
    CoreReader in(begin, end, blob);
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
    return {encode_core(begin_of_hour(hour), rows), encode_steps(rows)};
}

std::string encode_runs(Instant begin, std::span<const Run> runs) {
    return encode_core(begin, runs);
}

Decoded decode_runs(Instant begin, Instant end, std::string_view bytes, std::vector<Run>& out) {
    const auto blob = open_blob<core_columns>(bytes);
    return blob ? decode_rows(begin, end, *blob, out) : Decoded(tl::unexpected(blob.error()));
}

Decoded decode_intended(std::int64_t hour, std::string_view core, std::vector<Instant>& out) {
    const auto blob = open_blob<core_columns>(core);
    if (!blob) {
        return tl::unexpected(blob.error());
    }
    if (blob->rows > blob->columns[0].size()) {
        return inconsistent();
    }
    ByteReader in(blob->columns[0]);
    Instant at = begin_of_hour(hour);
    for (std::size_t i = 0; i < blob->rows; ++i) {
        at = Instant(sum(at.time_since_epoch(), duration(in.varint())));
        out.push_back(at);
    }
    return in.good() ? Decoded() : inconsistent();
}

Decoded decode_runs(std::int64_t hour, std::string_view core, std::vector<Run>& out) {
    return decode_runs(begin_of_hour(hour), begin_of_hour(hour + 1), core, out);
}

Decoded decode_results(std::int64_t hour, std::string_view core, std::string_view detail, const schemas::SeriesKey& key,
                       std::vector<RunResult>& out) {
    const auto blob = open_blob<core_columns>(core);
    if (!blob) {
        return tl::unexpected(blob.error());
    }
    const std::size_t before = out.size();
    if (Decoded good = decode_rows(begin_of_hour(hour), begin_of_hour(hour + 1), *blob, out); !good) {
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
