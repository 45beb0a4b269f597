// Functions of conditions and `save`: a part of what a step's answer said.
//
//   json("/items/0/id")                    a value of a JSON text, by pointer (RFC 6901)
//   css("form input[name=token]@value")    the text, or an attribute, of the first matching element of HTML
//   regex("(\d+) loans")                   the first group of a match, or all of it (PCRE2)
//   prometheus("jobs{queue=\"mail\"}")     a sample of the Prometheus text format
//   header("content-type")                 a header of an HTTP answer
//
// Here they are only read and checked; probes/extract.hpp looks into the answer.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "schemas/operation_info.hpp"
#include "schemas/pattern.hpp"

namespace slimtax::schemas {

/// Why a text is no condition or function: column counts from 0 within the text.
struct ConditionError {
    std::size_t column = 0;
    std::string message;
    std::string hint;
};

/// What an element must have: `#id`, `.class`, `[name]`, `[name=value]`, `~=`, `^=`, `$=`, `*=`.
struct HtmlTest {
    enum class Match { present, equal, word, prefix, suffix, part };
    std::string attribute;  ///< in lower case
    Match match = Match::present;
    std::string value;
};

/// One element of a path: `input[name=token]`.
struct HtmlStep {
    bool child = false;  ///< `>`: directly inside the one before
    std::string tag;     ///< in lower case; empty: any
    std::vector<HtmlTest> tests;
};

/// `form.login > input[name=token]@value`
struct HtmlPath {
    static constexpr std::size_t most_steps = 32;
    std::vector<HtmlStep> steps;
    std::string attribute;  ///< in lower case; empty: the element's text
};

/// `jobs{queue="mail"}`: the labels that a sample must at least have.
struct SampleName {
    std::string name;
    std::vector<std::pair<std::string, std::string>> labels;
};

/// A function, parsed; immutable.
struct Extraction {
    enum class Kind { json, css, regex, prometheus, header };
    Kind kind = Kind::json;
    std::string written;               ///< `json("/items/0/id")`, for sentences
    std::string argument;              ///< its text: `/items/0/id`; of a header in lower case
    std::vector<std::string> pointer;  ///< json: the names on the way, unescaped
    HtmlPath path;                     ///< css
    Pattern pattern;                   ///< regex
    SampleName sample;                 ///< prometheus

    /// Reads the function that begins at `at`, and sets `at` behind it.
    [[nodiscard]] static tl::expected<Extraction, ConditionError> parse(std::string_view text, std::size_t& at);

    /// A text that is a function from end to end.
    [[nodiscard]] static tl::expected<Extraction, ConditionError> parse_whole(std::string_view text);

    /// Whether a text is meant as a function rather than as an output's name.
    [[nodiscard]] static bool is_meant_by(std::string_view text) { return text.find('(') != std::string_view::npos; }
};

/// Why an operation's answer has nothing for this function: a sentence; empty when it has.
[[nodiscard]] std::string refusal(const OperationInfo& info, Extraction::Kind kind);

/// Reads a quoted text that begins at `at`: 'as it is', or "with \" and \\"; any other backslash stands for itself,
/// as patterns need it. Sets `at` behind it. `places` gets the place of each byte.
[[nodiscard]] tl::expected<std::string, ConditionError> read_quoted(std::string_view text, std::size_t& at,
                                                                    std::vector<std::size_t>& places);

}  // namespace slimtax::schemas
