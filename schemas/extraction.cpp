#include "schemas/extraction.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "schemas/problem.hpp"
#include "schemas/selector.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

using Kind = Extraction::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 5> functions{{{"json", Kind::json},
                                                                      {"css", Kind::css},
                                                                      {"regex", Kind::regex},
                                                                      {"prometheus", Kind::prometheus},
                                                                      {"header", Kind::header}}};

tl::unexpected<ConditionError> error(std::size_t column, std::string message, std::string hint = {}) {
    return tl::unexpected(ConditionError{column, std::move(message), std::move(hint)});
}

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

void skip_blanks(std::string_view text, std::size_t& at) {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) {
        ++at;
    }
}

std::string found(std::string_view text, std::size_t at) {
    return at < text.size() ? fmt::format("\"{}\"", shortened(to_valid_utf8(text.substr(at)), 60)) : "the end";
}

/// RFC 6901; the error's column counts within the pointer.
tl::expected<std::vector<std::string>, ConditionError> parse_pointer(std::string_view text) {
    std::vector<std::string> names;
    if (!text.empty() && text.front() != '/') {
        return error(0, "a JSON pointer begins with \"/\"", fmt::format("write /{}", shortened(text, 60)));
    }
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '/') {
            names.emplace_back();
        } else if (text[at] == '~') {
            const char next = at + 1 < text.size() ? text[at + 1] : '\0';
            if (next != '0' && next != '1') {
                return error(at, "after \"~\" a JSON pointer has 0 or 1", "~0 stands for ~, and ~1 for /");
            }
            names.back() += next == '0' ? '~' : '/';
            ++at;
        } else {
            names.back() += text[at];
        }
    }
    return names;
}

/// `name{label="value", …}`
tl::expected<SampleName, ConditionError> parse_sample(std::string_view text) {
    SampleName sample;
    std::size_t at = 0;
    const auto word = [&](bool colons) {
        const std::size_t start = at;
        while (at < text.size() &&
               ((is_word(text[at]) && text[at] != '-' && text[at] != '.') || (colons && text[at] == ':'))) {
            ++at;
        }
        return std::string(text.substr(start, at - start));
    };
    sample.name = word(true);
    if (sample.name.empty()) {
        return error(at, fmt::format("expected the name of a metric, found {}", found(text, at)));
    }
    if (at == text.size()) {
        return sample;
    }
    if (text[at] != '{') {
        return error(at, fmt::format("expected labels in braces or the end, found {}", found(text, at)));
    }
    for (++at;;) {
        skip_blanks(text, at);
        if (at < text.size() && text[at] == '}') {
            break;
        }
        const std::size_t label_at = at;
        std::string label = word(false);
        if (label.empty() || at == text.size() || text[at] != '=') {
            return error(label.empty() ? label_at : at,
                         fmt::format("expected label=\"value\", found {}", found(text, label_at)));
        }
        ++at;
        if (at == text.size() || (text[at] != '"' && text[at] != '\'')) {
            return error(at, fmt::format("expected the label's value in quotes, found {}", found(text, at)));
        }
        std::vector<std::size_t> places;
        auto value = read_quoted(text, at, places);
        if (!value) {
            return tl::unexpected(std::move(value.error()));
        }
        sample.labels.emplace_back(std::move(label), std::move(*value));
        skip_blanks(text, at);
        if (at < text.size() && text[at] == ',') {
            ++at;
        } else if (at == text.size() || text[at] != '}') {
            return error(at, fmt::format("expected \",\" or \"}}\", found {}", found(text, at)));
        }
    }
    if (at + 1 != text.size()) {
        return error(at + 1, fmt::format("expected the end, found {}", found(text, at + 1)));
    }
    return sample;
}

tl::expected<std::string, ConditionError> parse_header(std::string_view text) {
    std::string name(text);
    for (std::size_t at = 0; at < name.size(); ++at) {
        if (!is_word(name[at])) {
            return error(at, "a header's name has no such character");
        }
        name[at] = static_cast<char>(name[at] >= 'A' && name[at] <= 'Z' ? name[at] - 'A' + 'a' : name[at]);
    }
    if (name.empty()) {
        return error(0, "expected the name of a header");
    }
    return name;
}

/// Fills what belongs to the kind; the error's column counts within the argument.
tl::expected<void, ConditionError> complete(Extraction& extraction) {
    const auto take = [](auto parsed, auto& target) -> tl::expected<void, ConditionError> {
        if (!parsed) {
            return tl::unexpected(std::move(parsed.error()));
        }
        target = std::move(*parsed);
        return {};
    };
    switch (extraction.kind) {
        case Kind::json: return take(parse_pointer(extraction.argument), extraction.pointer);
        case Kind::css: return take(parse_html_path(extraction.argument), extraction.path);
        case Kind::prometheus: return take(parse_sample(extraction.argument), extraction.sample);
        case Kind::header: return take(parse_header(extraction.argument), extraction.argument);
        case Kind::regex: break;
    }
    auto compiled = Pattern::compile(extraction.argument);
    if (!compiled) {
        return error(compiled.error().offset, "the pattern is wrong here: " + compiled.error().message);
    }
    extraction.pattern = std::move(*compiled);
    return {};
}

}  // namespace

tl::expected<std::string, ConditionError> read_quoted(std::string_view text, std::size_t& at,
                                                      std::vector<std::size_t>& places) {
    const std::size_t start = at;
    const char quote = text[at++];
    std::string value;
    while (at < text.size() && text[at] != quote) {
        if (quote == '"' && text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '"' || text[at + 1] == '\\')) {
            ++at;
        }
        places.push_back(at);
        value += text[at++];
    }
    if (at == text.size()) {
        return error(start, fmt::format("the closing {} of this text is missing", quote));
    }
    ++at;
    return value;
}

tl::expected<Extraction, ConditionError> Extraction::parse(std::string_view text, std::size_t& at) {
    const std::size_t start = at;
    while (at < text.size() && is_word(text[at])) {
        ++at;
    }
    const std::string_view name = text.substr(start, at - start);
    const auto function = std::ranges::find(functions, name, &std::pair<std::string_view, Kind>::first);
    if (function == functions.end()) {
        std::vector<std::string_view> names;
        for (const auto& [known, kind] : functions) {
            names.push_back(known);
        }
        const std::string near = nearest_word(name, names);
        return error(start, fmt::format("there is no function '{}'", shortened(to_valid_utf8(name), 60)),
                     near.empty() ? "there are json, css, regex, prometheus and header"
                                  : fmt::format("did you mean '{}'?", near));
    }
    Extraction extraction;
    extraction.kind = function->second;
    skip_blanks(text, at);
    if (at == text.size() || text[at] != '(') {
        return error(at, fmt::format("expected {}(\"…\"), found {}", name, found(text, at)));
    }
    ++at;
    skip_blanks(text, at);
    if (at == text.size() || (text[at] != '"' && text[at] != '\'')) {
        return error(at, fmt::format("expected a quoted text for {}(…), found {}", name, found(text, at)));
    }
    std::vector<std::size_t> places;
    auto argument = read_quoted(text, at, places);
    if (!argument) {
        return tl::unexpected(std::move(argument.error()));
    }
    const std::size_t closing_quote = at - 1;
    skip_blanks(text, at);
    if (at == text.size() || text[at] != ')') {
        return error(at, fmt::format("expected the \")\" of {}(…), found {}", name, found(text, at)));
    }
    ++at;
    extraction.argument = std::move(*argument);
    extraction.written = text.substr(start, at - start);
    if (auto completed = complete(extraction); !completed) {
        ConditionError& wrong = completed.error();
        wrong.column = wrong.column < places.size() ? places[wrong.column] : closing_quote;
        return tl::unexpected(std::move(wrong));
    }
    return extraction;
}

tl::expected<Extraction, ConditionError> Extraction::parse_whole(std::string_view text) {
    std::size_t at = 0;
    skip_blanks(text, at);
    auto extraction = parse(text, at);
    if (extraction) {
        skip_blanks(text, at);
        if (at < text.size()) {
            return error(at, fmt::format("expected the end after {}, found {}", extraction->written, found(text, at)));
        }
    }
    return extraction;
}

std::string refusal(const OperationInfo& info, Kind kind) {
    const auto name = std::ranges::find(functions, kind, &std::pair<std::string_view, Kind>::second)->first;
    if (kind == Kind::header) {
        const bool there = std::ranges::find(info.outputs, headers_output, &Output::name) != info.outputs.end();
        return there ? "" : fmt::format("{} has no headers that header(…) could look at", info.name);
    }
    return !info.text_output.empty() ? ""
                                     : fmt::format("{} leaves no text that {}(…) could look into", info.name, name);
}

}  // namespace slimtax::schemas
