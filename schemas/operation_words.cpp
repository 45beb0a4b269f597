#include "schemas/operation_words.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "schemas/toml_reader.hpp"

namespace slimtax::schemas {

std::string_view word_of(ParameterType type) {
    switch (type) {
        case ParameterType::text: return "text";
        case ParameterType::integer: return "whole number";
        case ParameterType::boolean: return "true or false";
        case ParameterType::duration: return "duration";
        case ParameterType::text_list: return "array of texts";
        case ParameterType::text_map: return "table of texts";
        case ParameterType::pattern: return "pattern";
        case ParameterType::pattern_list: return "array of patterns";
        case ParameterType::choice: return "choice";
    }
    return {};
}

std::string_view word_of(OutputType type) {
    switch (type) {
        case OutputType::number: return "number";
        case OutputType::text: return "text";
        case OutputType::boolean: return "true or false";
        case OutputType::duration: return "duration";
    }
    return {};
}

std::string type_text(const Parameter& parameter) {
    if (parameter.type == ParameterType::choice) {
        return fmt::format("{}", fmt::join(parameter.choices, " | "));
    }
    if (parameter.type == ParameterType::integer && parameter.least != parameter.most) {
        return fmt::format("{}, {} to {}", word_of(parameter.type), parameter.least, parameter.most);
    }
    return std::string(word_of(parameter.type));
}

std::string when_omitted(const OperationInfo& info, const Parameter& parameter) {
    if (parameter.name == info.target_parameter) {
        return "default: the target";
    }
    if (parameter.required) {
        return "required";
    }
    return parameter.fallback.empty() ? "" : fmt::format("default: {}", parameter.fallback);
}

std::string alternatives_text(const OperationInfo& info, const Parameter& parameter) {
    std::string text;
    for (const Alternatives& alternatives : info.alternatives) {
        if (std::ranges::find(alternatives.names, parameter.name) == alternatives.names.end()) {
            continue;
        }
        std::vector<std::string> others;
        for (const std::string_view name : alternatives.names) {
            if (name != parameter.name) {
                others.push_back(fmt::format("'{}'", name));
            }
        }
        const std::string rest = enumerated({others.begin(), others.end()}, "or");
        text += text.empty() ? "" : "; ";
        switch (alternatives.allowed) {
            case Alternatives::HowMany::at_most_one: text += "not together with " + rest; break;
            case Alternatives::HowMany::exactly_one: text += "this or " + rest + ", just one of them"; break;
            case Alternatives::HowMany::at_least_one: text += "this or " + rest + " is needed"; break;
        }
    }
    return text;
}

std::string sample_value(const Parameter& parameter) {
    if (!parameter.example.empty()) {
        return std::string(parameter.example);
    }
    if (!parameter.fallback.empty()) {
        return std::string(parameter.fallback);
    }
    switch (parameter.type) {
        case ParameterType::text: return "\"…\"";
        case ParameterType::integer: return std::to_string(parameter.least != parameter.most ? parameter.least : 1);
        case ParameterType::boolean: return "true";
        case ParameterType::duration: return "\"10s\"";
        case ParameterType::text_list: return "[\"…\"]";
        case ParameterType::text_map: return "{ name = \"…\" }";
        case ParameterType::pattern: return "'…'";
        case ParameterType::pattern_list: return "['…']";
        case ParameterType::choice: return fmt::format("\"{}\"", parameter.choices.front());
    }
    return {};
}

std::vector<std::string_view> levels_of(const OperationInfo& info) {
    std::vector<std::string_view> levels;
    for (std::string_view rest = info.levels; !rest.empty();) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        if (end > 0) {
            levels.push_back(rest.substr(0, end));
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return levels;
}

std::string as_sentence(std::string_view text) {
    std::string whole(text);
    if (!whole.empty()) {
        whole.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(whole.front())));
        whole += whole.ends_with('.') ? "" : ".";
    }
    return whole;
}

}  // namespace slimtax::schemas
