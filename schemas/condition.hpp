// One-line conditions over a step's outputs: `expect = "status == 200 and time.first_byte < 300ms"`.
//
//   condition  = comparison *( "and" comparison )
//   comparison = name operator literal
//   operator   = "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "matches"
//   literal    = number | duration | "text" | 'text' | true | false
//
// Durations compare with outputs of type duration (held in seconds). `matches` takes a PCRE2 pattern.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "schemas/operation_info.hpp"
#include "schemas/pattern.hpp"

namespace slimtax::schemas {

/// The value of an output: numbers and durations (in seconds) as double.
using OutputValue = std::variant<double, std::string, bool>;

/// What a step left behind, in the order it was set.
class Outputs {
public:
    void set(std::string_view name, OutputValue value);
    [[nodiscard]] const OutputValue* find(std::string_view name) const;

private:
    std::vector<std::pair<std::string, OutputValue>> values_;
};

/// Why a text is no condition: column counts from 0 within the text.
struct ConditionError {
    std::size_t column = 0;
    std::string message;
    std::string hint;
};

/// A parsed condition; immutable, cheap to copy.
class Condition {
public:
    /// `outputs` are what the operation declares; an empty span skips the check of names and types.
    [[nodiscard]] static tl::expected<Condition, ConditionError> parse(std::string_view text,
                                                                       std::span<const Output> outputs);

    /// Nothing when it holds, or else a sentence about the first comparison that does not:
    /// "expected items >= 1, but items is 0".
    [[nodiscard]] std::optional<std::string> violated_by(const Outputs& outputs) const;

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    enum class Operator { equal, not_equal, less, at_most, greater, at_least, contains, matches };
    struct Comparison {
        std::string name;
        Operator op = Operator::equal;
        OutputValue literal;
        bool duration = false;           ///< the literal was written as a duration: say it so
        std::optional<Pattern> pattern;  ///< for `matches`
        std::string text;                ///< as written
    };

    friend class ConditionParser;
    [[nodiscard]] static bool holds(const Comparison& comparison, const OutputValue& value);

    std::string text_;
    std::vector<Comparison> comparisons_;
};

}  // namespace slimtax::schemas
