#include "reporter/store/blob_steps.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "reporter/store/blob_frame.hpp"

namespace slimtax::reporter {
namespace {

using namespace blob_frame;

using schemas::Duration;
using schemas::RunResult;
using schemas::StepResult;
using schemas::Verdict;

constexpr std::size_t detail_columns = 9;  // the last one only in version 2

/// A row's steps without their times, as the bytes that stand in column 1 of detail.
std::string shape_of(const RunResult& row, DictionaryWriter& texts) {
    ByteWriter shape;
    shape.varint(row.steps.size());
    for (const StepResult& step : row.steps) {
        shape.varint(texts.number_of(step.name));
        shape.varint(texts.number_of(step.operation));
        shape.varint(step.timings.size());
        for (const schemas::Timing& timing : step.timings) {
            shape.varint(texts.number_of(timing.name));
        }
    }
    return shape.take();
}

/// Most rows look like the one before: then the shape need not be looked up.
bool same_shape(const RunResult& a, const RunResult& b) {
    const auto same_timing = [](const schemas::Timing& x, const schemas::Timing& y) { return x.name == y.name; };
    return std::ranges::equal(a.steps, b.steps, [&](const StepResult& x, const StepResult& y) {
        return x.name == y.name && x.operation == y.operation && std::ranges::equal(x.timings, y.timings, same_timing);
    });
}

/// The columns of detail that hold a step's figures.
class StepsWriter {
public:
    void add(const RunResult& row, DictionaryWriter& texts) {
        Duration expected_offset{};
        Duration left = row.response;
        for (const StepResult& step : row.steps) {
            offsets_.signed_varint((step.offset - expected_offset).count());
            expected_offset = step.offset + step.response;
            think_.add(number(step.think));
            any_think_ = any_think_ || step.think != Duration::zero();
            const bool last = &step == &row.steps.back();
            responses_.signed_varint((last ? step.response - left : step.response).count());
            left -= step.response;
            for (const schemas::Timing& timing : step.timings) {
                timings_.varint(number(timing.took));
            }
            if (step.verdict != Verdict::ok || !step.reason.empty()) {
                outcomes_.varint(steps_ - last_outcome_);
                outcomes_.varint(static_cast<std::uint64_t>(step.verdict));
                outcomes_.varint(texts.number_of(step.reason));
                last_outcome_ = steps_;
                ++outcome_count_;
            }
            add_figures(step, texts);
            ++steps_;
        }
    }

    [[nodiscard]] bool any_figures() const { return with_figures_ > 0; }

    void finish(std::array<std::string, detail_columns>& columns) {
        columns[2] = offsets_.take();
        columns[3] = unless_zero(think_, any_think_);
        columns[4] = responses_.take();
        columns[5] = timings_.take();
        if (outcome_count_ > 0) {
            ByteWriter all;
            all.varint(outcome_count_);
            columns[6] = all.take() + outcomes_.take();
        }
        if (with_figures_ > 0) {
            ByteWriter all;
            all.varint(with_figures_);
            columns[8] = all.take() + figures_.take();
        }
    }

private:
    void add_figures(const StepResult& step, DictionaryWriter& texts) {
        if (step.figures.empty()) {
            return;
        }
        figures_.varint(steps_ - last_figures_);
        figures_.varint(step.figures.size());
        for (const schemas::Figure& figure : step.figures) {
            figures_.varint(texts.number_of(figure.name));
            figures_.varint(texts.number_of(figure.unit));
            figures_.real(figure.value);
        }
        last_figures_ = steps_;
        ++with_figures_;
    }

    ByteWriter figures_;
    std::uint64_t last_figures_ = 0;
    std::uint64_t with_figures_ = 0;
    ByteWriter offsets_;
    ByteWriter responses_;
    ByteWriter timings_;
    ByteWriter outcomes_;
    RunsWriter think_;
    bool any_think_ = false;
    std::uint64_t steps_ = 0;
    std::uint64_t last_outcome_ = 0;
    std::uint64_t outcome_count_ = 0;
};

/// A shape with its texts in place: a row's steps, all times zero.
using Shape = std::vector<StepResult>;

tl::expected<std::vector<Shape>, std::string> read_shapes(std::string_view column, DictionaryReader& texts) {
    ByteReader in(column);
    std::vector<Shape> shapes(in.count());
    for (Shape& shape : shapes) {
        shape.resize(in.count());
        for (StepResult& step : shape) {
            step.name = texts.text(in.varint());
            step.operation = texts.text(in.varint());
            step.timings.resize(in.count());
            for (schemas::Timing& timing : step.timings) {
                timing.name = texts.text(in.varint());
            }
        }
    }
    if (!in.good() || !texts.good()) {
        return tl::unexpected<std::string>("damaged: its steps cannot be read");
    }
    return shapes;
}

/// Reads the columns of detail row by row.
class StepsReader {
public:
    explicit StepsReader(const BlobColumns<detail_columns>& blob)
        : offsets_(blob.columns[2]),
          responses_(blob.columns[4]),
          timings_(blob.columns[5]),
          outcomes_(blob.columns[6]),
          think_(blob.columns[3]),
          any_think_(!blob.columns[3].empty()),
          outcomes_left_(blob.columns[6].empty() ? 0 : outcomes_.count()),
          figures_(blob.columns[8]),
          figures_left_(blob.columns[8].empty() ? 0 : figures_.count()) {
        read_next_outcome();
        read_next_figures();
    }

    void fill(RunResult& row, DictionaryReader& texts) {
        Duration expected_offset{};
        Duration left = row.response;
        for (StepResult& step : row.steps) {
            step.offset = sum(expected_offset, Duration(offsets_.signed_varint()));
            step.think = any_think_ ? duration(think_.next()) : Duration::zero();
            step.response = Duration(responses_.signed_varint());
            if (&step == &row.steps.back()) {
                step.response = sum(step.response, left);
            }
            left = sum(left, duration(-number(step.response)));
            expected_offset = sum(step.offset, step.response);
            for (schemas::Timing& timing : step.timings) {
                timing.took = duration(timings_.varint());
            }
            if (has_outcome_ && steps_ == outcome_at_) {
                step.verdict = static_cast<Verdict>(outcomes_.varint());
                step.reason = texts.text(outcomes_.varint());
                if (static_cast<std::size_t>(step.verdict) >= schemas::all_verdicts.size()) {
                    outcomes_.spoil();
                }
                read_next_outcome();
            }
            if (has_figures_ && steps_ == figures_at_) {
                fill_figures(step, texts);
                read_next_figures();
            }
            ++steps_;
        }
    }

    [[nodiscard]] bool good() const {
        return offsets_.good() && responses_.good() && timings_.good() && outcomes_.good() && think_.good() &&
               !has_outcome_ && figures_.good() && !has_figures_;
    }

private:
    void fill_figures(StepResult& step, DictionaryReader& texts) {
        const std::size_t count = figures_.count();
        for (std::size_t i = 0; i < count && figures_.good(); ++i) {
            schemas::Figure figure;
            figure.name = texts.text(figures_.varint());
            figure.unit = texts.text(figures_.varint());
            figure.value = figures_.real();
            step.figures.push_back(std::move(figure));
        }
    }

    void read_next_figures() {
        has_figures_ = figures_left_ > 0;
        if (has_figures_) {
            --figures_left_;
            figures_at_ += figures_.varint();
        }
    }

    void read_next_outcome() {
        has_outcome_ = outcomes_left_ > 0;
        if (has_outcome_) {
            --outcomes_left_;
            outcome_at_ += outcomes_.varint();
        }
    }

    ByteReader offsets_;
    ByteReader responses_;
    ByteReader timings_;
    ByteReader outcomes_;
    RunsReader think_;
    bool any_think_;
    std::size_t outcomes_left_;
    ByteReader figures_;
    std::size_t figures_left_;
    bool has_figures_ = false;
    std::uint64_t figures_at_ = 0;
    bool has_outcome_ = false;
    std::uint64_t outcome_at_ = 0;
    std::uint64_t steps_ = 0;
};

/// Either version; where there are no figures, their column is empty.
tl::expected<BlobColumns<detail_columns>, std::string> open_detail(std::string_view detail) {
    if (!detail.empty() && static_cast<std::uint8_t>(detail.front()) == blob_version_with_figures) {
        return open_blob<detail_columns>(detail, blob_version_with_figures);
    }
    const auto old = open_blob<detail_columns - 1>(detail);
    if (!old) {
        return tl::unexpected(old.error());
    }
    BlobColumns<detail_columns> blob;
    blob.rows = old->rows;
    std::ranges::copy(old->columns, blob.columns.begin());
    return blob;
}

}  // namespace

std::string encode_steps(std::span<const RunResult* const> rows) {
    DictionaryWriter texts;
    std::unordered_map<std::string, std::uint64_t> shapes;
    ByteWriter shape_list;
    RunsWriter shape;
    StepsWriter steps;
    const RunResult* before = nullptr;
    std::uint64_t its_number = 0;
    for (const RunResult* one : rows) {
        const RunResult& row = *one;
        if (before == nullptr || !same_shape(*before, row)) {
            const std::string its = shape_of(row, texts);
            const auto [at, added] = shapes.try_emplace(its, shapes.size());
            if (added) {
                for (const char c : its) {
                    shape_list.byte(static_cast<std::uint8_t>(c));
                }
            }
            its_number = at->second;
        }
        before = one;
        shape.add(its_number);
        steps.add(row, texts);
    }
    ByteWriter shape_count;
    shape_count.varint(shapes.size());
    std::array<std::string, detail_columns> columns;
    columns[0] = shape_count.take() + shape_list.take();
    columns[1] = shape.take();
    steps.finish(columns);
    columns[7] = texts.take();
    if (steps.any_figures()) {
        return framed(rows.size(), columns, blob_version_with_figures);
    }
    // Most blobs have none: they stay what they were, so that older programs read them too.
    std::array<std::string, detail_columns - 1> without;
    std::move(columns.begin(), columns.end() - 1, without.begin());
    return framed(rows.size(), without);
}

Decoded decode_steps(std::string_view detail, std::span<RunResult> rows) {
    const auto blob = open_detail(detail);
    if (!blob) {
        return tl::unexpected(blob.error());
    }
    if (blob->rows != rows.size()) {
        return inconsistent();
    }
    DictionaryReader texts(blob->columns[7]);
    const auto shapes = read_shapes(blob->columns[0], texts);
    if (!shapes) {
        return tl::unexpected(shapes.error());
    }
    RunsReader shape(blob->columns[1]);
    StepsReader steps(*blob);
    for (RunResult& row : rows) {
        const std::uint64_t its = shape.next();
        if (its >= shapes->size()) {
            return inconsistent();
        }
        row.steps = (*shapes)[its];
        steps.fill(row, texts);
    }
    return shape.good() && steps.good() && texts.good() ? Decoded() : inconsistent();
}

}  // namespace slimtax::reporter
