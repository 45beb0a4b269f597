#include "reporter/store/hot_table.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "reporter/store/blob.hpp"
#include "reporter/store/blob_frame.hpp"

namespace slimtax::reporter {

using schemas::Instant;

HotTable::Entry HotTable::entry_of(Run&& run, std::int64_t batch) {
    Entry entry{run.intended, run.started, run.length, run.response, run.every, nullptr, batch, run.verdict};
    if (!run.reason.empty() || run.work != 0 || run.work_span != schemas::Duration(0) || !run.users.empty()) {
        entry.rare = std::make_unique<Rare>(Rare{std::move(run.reason), run.work, run.work_span, std::move(run.users)});
    }
    return entry;
}

Run HotTable::run_of(const Entry& entry) {
    Run run;
    run.intended = entry.intended;
    run.started = entry.started;
    run.length = entry.length;
    run.response = entry.response;
    run.every = entry.every;
    run.verdict = entry.verdict;
    if (entry.rare) {
        run.reason = entry.rare->reason;
        run.work = entry.rare->work;
        run.work_span = entry.rare->work_span;
        run.users = entry.rare->users;
    }
    return run;
}

void HotTable::add(std::vector<Batch> batches) {
    const std::lock_guard lock(mutex_);
    for (Batch& batch : batches) {
        newest_ = std::max(newest_, batch.id);
        if (known_.contains(batch.id)) {
            continue;
        }
        for (std::size_t i = 0; i < batch.runs.size(); ++i) {
            const auto number = static_cast<std::size_t>(batch.series[i]);
            if (number >= series_.size()) {
                series_.resize(number + 1);
            }
            Series& one = series_[number];
            std::vector<Entry>& entries = one.entries;
            one.newest = std::max(one.newest, batch.runs[i].intended);
            Entry entry = entry_of(std::move(batch.runs[i]), batch.id);
            // Nearly always the newest one of its series.
            if (entries.empty() || entries.back().intended < entry.intended) {
                entries.push_back(std::move(entry));
                continue;
            }
            const auto place = std::ranges::lower_bound(entries, entry.intended, {}, &Entry::intended);
            if (place == entries.end() || place->intended != entry.intended) {
                entries.insert(place, std::move(entry));
            }
        }
        known_.emplace(batch.id, std::move(batch.series));
    }
}

void HotTable::remove_locked(std::span<const std::int64_t> ids) {
    std::unordered_set<std::int64_t> concerned;
    for (const std::int64_t id : ids) {
        if (const auto known = known_.find(id); known != known_.end()) {
            concerned.insert(known->second.begin(), known->second.end());
            known_.erase(known);
        }
    }
    for (const std::int64_t series : concerned) {
        std::erase_if(series_[static_cast<std::size_t>(series)].entries,
                      [&](const Entry& entry) { return std::ranges::binary_search(ids, entry.batch); });
    }
}

void HotTable::remove(std::vector<std::int64_t> ids) {
    std::ranges::sort(ids);
    const std::lock_guard lock(mutex_);
    remove_locked(ids);
}

void HotTable::keep_only(std::span<const std::int64_t> ids, std::int64_t newest) {
    const std::lock_guard lock(mutex_);
    std::vector<std::int64_t> gone;
    for (auto known = known_.begin(); known != known_.upper_bound(newest); ++known) {
        if (!std::ranges::binary_search(ids, known->first)) {
            gone.push_back(known->first);
        }
    }
    remove_locked(gone);
}

const HotTable::Series* HotTable::find(std::int64_t series) const {
    const auto number = static_cast<std::size_t>(series);
    return number < series_.size() ? &series_[number] : nullptr;
}

bool HotTable::contains(std::int64_t series, Instant intended) const {
    const std::lock_guard lock(mutex_);
    const Series* found = find(series);
    if (found == nullptr || found->newest < intended) {
        return false;  // nearly always
    }
    const auto place = std::ranges::lower_bound(found->entries, intended, {}, &Entry::intended);
    return place != found->entries.end() && place->intended == intended;
}

std::vector<Run> HotTable::runs(std::int64_t series, Instant from, Instant to) const {
    const std::lock_guard lock(mutex_);
    std::vector<Run> runs;
    const Series* found = find(series);
    if (found == nullptr) {
        return runs;
    }
    const std::vector<Entry>& entries = found->entries;
    auto begin = std::ranges::lower_bound(entries, from, {}, &Entry::intended);
    auto end = std::ranges::lower_bound(entries, to, {}, &Entry::intended);
    begin -= begin != entries.begin() ? 1 : 0;
    end += end != entries.end() ? 1 : 0;
    std::transform(begin, end, std::back_inserter(runs), run_of);
    return runs;
}

std::int64_t HotTable::newest() const {
    const std::lock_guard lock(mutex_);
    return newest_;
}

std::string encode_series(std::span<const std::int64_t> series) {
    ByteWriter out;
    for (const std::int64_t one : series) {
        out.varint(static_cast<std::uint64_t>(one));
    }
    return blob_frame::framed(series.size(), std::array<std::string, 1>{out.take()});
}

tl::expected<std::vector<std::int64_t>, std::string> decode_series(std::string_view bytes) {
    const auto blob = blob_frame::open_blob<1>(bytes);
    if (!blob) {
        return tl::unexpected(blob.error());
    }
    ByteReader in(blob->columns[0]);
    std::vector<std::int64_t> series;
    while (in.left() > 0 && in.good()) {
        series.push_back(static_cast<std::int64_t>(in.varint()));
        if (series.back() < 0 || series.back() >= most_series) {
            in.spoil();
        }
    }
    if (!in.good() || series.size() != blob->rows) {
        return tl::unexpected(blob_frame::inconsistent().error());
    }
    return series;
}

Stored<void> HotReader::prepare(Database& database) {
    database_ = &database;
    const std::pair<Statement*, std::string_view> statements[] = {
        {&newest_, "SELECT seq FROM sqlite_sequence WHERE name = 'batch'"},
        {&ids_, "SELECT id FROM batch INDEXED BY batch_part"},
        {&batches_, "SELECT id, hour, series, core FROM batch WHERE id > ? ORDER BY id"},
    };
    for (const auto& [statement, sql] : statements) {
        auto prepared = database.prepare(sql);
        if (!prepared) {
            return tl::unexpected(prepared.error());
        }
        *statement = std::move(*prepared);
    }
    return {};
}

Stored<void> HotReader::refresh(HotTable& table) {
    const auto row = newest_.step();
    const std::int64_t newest = row && *row ? newest_.integer(0) : 0;
    newest_.reset();
    if (!row) {
        return tl::unexpected(row.error());
    }
    if (newest <= table.newest()) {
        return {};
    }
    std::vector<HotTable::Batch> batches;
    batches_.bind(1, table.newest());
    while (true) {
        const auto more = batches_.step();
        if (!more || !*more) {
            batches_.reset();
            if (!more) {
                return tl::unexpected(more.error());
            }
            break;
        }
        HotTable::Batch batch{batches_.integer(0), {}, {}};
        const std::int64_t hour = batches_.integer(1);
        auto series = decode_series(batches_.blob(2));
        const Decoded good = series ? decode_runs(hour, batches_.blob(3), batch.runs) : tl::unexpected(series.error());
        if (!good || series->size() != batch.runs.size()) {
            batches_.reset();
            return tl::unexpected(StoreError{
                fmt::format("the store {} is damaged: the batch {} of results cannot be read ({}); restore it from a "
                            "backup",
                            database_->file().string(), batch.id, good ? "its columns differ" : good.error()),
                false});
        }
        batch.series = std::move(*series);
        batches.push_back(std::move(batch));
    }
    table.add(std::move(batches));
    // Others seal as well.
    std::vector<std::int64_t> ids;
    while (true) {
        const auto more = ids_.step();
        if (!more || !*more) {
            ids_.reset();
            if (!more) {
                return tl::unexpected(more.error());
            }
            break;
        }
        ids.push_back(ids_.integer(0));
    }
    std::ranges::sort(ids);
    table.keep_only(ids, newest);
    return {};
}

}  // namespace slimtax::reporter
