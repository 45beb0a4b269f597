// How an operation (`do = "http.get"`) describes itself. Parsing, `list`, suggestions, the JSON Schema and the
// reference page all derive from these rows; the registry in probes/ fills them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace slimtax::schemas {

/// What a parameter's value may be. Everything but patterns may hold `${...}`.
enum class ParameterType {
    text,          ///< a string
    integer,       ///< a whole number
    boolean,       ///< true or false
    duration,      ///< "10s"
    text_list,     ///< an array of strings
    text_map,      ///< a table of strings
    pattern,       ///< a regular expression (PCRE2), compiled when the definition is read
    pattern_list,  ///< an array of them
    choice,        ///< one of `choices`
};

/// What is wrong with a text that stands in a definition as it is, without ${…}; empty: nothing. A sentence that quotes
/// the text and says what was expected: '"1 XB" is no size: …'.
using FindFlaw = std::string (*)(std::string_view text);

struct Parameter {
    std::string_view name;
    ParameterType type = ParameterType::text;
    bool required = false;
    std::string_view fallback = {};  ///< what an omitted one means, as TOML text ("443", "\"/\""); empty: nothing
    std::string_view help = {};      ///< one sentence for `list`, the editor and the reference page
    std::span<const std::string_view> choices = {};  ///< for `choice`
    std::string_view example = {};                   ///< a value as TOML text, for templates
    long long least = 0;                             ///< for `integer`: smallest value allowed
    long long most = 0;                              ///< for `integer`: largest; least == most: unlimited
    FindFlaw flaw = nullptr;  ///< for `text`, and the texts of `text_list`: seen when the definition is read
};

/// Parameters of which a step has only so many: `form` or `body`, `name` or `unit`.
struct Alternatives {
    enum class HowMany { at_most_one, at_least_one, exactly_one };
    std::span<const std::string_view> names;
    HowMany allowed = HowMany::at_most_one;
};

/// What a step has written, for the rules between its parameters.
class WrittenParameters {
public:
    virtual ~WrittenParameters() = default;
    [[nodiscard]] virtual bool has(std::string_view name) const = 0;
    /// A text or choice as written; nothing when it is not there, or holds ${…} and is known only when the step runs.
    [[nodiscard]] virtual std::optional<std::string> text(std::string_view name) const = 0;
    [[nodiscard]] virtual std::size_t items(std::string_view name) const = 0;  ///< of an array; 0 when it is not there
};

/// Why a step's parameters cannot go together, as a sentence; empty: they can.
using FindContradiction = std::string (*)(const WrittenParameters& written);

/// What a step leaves behind for `expect` and `save`.
enum class OutputType { number, text, boolean, duration };

struct Output {
    std::string_view name;  ///< as in `expect = "items >= 1"`
    OutputType type = OutputType::number;
    std::string_view help;
};

/// The self-description of one operation. All views point at storage that lives as long as the program.
struct OperationInfo {
    std::string_view name;          ///< "ldap.bind"
    std::string_view levels = {};   ///< where it is at home: "A0", "A2 A3"
    std::string_view summary = {};  ///< one line
    std::span<const Parameter> parameters = {};
    std::span<const Output> outputs = {};
    /// The parameter that the probe's target fills when it is omitted ("host"); empty: none.
    std::string_view target_parameter = {};
    /// The operation that must have run before in the same script ("xmpp.login"); empty: none.
    std::string_view after = {};
    std::string_view example = {};  ///< a `[[probe.step]]` body that works, as TOML
    /// The output that holds its answer's main text, which json(…), css(…), regex(…) and prometheus(…) look into;
    /// empty: it has none, and these functions are refused.
    std::string_view text_output = {};
    /// The parameter (a table of texts) whose keys become saved values (`set`); empty: none.
    std::string_view saves = {};
    /// Parameters that exclude each other, or of which one is needed; seen when the definition is read.
    std::span<const Alternatives> alternatives = {};
    FindContradiction contradiction = nullptr;  ///< what `alternatives` cannot say; likewise
};

/// The output that header(…) looks into where an operation has it: lines "name: value\n", names in lower case.
inline constexpr std::string_view headers_output = "headers";

/// The operations a reader knows. The reporter reads without one: steps are then not looked into.
using Catalog = std::span<const OperationInfo* const>;

/// The row of that name, or null.
[[nodiscard]] const OperationInfo* find_operation(Catalog catalog, std::string_view name);

}  // namespace slimtax::schemas
