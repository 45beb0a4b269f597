#include "schemas/condition.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "schemas/problem.hpp"
#include "schemas/units.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

constexpr std::array<std::string_view, 4> type_words{"a number", "a text", "true or false", "a duration"};
constexpr std::string_view operators_list = "==, !=, <, <=, >, >=, contains or matches";

std::string_view type_word(OutputType type) {
    return type_words.at(static_cast<std::size_t>(type));
}

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_name_part(char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '-';
}

std::string quoted(std::string_view text) {
    constexpr std::size_t most_shown = 80;
    std::string shown = shortened(to_valid_utf8(text), most_shown);
    std::ranges::replace_if(
        shown, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return "\"" + shown + "\"";
}

std::string shown(const OutputValue& value, bool as_duration) {
    if (const auto* text = std::get_if<std::string>(&value)) {
        return quoted(*text);
    }
    if (const auto* flag = std::get_if<bool>(&value)) {
        return *flag ? "true" : "false";
    }
    const double number = std::get<double>(value);
    if (as_duration && std::isfinite(number) && std::abs(number) < 1e9) {
        return to_text(Duration(std::llround(number * 1e6)));
    }
    return fmt::format("{}", number);
}

}  // namespace

void Outputs::set(std::string_view name, OutputValue value) {
    const auto it = std::ranges::find(values_, name, &std::pair<std::string, OutputValue>::first);
    if (it != values_.end()) {
        it->second = std::move(value);
    } else {
        if (values_.empty()) {
            values_.reserve(14);  // most operations leave fewer
        }
        values_.emplace_back(name, std::move(value));
    }
}

const OutputValue* Outputs::find(std::string_view name) const {
    const auto it = std::ranges::find(values_, name, &std::pair<std::string, OutputValue>::first);
    return it == values_.end() ? nullptr : &it->second;
}

/// A text as the kind of value that a literal is, where it is written like one.
OutputValue like(const OutputValue& literal, const OutputValue& value) {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) {
        return value;
    }
    if (std::holds_alternative<bool>(literal) && (*text == "true" || *text == "false")) {
        return *text == "true";
    }
    double number = 0;
    const char* const end = text->data() + text->size();
    const auto [read, error] = std::from_chars(text->data(), end, number);
    const bool is_number = error == std::errc() && read == end;
    return std::holds_alternative<double>(literal) && is_number ? OutputValue(number) : value;
}

/// Reads a condition from left to right; the first mistake ends it.
class ConditionParser {
public:
    ConditionParser(std::string_view text, const ConditionScope& scope) : text_(text), scope_(scope) {}

    tl::expected<Condition, ConditionError> parse() {
        Condition condition;
        condition.text_ = text_;
        for (;;) {
            Condition::Comparison comparison;
            skip_blanks();
            const std::size_t start = at_;
            if (!read_operand(comparison) || !read_operator(comparison) || !read_literal(comparison)) {
                return tl::unexpected(error_);
            }
            comparison.text = text_.substr(start, at_ - start);
            condition.comparisons_.push_back(std::move(comparison));
            skip_blanks();
            if (at_ == text_.size()) {
                return condition;
            }
            const std::size_t word_at = at_;
            if (const std::string_view word = take_word(); word != "and") {
                fail(word_at, fmt::format("expected \"and\" or the condition's end, found {}", rest_from(word_at)),
                     word == "or" || word == "&&" || word == "||"
                         ? "there is only \"and\"; an alternative needs a pattern or a probe of its own"
                         : "");
                return tl::unexpected(error_);
            }
        }
    }

private:
    using Operator = Condition::Operator;

    bool fail(std::size_t at, std::string message, std::string hint = {}) {
        error_ = {at, std::move(message), std::move(hint)};
        return false;
    }

    void skip_blanks() {
        while (at_ < text_.size() && is_blank(text_[at_])) {
            ++at_;
        }
    }

    std::string_view take_word() {
        const std::size_t start = at_;
        while (at_ < text_.size() && is_name_part(text_[at_])) {
            ++at_;
        }
        return text_.substr(start, at_ - start);
    }

    [[nodiscard]] std::string rest_from(std::size_t at) const {
        return at < text_.size() ? quoted(text_.substr(at)) : "the end";
    }

    bool read_operand(Condition::Comparison& comparison) {
        const std::size_t start = at_;
        type_.reset();
        const std::string_view name = at_ < text_.size() && is_letter(text_[at_]) ? take_word() : std::string_view{};
        if (name.empty()) {
            return fail(start, fmt::format("expected the name of {}, found {}",
                                           scope_.saved ? "a saved value" : "an output", rest_from(start)));
        }
        skip_blanks();
        if (at_ < text_.size() && text_[at_] == '(') {
            at_ = start;
            return read_function(comparison);
        }
        comparison.name = name;
        comparison.convert = scope_.saved || name == scope_.any;
        if (scope_.outputs.empty() || name == scope_.any) {
            return true;
        }
        const auto it = std::ranges::find(scope_.outputs, name, &Output::name);
        if (it == scope_.outputs.end()) {
            return unknown_output(start, name);
        }
        if (!scope_.saved) {
            type_ = it->type;
            name_ = it->name;
        }
        return true;
    }

    bool read_function(Condition::Comparison& comparison) {
        const std::size_t start = at_;
        auto function = Extraction::parse(text_, at_);
        if (!function) {
            error_ = std::move(function.error());
            return false;
        }
        if (scope_.saved) {
            return fail(start, "there is no answer yet that a function could look into",
                        "save the value in an earlier step, and compare save.NAME");
        }
        if (const std::string why = scope_.info != nullptr ? refusal(*scope_.info, function->kind) : ""; !why.empty()) {
            return fail(start, why);
        }
        comparison.name = function->written;
        comparison.convert = function->kind != Extraction::Kind::json;
        if (function->kind == Extraction::Kind::prometheus) {
            type_ = OutputType::number;
            name_ = "prometheus(…)";
        }
        comparison.function = std::move(*function);
        return true;
    }

    bool unknown_output(std::size_t at, std::string_view name) {
        std::vector<std::string_view> names;
        std::string list;
        for (const Output& output : scope_.outputs) {
            names.push_back(output.name);
            list += fmt::format("{}{}", list.empty() ? "" : ", ", output.name);
        }
        const std::string near = nearest_word(name, names);
        return fail(at,
                    scope_.saved ? fmt::format("no earlier step has left '{}'", name)
                                 : fmt::format("the operation has no output '{}'", name),
                    near.empty() ? "there are " + list : fmt::format("did you mean '{}'?", near));
    }

    bool read_operator(Condition::Comparison& comparison) {
        static constexpr std::array<std::pair<std::string_view, Operator>, 6> signs{{{"==", Operator::equal},
                                                                                     {"!=", Operator::not_equal},
                                                                                     {"<=", Operator::at_most},
                                                                                     {">=", Operator::at_least},
                                                                                     {"<", Operator::less},
                                                                                     {">", Operator::greater}}};
        skip_blanks();
        const std::size_t start = at_;
        const auto sign = std::ranges::find_if(
            signs, [rest = text_.substr(at_)](const auto& pair) { return rest.starts_with(pair.first); });
        if (sign != signs.end()) {
            comparison.op = sign->second;
            at_ += sign->first.size();
            return check_operator(start, sign->first);
        }
        if (at_ < text_.size() && text_[at_] == '=') {
            return fail(start, fmt::format("expected {}, found \"=\"", operators_list), "equality is \"==\"");
        }
        const std::string_view word = take_word();
        if (word != "contains" && word != "matches") {
            const std::string near = nearest_word(word, {"contains", "matches"});
            return fail(start, fmt::format("expected {}, found {}", operators_list, rest_from(start)),
                        near.empty() ? "" : fmt::format("did you mean '{}'?", near));
        }
        comparison.op = word == "contains" ? Operator::contains : Operator::matches;
        return check_operator(start, word);
    }

    /// Order is for numbers and durations, `contains` and `matches` are for texts, equality is for all.
    bool check_operator(std::size_t at, std::string_view sign) {
        if (!type_ || sign == "==" || sign == "!=") {
            return true;
        }
        const bool ordered = type_ == OutputType::number || type_ == OutputType::duration;
        const bool for_texts = sign == "contains" || sign == "matches";
        if (for_texts ? type_ == OutputType::text : ordered) {
            return true;
        }
        return fail(at, fmt::format("'{}' is {}: it cannot be compared with {}", name_, type_word(*type_), sign));
    }

    bool read_literal(Condition::Comparison& comparison) {
        skip_blanks();
        const std::size_t start = at_;
        OutputType type = OutputType::number;
        std::vector<std::size_t> places;  // of each byte of a text literal
        if (at_ == text_.size()) {
            return fail(start, "expected a number, a duration, a quoted text, true or false, found the end");
        }
        if (text_[at_] == '"' || text_[at_] == '\'') {
            type = OutputType::text;
            if (!read_text(comparison, places)) {
                return false;
            }
        } else if (is_digit(text_[at_]) || text_[at_] == '-') {
            if (!read_number(comparison, type)) {
                return false;
            }
        } else {
            const std::string_view word = take_word();
            type = OutputType::boolean;
            comparison.literal = word == "true";
            if (word != "true" && word != "false") {
                return fail(start,
                            fmt::format("expected a number, a duration, a quoted text, true or false, found {}",
                                        rest_from(start)),
                            word.empty() ? "" : "texts stand in quotes");
            }
        }
        return check_literal(comparison, type, start, places);
    }

    bool check_literal(Condition::Comparison& comparison, OutputType type, std::size_t start,
                       const std::vector<std::size_t>& places) {
        const bool for_texts = comparison.op == Operator::contains || comparison.op == Operator::matches;
        if (for_texts && type != OutputType::text) {
            return fail(start, fmt::format("expected a quoted text, found {}", type_word(type)));
        }
        const bool ordered = comparison.op != Operator::equal && comparison.op != Operator::not_equal && !for_texts;
        if (ordered && (type == OutputType::text || type == OutputType::boolean)) {
            return fail(start, fmt::format("expected a number or a duration, found {}", type_word(type)));
        }
        if (type_ && *type_ != type) {
            return fail(
                start, fmt::format("'{}' is {}, but it is compared with {}", name_, type_word(*type_), type_word(type)),
                type_ == OutputType::duration && type == OutputType::number ? "write the unit: 300ms, 2s" : "");
        }
        if (comparison.op == Operator::matches) {
            auto pattern = Pattern::compile(std::get<std::string>(comparison.literal));
            if (!pattern) {
                const std::size_t offset = pattern.error().offset;
                return fail(offset < places.size() ? places[offset] : at_ - 1,
                            "the pattern is wrong here: " + pattern.error().message);
            }
            comparison.pattern = std::move(*pattern);
        }
        return true;
    }

    bool read_text(Condition::Comparison& comparison, std::vector<std::size_t>& places) {
        auto value = read_quoted(text_, at_, places);
        if (!value) {
            error_ = std::move(value.error());
            return false;
        }
        comparison.literal = std::move(*value);
        return true;
    }

    bool read_number(Condition::Comparison& comparison, OutputType& type) {
        const std::size_t start = at_;
        double number = 0;
        const auto [end, error] =
            std::from_chars(text_.data() + at_, text_.data() + text_.size(), number, std::chars_format::fixed);
        if (error != std::errc()) {
            return fail(start, fmt::format("expected a number, found {}", rest_from(start)));
        }
        at_ = static_cast<std::size_t>(end - text_.data());
        comparison.literal = number;
        const std::size_t number_end = at_;
        skip_blanks();
        const std::size_t unit_at = at_;
        while (at_ < text_.size() && is_letter(text_[at_])) {
            ++at_;
        }
        const auto duration = parse_duration(text_.substr(start, at_ - start));
        // A word apart from the number is its unit only where one is due: `status == 200 or` lacks an "and".
        const bool is_unit = duration || unit_at == number_end || type_ == OutputType::duration;
        if (unit_at == at_ || text_.substr(unit_at, at_ - unit_at) == "and" || !is_unit) {
            at_ = number_end;
            return true;
        }
        if (!duration) {
            return fail(start, duration.error());
        }
        type = OutputType::duration;
        comparison.literal = to_seconds(*duration);
        comparison.duration = true;
        return true;
    }

    std::string_view text_;
    const ConditionScope& scope_;
    std::size_t at_ = 0;
    std::optional<OutputType> type_;  ///< what the comparison at hand is about, where that is known …
    std::string_view name_;           ///< … and its name then
    ConditionError error_;
};

tl::expected<Condition, ConditionError> Condition::parse(std::string_view text, const ConditionScope& scope) {
    return ConditionParser(text, scope).parse();
}

std::optional<std::string> Condition::violated_by(const Outputs& outputs, const ValueOf& value_of) const {
    for (const Comparison& comparison : comparisons_) {
        OutputValue value;
        if (comparison.function) {
            auto found = value_of ? value_of(*comparison.function)
                                  : tl::unexpected(fmt::format("there is no {}", comparison.name));
            if (!found) {
                return fmt::format("expected {}, but {}", comparison.text, found.error());
            }
            value = std::move(*found);
        } else if (const OutputValue* output = outputs.find(comparison.name)) {
            value = *output;
        } else {
            return fmt::format("expected {}, but there is no {}", comparison.text, comparison.name);
        }
        if (!holds(comparison, comparison.convert ? like(comparison.literal, value) : value)) {
            return fmt::format("expected {}, but {} is {}", comparison.text, comparison.name,
                               shown(value, comparison.duration));
        }
    }
    return std::nullopt;
}

bool Condition::holds(const Comparison& comparison, const OutputValue& value) {
    if (value.index() != comparison.literal.index()) {
        // Only where types went unchecked; another kind of value is not the same.
        return comparison.op == Operator::not_equal && (comparison.function || comparison.convert);
    }
    switch (comparison.op) {
        case Operator::equal: return value == comparison.literal;
        case Operator::not_equal: return value != comparison.literal;
        case Operator::less: return value < comparison.literal;
        case Operator::at_most: return value <= comparison.literal;
        case Operator::greater: return value > comparison.literal;
        case Operator::at_least: return value >= comparison.literal;
        case Operator::contains:
            return std::get<std::string>(value).find(std::get<std::string>(comparison.literal)) != std::string::npos;
        case Operator::matches: return comparison.pattern->found_in(std::get<std::string>(value));
    }
    return false;
}

}  // namespace slimtax::schemas
