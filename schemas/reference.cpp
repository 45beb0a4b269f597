#include "schemas/reference.hpp"

#include <fmt/format.h>

#include "schemas/operation_words.hpp"

namespace slimtax::schemas {
namespace {

/// A table's cell: a bar would end it.
std::string cell(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        safe += c == '|' ? "\\|" : c == '\n' ? " " : std::string(1, c);
    }
    return safe;
}

std::string code(std::string_view text) {
    return text.empty() ? "" : fmt::format("`{}`", cell(text));
}

std::string anchor(std::string_view name) {
    std::string text;
    for (const char c : name) {
        if (c != '.') {
            text += c;
        }
    }
    return text;
}

/// The type with its choices as code.
std::string type_cell(const Parameter& parameter) {
    if (parameter.type != ParameterType::choice) {
        return type_text(parameter);
    }
    std::string text;
    for (const std::string_view choice : parameter.choices) {
        text += fmt::format("{}{}", text.empty() ? "" : ", ", code(choice));
    }
    return text;
}

std::string meaning(const OperationInfo& info, const Parameter& parameter) {
    const std::string beside = as_sentence(alternatives_text(info, parameter));
    return beside.empty() ? std::string(parameter.help) : as_sentence(parameter.help) + " " + beside;
}

std::string omitted(const OperationInfo& info, const Parameter& parameter) {
    if (parameter.name == info.target_parameter) {
        return "the target";
    }
    return parameter.required ? "**required**" : code(parameter.fallback);
}

std::string section(const OperationInfo& info) {
    std::string text = fmt::format("## {}\n\n{}", info.name, as_sentence(info.summary));
    if (!info.levels.empty()) {
        text += fmt::format(" At home at {}.", info.levels);
    }
    if (!info.after.empty()) {
        text += fmt::format(" Needs a step [{0}](#{1}) before it in the same script.", info.after, anchor(info.after));
    }
    text += "\n\n";
    if (!info.example.empty()) {
        text +=
            fmt::format("```toml\n[[probe.step]]\n{}{}```\n\n", info.example, info.example.ends_with('\n') ? "" : "\n");
    }
    if (!info.parameters.empty()) {
        text += "| parameter | type | when omitted | meaning |\n|---|---|---|---|\n";
        for (const Parameter& parameter : info.parameters) {
            text += fmt::format("| {} | {} | {} | {} |\n", code(parameter.name), type_cell(parameter),
                                omitted(info, parameter), cell(meaning(info, parameter)));
        }
        text += "\n";
    }
    if (!info.outputs.empty()) {
        if (!info.text_output.empty()) {
            text += fmt::format("Functions look into {}.\n\n", code(info.text_output));
        }
        text += "| output | type | meaning |\n|---|---|---|\n";
        for (const Output& output : info.outputs) {
            text += fmt::format("| {} | {} | {} |\n", code(output.name), word_of(output.type), cell(output.help));
        }
        text += "\n";
    }
    return text;
}

constexpr std::string_view introduction = R"(# The operations

What a step can do: `do = "http.get"`. Written by `slimtax-prober list --format markdown`; do not edit.

Every step also takes `name`, `timeout`, `within`, `expect`, `save`, `think`, `when`, `repeat` and `always`. All texts but patterns
and conditions may hold `${target}`, `${location}`, `${save.NAME}` and `${secret:NAME}`. Patterns are PCRE2, matched
against bytes. `expect` and `save` look at the outputs; durations are compared with a unit (`time.connect < 200ms`).

Where an operation's answer is a text, `expect` and `save` can look into it:

| function | finds |
|---|---|
| `json("/items/0/id")` | a value of JSON by its pointer (RFC 6901): a number, a text, or true or false |
| `css("form.login input[name=token]@value")` | the text, or after `@` an attribute, of the first matching element of HTML |
| `regex("(\d+) loans")` | the pattern's first group, or else its whole match |
| `prometheus("jobs{queue='mail'}")` | the value of a sample in the Prometheus text format |
| `header("content-type")` | a header of the answer |

A path of HTML has elements (`input`, `*`) with `#id`, `.class`, `[name]` and `[name=value]` (also `~=`, `^=`, `$=` and
`*=`); a blank stands for "somewhere inside", `>` for "directly inside". What is found as a text compares with a number
when it is written like one (`regex("(\d+) loans") >= 3`); a value of JSON is what it is: `3` is not `"3"`. What is not
there fails the step, and says so.

)";

std::string without_blank_end(std::string text) {
    while (text.ends_with("\n\n")) {
        text.pop_back();
    }
    return text;
}

}  // namespace

std::string operation_reference(const OperationInfo& info) {
    return without_blank_end(section(info));
}

std::string operations_reference(Catalog catalog) {
    std::string text(introduction);
    text += "| operation | level | |\n|---|---|---|\n";
    for (const OperationInfo* info : catalog) {
        text += fmt::format("| [{}](#{}) | {} | {} |\n", info->name, anchor(info->name), info->levels,
                            cell(as_sentence(info->summary)));
    }
    text += "\n";
    for (const OperationInfo* info : catalog) {
        text += section(*info);
    }
    return without_blank_end(std::move(text));
}

}  // namespace slimtax::schemas
