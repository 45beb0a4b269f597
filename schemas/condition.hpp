// One-line conditions over a step's outputs: `expect = "status == 200 and time.first_byte < 300ms"`.
//
//   condition  = comparison *( "and" comparison )
//   comparison = ( name | function ) operator literal
//   function   = ( "json" | "css" | "regex" | "prometheus" | "header" ) "(" text ")"      see extraction.hpp
//   operator   = "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "matches"
//   literal    = number | duration | "text" | 'text' | true | false
//
// Durations compare with outputs of type duration (held in seconds). `matches` takes a PCRE2 pattern. Texts that a
// function found compare with a number, a duration or a flag when they are written like one; a value of JSON is what
// it is: 3 is not "3".
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "schemas/extraction.hpp"
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

/// What a condition may speak of.
struct ConditionScope {
    std::span<const Output> outputs = {};  ///< empty: names and types are not checked
    const OperationInfo* info = nullptr;   ///< functions must suit it; null: any does
    /// Instead of a step's outputs these are what earlier steps saved (`when`): texts, which compare with numbers
    /// and flags too; and there is no answer for functions to look into.
    bool saved = false;
    std::string_view any = {};  ///< one more name, whose value may be of any type
};

/// Finds what a function asks for, or says in a sentence's end why not: "there is no /items/0/id in the answer".
using ValueOf = std::function<tl::expected<OutputValue, std::string>(const Extraction&)>;

/// A parsed condition; immutable, cheap to copy.
class Condition {
public:
    [[nodiscard]] static tl::expected<Condition, ConditionError> parse(std::string_view text,
                                                                       const ConditionScope& scope);
    /// `outputs` are what the operation declares; an empty span skips the check of names and types.
    [[nodiscard]] static tl::expected<Condition, ConditionError> parse(std::string_view text,
                                                                       std::span<const Output> outputs) {
        return parse(text, ConditionScope{outputs});
    }

    /// Nothing when it holds, or else a sentence about the first comparison that does not:
    /// "expected items >= 1, but items is 0". Without `value_of` functions find nothing.
    [[nodiscard]] std::optional<std::string> violated_by(const Outputs& outputs, const ValueOf& value_of = {}) const;

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    enum class Operator { equal, not_equal, less, at_most, greater, at_least, contains, matches };
    struct Comparison {
        std::string name;  ///< of the output, or the function as written
        std::optional<Extraction> function;
        Operator op = Operator::equal;
        OutputValue literal;
        bool duration = false;           ///< the literal was written as a duration: say it so
        bool convert = false;            ///< a text becomes what the literal is, where it is written so
        std::optional<Pattern> pattern;  ///< for `matches`
        std::string text;                ///< as written
    };

    friend class ConditionParser;
    [[nodiscard]] static bool holds(const Comparison& comparison, const OutputValue& value);

    std::string text_;
    std::vector<Comparison> comparisons_;
};

}  // namespace slimtax::schemas
