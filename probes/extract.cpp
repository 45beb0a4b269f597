#include "probes/extract.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "probes/html.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {
namespace {

using schemas::Extraction;
using schemas::OutputValue;
using schemas::SampleName;
using Found = tl::expected<OutputValue, std::string>;

Found find_by_pattern(const Extraction& what, std::string_view answer) {
    const auto groups = what.pattern.match(answer);
    if (!groups) {
        return tl::unexpected(fmt::format("nothing in the answer matches {}", what.argument));
    }
    return std::string(groups->size() > 1 ? (*groups)[1] : groups->front());
}

Found find_header(std::string_view name, std::string_view headers) {
    for (std::string_view rest = headers; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, end);
        if (line.starts_with(name) && line.substr(name.size()).starts_with(": ")) {
            return std::string(line.substr(name.size() + 2));
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return tl::unexpected(fmt::format("the answer has no header {}", name));
}

// One line of the Prometheus text format: `name{label="value",…} value [time]`.
class SampleLine {
public:
    explicit SampleLine(std::string_view line) : rest_(line) {}

    // The value's text when the line is a sample of that name with those labels.
    std::optional<std::string_view> value_of(const SampleName& wanted) {
        skip_blanks();
        if (!rest_.starts_with(wanted.name)) {
            return std::nullopt;
        }
        rest_.remove_prefix(wanted.name.size());
        std::size_t met = 0;
        bool ended = starts_with_blank();  // or else a longer name goes on
        skip_blanks();
        if (rest_.starts_with('{')) {
            if (!read_labels(wanted, met)) {
                return std::nullopt;
            }
            ended = starts_with_blank();
        }
        if (!ended || met != wanted.labels.size()) {
            return std::nullopt;
        }
        skip_blanks();
        return rest_.substr(0, rest_.find_first_of(" \t\r"));
    }

private:
    [[nodiscard]] bool starts_with_blank() const { return rest_.starts_with(' ') || rest_.starts_with('\t'); }
    void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

    // Counts the wanted labels that are there; false when one has another value or the line is broken.
    bool read_labels(const SampleName& wanted, std::size_t& met) {
        rest_.remove_prefix(1);
        for (;;) {
            rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t,"), rest_.size()));
            if (rest_.starts_with('}')) {
                rest_.remove_prefix(1);
                return true;
            }
            const std::size_t equals = rest_.find('=');
            if (equals == std::string_view::npos) {
                return false;
            }
            std::string_view label = rest_.substr(0, equals);
            label = label.substr(0, label.find_last_not_of(" \t") + 1);
            rest_.remove_prefix(equals + 1);
            skip_blanks();
            std::string value;
            if (!read_value(value)) {
                return false;
            }
            const auto it =
                std::ranges::find(wanted.labels, label, [](const auto& pair) { return std::string_view(pair.first); });
            if (it != wanted.labels.end() && it->second != value) {
                return false;
            }
            met += it != wanted.labels.end() ? 1 : 0;
        }
    }

    bool read_value(std::string& value) {
        if (!rest_.starts_with('"')) {
            return false;
        }
        for (std::size_t at = 1; at < rest_.size(); ++at) {
            if (rest_[at] == '"') {
                rest_.remove_prefix(at + 1);
                return true;
            }
            if (rest_[at] == '\\' && at + 1 < rest_.size()) {
                ++at;
                value += rest_[at] == 'n' ? '\n' : rest_[at];
            } else {
                value += rest_[at];
            }
        }
        return false;
    }

    std::string_view rest_;
};

Found find_sample(const Extraction& what, std::string_view answer) {
    std::optional<std::string_view> found;
    std::size_t matches = 0;
    for (std::string_view rest = answer; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        if (const auto value = SampleLine(rest.substr(0, end)).value_of(what.sample)) {
            found = found ? found : value;
            ++matches;
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (!found) {
        return tl::unexpected(fmt::format("there is no {} in the answer", what.argument));
    }
    if (matches > 1) {
        return tl::unexpected(
            fmt::format("{} samples in the answer match {}: name more labels", matches, what.argument));
    }
    std::string_view text = *found;
    text.remove_prefix(text.starts_with('+') ? 1 : 0);
    double number = 0;
    const auto [read, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || read != text.data() + text.size()) {
        return tl::unexpected(fmt::format("{} is \"{}\", which is no number", what.argument, quotable(text, {}, 40)));
    }
    return number;
}

const std::string* text_of(const schemas::Outputs& outputs, std::string_view name) {
    const OutputValue* value = outputs.find(name);
    return value == nullptr ? nullptr : std::get_if<std::string>(value);
}

}  // namespace

Found extract(const Extraction& what, std::string_view answer, std::string_view headers) {
    switch (what.kind) {
        case Extraction::Kind::json: return find_in_json(answer, what.pointer, what.argument);
        case Extraction::Kind::css:
            return find_in_html(answer, what.path, what.argument).map([](std::string text) {
                return OutputValue(std::move(text));
            });
        case Extraction::Kind::regex: return find_by_pattern(what, answer);
        case Extraction::Kind::prometheus: return find_sample(what, answer);
        case Extraction::Kind::header: return find_header(what.argument, headers);
    }
    return tl::unexpected(std::string("this prober does not know that function"));
}

Found extract(const Extraction& what, const schemas::OperationInfo& info, const schemas::Outputs& outputs) {
    const bool wants_headers = what.kind == Extraction::Kind::header;
    const std::string* text = text_of(outputs, wants_headers ? schemas::headers_output : info.text_output);
    if (text == nullptr) {
        return tl::unexpected(fmt::format("{} left no answer that {} could look into", info.name, what.written));
    }
    return wants_headers ? extract(what, {}, *text) : extract(what, *text);
}

}  // namespace slimtax::probes
