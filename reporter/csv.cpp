#include "reporter/csv.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <ostream>

#include <fmt/format.h>

#include "schemas/time.hpp"
#include "schemas/utf8.hpp"
#include "schemas/words.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Problem;
using schemas::Problems;
using schemas::RunResult;

constexpr std::array<std::string_view, 8> columns{"intended_start", "service", "probe",       "target",
                                                  "location",       "verdict", "response_ms", "reason"};
constexpr std::string_view header = "intended_start,service,probe,target,location,verdict,response_ms,reason";
constexpr double longest_response_ms = 7 * 24 * 3600 * 1e3;
constexpr std::size_t longest_reason = 4000;
constexpr schemas::Instant earliest_start = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);
constexpr schemas::Instant latest_start = std::chrono::sys_days(std::chrono::year(2200) / 1 / 1);

/// One record of the file and the line that it begins on.
struct Record {
    int line = 0;
    std::vector<std::string> fields;
    std::string trouble;  ///< of the quoting; empty: none
};

/// Cuts a text into records.
class Records {
public:
    explicit Records(std::string_view text) : text_(text) {
        if (text_.starts_with("\xEF\xBB\xBF")) {
            text_.remove_prefix(3);  // a spreadsheet's byte order mark
        }
    }

    std::optional<Record> next() {
        while (at_ < text_.size() && (text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n")) {
            at_ += text_[at_] == '\n' ? 1 : 2;
            ++line_;
        }
        if (at_ >= text_.size()) {
            return std::nullopt;
        }
        Record record;
        record.line = line_;
        do {
            record.fields.push_back(field(record));
        } while (record.trouble.empty() && take(','));
        if (!record.trouble.empty()) {
            skip_line();
        } else if (!take('\n') && at_ < text_.size()) {
            at_ += 2;  // "\r\n": field() stops at nothing else
        }
        ++line_;
        return record;
    }

private:
    std::string field(Record& record) { return at_ < text_.size() && text_[at_] == '"' ? quoted(record) : plain(); }

    std::string plain() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_.substr(at_, 2) != "\r\n") {
            ++at_;
        }
        return std::string(text_.substr(begin, at_ - begin));
    }

    std::string quoted(Record& record) {
        std::string value;
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] != '"') {
                line_ += text_[at_] == '\n' ? 1 : 0;
                value += text_[at_];
            } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
                value += '"';
                ++at_;
            } else {
                ++at_;
                if (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_.substr(at_, 2) != "\r\n") {
                    record.trouble = "after the quote that ends a field there must be a comma or the line's end";
                }
                return value;
            }
        }
        record.trouble = "a quote is opened and never closed";
        return value;
    }

    bool take(char c) {
        if (at_ < text_.size() && text_[at_] == c) {
            ++at_;
            return true;
        }
        return false;
    }

    void skip_line() {
        at_ = std::min(text_.find('\n', at_), text_.size());
        take('\n');
    }

    std::string_view text_;
    std::size_t at_ = 0;
    int line_ = 1;
};

std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
        return std::nullopt;
    }
    return value;
}

/// Reads one record; what is wrong with it goes to `complain`.
template <class Complain>
RunResult result_of(const std::vector<std::string>& fields, const Complain& complain) {
    RunResult result;
    if (const auto at = schemas::parse_rfc3339(fields[0])) {
        result.intended = result.started = *at;
        if (*at < earliest_start || *at >= latest_start) {
            complain(fmt::format("intended_start is '{}': the store takes the years 2000 to 2199", fields[0]), "");
        }
    } else {
        complain(fmt::format("intended_start is '{}', not a time such as 2026-11-21T08:30:00.5Z", fields[0]), "");
    }
    result.key = {fields[1], fields[2], fields[3], fields[4]};
    for (const std::size_t column : {1U, 2U, 4U}) {
        if (fields[column].empty()) {
            complain(fmt::format("{} is empty", columns[column]), "");
        }
    }
    if (const auto verdict = schemas::parse_verdict(fields[5])) {
        result.verdict = *verdict;
    } else {
        std::vector<std::string_view> words;
        for (const schemas::Verdict known : schemas::all_verdicts) {
            words.push_back(to_string(known));
        }
        const std::string near = schemas::nearest_word(fields[5], words);
        complain(fmt::format("verdict is '{}', not one of {}", fields[5], fmt::join(words, ", ")),
                 near.empty() ? "" : fmt::format("did you mean '{}'?", near));
    }
    if (!fields[6].empty()) {
        const auto milliseconds = number(fields[6]);
        if (milliseconds && *milliseconds >= 0 && *milliseconds <= longest_response_ms) {
            result.response = result.length = Duration(std::llround(*milliseconds * 1e3));
        } else {
            complain(fmt::format("response_ms is '{}', not a number of milliseconds such as 35.2", fields[6]), "");
        }
    }
    if (fields[7].size() > longest_reason) {
        complain(fmt::format("the reason has {} bytes, more than {}", fields[7].size(), longest_reason), "");
    }
    result.reason = fields[7];
    return result;
}

/// Quoted where RFC 4180 asks for it.
void write_field(std::ostream& out, std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        out << text;
        return;
    }
    out << '"';
    for (const char c : text) {
        out << (c == '"' ? "\"\"" : std::string_view(&c, 1));
    }
    out << '"';
}

std::string milliseconds(Duration duration) {
    if (duration <= Duration::zero()) {
        return "";
    }
    std::string text = fmt::format("{}.{:03}", duration.count() / 1000, duration.count() % 1000);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) {
        text.pop_back();
    }
    return text;
}

}  // namespace

tl::expected<std::vector<RunResult>, Problems> read_results_csv(std::string_view text, const std::string& file,
                                                                std::size_t most_problems) {
    Problems problems;
    const auto complain = [&](int line, std::string message, std::string hint) {
        if (problems.size() < most_problems) {
            problems.push_back({Problem::Kind::error, file, {line, 1}, std::move(message), std::move(hint)});
        }
    };
    if (const std::size_t bad = schemas::first_invalid_utf8(text); bad != std::string_view::npos) {
        const auto line = 1 + std::ranges::count(text.substr(0, bad), '\n');
        complain(static_cast<int>(line), "the text is not UTF-8", "save it as UTF-8");
        return tl::unexpected(std::move(problems));
    }
    Records records(text);
    const auto first = records.next();
    if (!first || !std::ranges::equal(first->fields, columns)) {
        complain(first ? first->line : 1, "the first line must be the header", std::string(header));
        return tl::unexpected(std::move(problems));
    }
    std::vector<RunResult> results;
    while (const auto record = records.next()) {
        if (!record->trouble.empty()) {
            complain(record->line, record->trouble, "");
            continue;
        }
        if (record->fields.size() != columns.size()) {
            complain(record->line,
                     fmt::format("{} field{}, expected {}", record->fields.size(),
                                 record->fields.size() == 1 ? "" : "s", columns.size()),
                     std::string(header));
            continue;
        }
        results.push_back(result_of(record->fields, [&](std::string message, std::string hint) {
            complain(record->line, std::move(message), std::move(hint));
        }));
    }
    if (!problems.empty()) {
        return tl::unexpected(std::move(problems));
    }
    return results;
}

void write_results_header(std::ostream& out) {
    out << header << '\n';
}

void write_results(std::ostream& out, const std::vector<RunResult>& results) {
    for (const RunResult& result : results) {
        out << schemas::to_rfc3339(result.intended) << ',';
        for (const std::string* part :
             {&result.key.service, &result.key.probe, &result.key.target, &result.key.location}) {
            write_field(out, *part);
            out << ',';
        }
        out << to_string(result.verdict) << ',' << milliseconds(result.response) << ',';
        write_field(out, result.reason);
        out << '\n';
    }
}

}  // namespace slimtax::reporter
