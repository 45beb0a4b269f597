#include "reporter/store/reader.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "reporter/store/blob.hpp"
#include "reporter/store/writer.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using schemas::RunResult;

constexpr std::int64_t hours_per_series = 1 << 24;
constexpr std::int64_t days_per_series = 1 << 17;
constexpr Instant earliest{};  ///< nothing is stored from before 1970
constexpr Instant latest = Instant(std::chrono::hours(hours_per_series - 1));

/// Sorts by intended start and leaves the first of equal ones, which is the sealed one.
template <class Row>
void arrange(std::vector<Row>& rows) {
    if (!std::ranges::is_sorted(rows, std::ranges::less_equal(), &Row::intended)) {
        std::ranges::stable_sort(rows, {}, &Row::intended);
    }
    const auto repeated = std::ranges::unique(rows, {}, &Row::intended);
    rows.erase(repeated.begin(), repeated.end());
}

/// Calls `take` for each row until it says that it has enough.
template <class Take>
Stored<void> each_row(Statement& statement, const Take& take) {
    while (true) {
        const Stored<bool> row = statement.step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            statement.reset();
            return {};
        }
        if (const Stored<bool> more = take(); !more || !*more) {
            statement.reset();
            return more ? Stored<void>() : tl::unexpected(more.error());
        }
    }
}

}  // namespace

std::int64_t hour_id(std::int64_t series, std::int64_t hour) {
    return series * hours_per_series + hour;
}

std::int64_t hour_of_id(std::int64_t id) {
    return id % hours_per_series;
}

std::int64_t outline_id(std::int64_t series, std::int64_t day) {
    return series * days_per_series + day;
}

std::int64_t day_of_id(std::int64_t id) {
    return id % days_per_series;
}

std::int64_t series_of_outline(std::int64_t id) {
    return id / days_per_series;
}

StoreError damaged(const Database& database, std::int64_t series, std::int64_t hour, std::string_view what) {
    return {fmt::format("the store {} is damaged: the results of series {} in the hour from {} cannot be read ({}); "
                        "restore it from a backup",
                        database.file().string(), series, schemas::to_rfc3339(begin_of_hour(hour)), what),
            false};
}

Stored<std::unique_ptr<StoreReader>> StoreReader::open(const std::filesystem::path& file, Database::Mode mode) {
    auto database = Database::open(file, mode);
    if (!database) {
        return tl::unexpected(database.error());
    }
    std::unique_ptr<StoreReader> reader(new StoreReader(std::move(*database)));
    if (auto good = reader->prepare(); !good) {
        return tl::unexpected(good.error());
    }
    return reader;
}

Stored<void> StoreReader::prepare() {
    const std::pair<Statement*, std::string_view> statements[] = {
        {&select_id_, select_series_id},
        {&sealed_range_, "SELECT id, core FROM hour WHERE id BETWEEN ? AND ? ORDER BY id"},
        {&sealed_before_, "SELECT id, core FROM hour WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1"},
        {&sealed_after_, "SELECT id, core FROM hour WHERE id > ? AND id <= ? ORDER BY id LIMIT 1"},
        {&outlines_, "SELECT id, whole FROM outline WHERE id BETWEEN ? AND ? ORDER BY id"},
        {&outline_hours_, "SELECT hours FROM outline WHERE id = ?"},
        {&whole_sealed_, "SELECT id, core, detail FROM hour WHERE id BETWEEN ? AND ? ORDER BY id DESC"},
        {&whole_hot_,
         "SELECT hour, series, core, detail FROM batch INDEXED BY batch_part "
         "WHERE hour BETWEEN ? AND ? AND part = ? ORDER BY hour, id"},
        {&revision_, "SELECT number FROM revision"},
    };
    for (const auto& [statement, sql] : statements) {
        auto prepared = database_->prepare(sql);
        if (!prepared) {
            return tl::unexpected(prepared.error());
        }
        *statement = std::move(*prepared);
    }
    return hot_reader_.prepare(*database_);
}

Stored<std::optional<std::int64_t>> StoreReader::series_id(const schemas::SeriesKey& key) {
    return read_series_id(select_id_, key);
}

Stored<std::vector<schemas::SeriesKey>> StoreReader::series() {
    auto select = database_->prepare("SELECT service, probe, target, location FROM series ORDER BY 1, 2, 3, 4");
    if (!select) {
        return tl::unexpected(select.error());
    }
    std::vector<schemas::SeriesKey> keys;
    const auto done = each_row(*select, [&]() -> Stored<bool> {
        keys.push_back({std::string(select->text(0)), std::string(select->text(1)), std::string(select->text(2)),
                        std::string(select->text(3))});
        return true;
    });
    if (!done) {
        return tl::unexpected(done.error());
    }
    return keys;
}

Stored<void> StoreReader::take(Statement& statement, std::int64_t series, std::vector<Run>& out) {
    return each_row(statement, [&]() -> Stored<bool> {
        const std::int64_t hour = hour_of_id(statement.integer(0));
        if (const Decoded good = decode_runs(hour, statement.blob(1), out); !good) {
            return tl::unexpected(damaged(*database_, series, hour, good.error()));
        }
        return true;
    });
}

Stored<std::vector<Run>> StoreReader::runs(std::int64_t series, Instant from, Instant to, std::vector<Run> hot) {
    from = std::clamp(from, earliest, latest);
    to = std::clamp(to, from, latest);
    // One moment of the store, although it takes several statements.
    auto moment = Transaction::begin(*database_, Transaction::Kind::read);
    if (!moment) {
        return tl::unexpected(moment.error());
    }
    const std::int64_t first = hour_id(series, hour_of(from));
    const std::int64_t last = hour_id(series, hour_of(to));
    sealed_range_.bind(1, first).bind(2, last);
    sealed_before_.bind(1, hour_id(series, 0)).bind(2, first);
    sealed_after_.bind(1, last).bind(2, hour_id(series, hours_per_series - 1));
    std::vector<Run> found;
    for (Statement* statement : {&sealed_before_, &sealed_range_, &sealed_after_}) {
        if (auto good = take(*statement, series, found); !good) {
            return tl::unexpected(good.error());
        }
    }
    found.insert(found.end(), std::move_iterator(hot.begin()), std::move_iterator(hot.end()));
    arrange(found);
    // Whole hours were read: of what lies outside only the nearest on each side matters.
    const auto inside = std::ranges::lower_bound(found, from, {}, &Run::intended);
    const auto behind = std::ranges::lower_bound(found, to, {}, &Run::intended);
    const auto end = behind == found.end() ? behind : behind + 1;
    const auto begin = inside == found.begin() ? inside : inside - 1;
    found.erase(end, found.end());
    found.erase(found.begin(), begin);
    return found;
}

Stored<void> StoreReader::take_outlines(std::int64_t series, std::int64_t first, std::int64_t last,
                                        std::vector<SeriesDay>& days) {
    outlines_.bind(1, outline_id(series, first)).bind(2, outline_id(series, last));
    return each_row(outlines_, [&]() -> Stored<bool> {
        const std::int64_t day = day_of_id(outlines_.integer(0));
        const auto place = std::ranges::lower_bound(days, day, {}, &SeriesDay::day);
        if (place != days.end() && place->day == day) {
            return true;  // late results of that day are still hot
        }
        auto outline = decode_outline(day, outlines_.blob(1));
        if (!outline) {
            return tl::unexpected(damaged(*database_, series, hour_of(begin_of_day(day)), outline.error()));
        }
        days.insert(place, SeriesDay{day, std::move(*outline), {}, {}});
        return true;
    });
}

Stored<void> StoreReader::take_hours(std::int64_t series, SeriesDay& day) {
    outline_hours_.bind(1, outline_id(series, day.day));
    return each_row(outline_hours_, [&]() -> Stored<bool> {
        auto hours = decode_hours(outline_hours_.blob(0));
        if (!hours) {
            return tl::unexpected(damaged(*database_, series, hour_of(begin_of_day(day.day)), hours.error()));
        }
        day.hours = std::move(*hours);
        return false;
    });
}

Stored<std::vector<SeriesDay>> StoreReader::days(std::int64_t series, std::int64_t first, std::int64_t last,
                                                 const HoursWanted& hours, std::vector<Run> hot) {
    first = std::clamp(first, day_of(earliest), day_of(latest));
    last = std::clamp(last, first, day_of(latest));
    auto moment = Transaction::begin(*database_, Transaction::Kind::read);
    if (!moment) {
        return tl::unexpected(moment.error());
    }
    std::vector<SeriesDay> days;
    const auto day_at = [&](std::int64_t day) -> SeriesDay& {
        const auto place = std::ranges::lower_bound(days, day, {}, &SeriesDay::day);
        return place != days.end() && place->day == day ? *place : *days.insert(place, SeriesDay{day, {}, {}, {}});
    };
    for (Run& run : hot) {
        if (const std::int64_t day = day_of(run.intended); day >= first && day <= last) {
            day_at(day).runs.push_back(std::move(run));
        }
    }
    if (auto good = take_outlines(series, first, last, days); !good) {
        return tl::unexpected(good.error());
    }
    for (std::int64_t day = first; day <= last; ++day) {
        const auto known = std::ranges::lower_bound(days, day, {}, &SeriesDay::day);
        if (known != days.end() && known->day == day && known->outline) {
            if (auto good = hours && hours(day) ? take_hours(series, *known) : Stored<void>(); !good) {
                return tl::unexpected(good.error());
            }
            continue;
        }
        std::vector<Run> sealed;
        const std::int64_t hour = hour_of(begin_of_day(day));
        sealed_range_.bind(1, hour_id(series, hour)).bind(2, hour_id(series, hour + hours_a_day - 1));
        if (auto good = take(sealed_range_, series, sealed); !good) {
            return tl::unexpected(good.error());
        }
        if (!sealed.empty()) {
            std::vector<Run>& runs = day_at(day).runs;
            sealed.insert(sealed.end(), std::move_iterator(runs.begin()), std::move_iterator(runs.end()));
            runs = std::move(sealed);
            arrange(runs);
        }
    }
    return days;
}

Stored<std::vector<RunResult>> StoreReader::results(std::int64_t series, const schemas::SeriesKey& key, Instant from,
                                                    Instant to, std::size_t limit) {
    from = std::clamp(from, earliest, latest);
    to = std::clamp(to, from, latest);
    auto moment = Transaction::begin(*database_, Transaction::Kind::read);
    if (!moment) {
        return tl::unexpected(moment.error());
    }
    std::vector<RunResult> found;
    if (auto good = take_sealed_results(series, key, from, to, limit, found); !good) {
        return tl::unexpected(good.error());
    }
    if (auto good = take_hot_results(series, key, from, to, found); !good) {
        return tl::unexpected(good.error());
    }
    arrange(found);
    std::erase_if(found, [&](const RunResult& run) { return run.intended < from || run.intended >= to; });
    if (found.size() > limit) {
        found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(limit));
    }
    return found;
}

Stored<void> StoreReader::take_sealed_results(std::int64_t series, const schemas::SeriesKey& key, Instant from,
                                              Instant to, std::size_t limit, std::vector<RunResult>& out) {
    whole_sealed_.bind(1, hour_id(series, hour_of(from))).bind(2, hour_id(series, hour_of(to)));
    std::size_t inside = 0;
    // Newest first, so that a small limit reads few hours.
    return each_row(whole_sealed_, [&]() -> Stored<bool> {
        const std::int64_t hour = hour_of_id(whole_sealed_.integer(0));
        const std::size_t before = out.size();
        if (const Decoded good = decode_results(hour, whole_sealed_.blob(1), whole_sealed_.blob(2), key, out); !good) {
            return tl::unexpected(damaged(*database_, series, hour, good.error()));
        }
        inside += static_cast<std::size_t>(
            std::count_if(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
                          [&](const RunResult& run) { return run.intended >= from && run.intended < to; }));
        return inside < limit;
    });
}

Stored<void> StoreReader::take_hot_results(std::int64_t series, const schemas::SeriesKey& key, Instant from, Instant to,
                                           std::vector<RunResult>& out) {
    whole_hot_.bind(1, hour_of(from)).bind(2, hour_of(to)).bind(3, series % hour_parts);
    return each_row(whole_hot_, [&]() -> Stored<bool> {
        const std::int64_t hour = whole_hot_.integer(0);
        const auto members = decode_series(whole_hot_.blob(1));
        if (members && std::ranges::find(*members, series) == members->end()) {
            return true;
        }
        std::vector<RunResult> batch;
        const Decoded good = members ? decode_results(hour, whole_hot_.blob(2), whole_hot_.blob(3), key, batch)
                                     : tl::unexpected(members.error());
        if (!good || batch.size() != members->size()) {
            return tl::unexpected(damaged(*database_, series, hour, good ? "its columns differ" : good.error()));
        }
        for (std::size_t i = 0; i < batch.size(); ++i) {
            if ((*members)[i] == series) {
                out.push_back(std::move(batch[i]));
            }
        }
        return true;
    });
}

Stored<std::int64_t> StoreReader::revision() {
    const auto row = revision_.step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    const std::int64_t number = *row ? revision_.integer(0) : 0;
    revision_.reset();
    return number;
}

Stored<std::vector<std::pair<std::int64_t, std::int64_t>>> StoreReader::parts_to_seal(std::int64_t hour) {
    auto select =
        database_->prepare("SELECT DISTINCT hour, part FROM batch INDEXED BY batch_part WHERE hour < ? ORDER BY 1, 2");
    if (!select) {
        return tl::unexpected(select.error());
    }
    select->bind(1, hour);
    std::vector<std::pair<std::int64_t, std::int64_t>> parts;
    const auto done = each_row(*select, [&]() -> Stored<bool> {
        parts.emplace_back(select->integer(0), select->integer(1));
        return true;
    });
    if (!done) {
        return tl::unexpected(done.error());
    }
    return parts;
}

}  // namespace slimtax::reporter
