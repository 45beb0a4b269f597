#include "prober/parameters.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "schemas/pattern.hpp"
#include "schemas/units.hpp"

namespace slimtax::prober {
namespace {

using schemas::Parameter;
using schemas::ParameterType;
using schemas::Reference;
using schemas::Value;

const Parameter* find_parameter(const schemas::OperationInfo& info, std::string_view name) {
    const auto it = std::ranges::find(info.parameters, name, &Parameter::name);
    return it == info.parameters.end() ? nullptr : &*it;
}

std::optional<Value> typed(const toml::node& node, ParameterType type) {
    const auto text = node.value_exact<std::string>();
    switch (type) {
        case ParameterType::text:
        case ParameterType::choice: return text ? std::optional<Value>(*text) : std::nullopt;
        case ParameterType::integer:
            if (const auto number = node.value_exact<std::int64_t>()) {
                return *number;
            }
            return std::nullopt;
        case ParameterType::boolean:
            if (const auto flag = node.value_exact<bool>()) {
                return *flag;
            }
            return std::nullopt;
        case ParameterType::duration:
            if (const auto duration = schemas::parse_duration(text.value_or(""))) {
                return *duration;
            }
            return std::nullopt;
        case ParameterType::pattern:
            if (auto pattern = schemas::Pattern::compile(text.value_or("")); text && pattern) {
                return std::move(*pattern);
            }
            return std::nullopt;
        case ParameterType::text_list: {
            if (!node.is_array()) {
                return std::nullopt;
            }
            schemas::TextList list;
            for (const toml::node& item : *node.as_array()) {
                list.push_back(item.value_or(std::string()));
            }
            return list;
        }
        case ParameterType::text_map: {
            if (!node.is_table()) {
                return std::nullopt;
            }
            schemas::TextMap map;
            for (const auto& [key, item] : *node.as_table()) {
                map.emplace_back(key.str(), item.value_or(std::string()));
            }
            return map;
        }
    }
    return std::nullopt;
}

Value read_fallback(const schemas::OperationInfo& info, const Parameter& parameter) {
    try {
        const toml::table table = toml::parse(fmt::format("v = {}", parameter.fallback));
        if (auto value = typed(*table.get("v"), parameter.type)) {
            return std::move(*value);
        }
    } catch (const toml::parse_error&) {
        // said below
    }
    throw std::logic_error(fmt::format("the fallback of {}'s parameter '{}' is not of its type: {}", info.name,
                                       parameter.name, parameter.fallback));
}

// What a text stands for once it is expanded: `port = "${save.port}"`.
tl::expected<Value, std::string> convert(const Parameter& parameter, std::string text) {
    switch (parameter.type) {
        case ParameterType::integer: {
            std::int64_t number = 0;
            const char* end = text.data() + text.size();
            const auto [stop, error] = std::from_chars(text.data(), end, number);
            if (error != std::errc() || stop != end) {
                return tl::unexpected(fmt::format("should be a whole number but became \"{}\"", text));
            }
            if (parameter.least != parameter.most && (number < parameter.least || number > parameter.most)) {
                return tl::unexpected(
                    fmt::format("should lie between {} and {} but became {}", parameter.least, parameter.most, number));
            }
            return number;
        }
        case ParameterType::boolean:
            if (text != "true" && text != "false") {
                return tl::unexpected(fmt::format("should be true or false but became \"{}\"", text));
            }
            return text == "true";
        case ParameterType::duration: {
            const auto duration = schemas::parse_duration(text);
            if (!duration) {
                return tl::unexpected(fmt::format("should be a duration such as \"10s\" but became \"{}\"", text));
            }
            return *duration;
        }
        case ParameterType::choice:
            if (std::ranges::find(parameter.choices, text) == parameter.choices.end()) {
                return tl::unexpected(
                    fmt::format("should be one of {} but became \"{}\"", fmt::join(parameter.choices, ", "), text));
            }
            return text;
        default: return text;
    }
}

// Expands the texts of one step; remembers what it needed and did not find.
class Expander {
public:
    explicit Expander(const ExpansionSources& sources) : sources_(sources) {}

    tl::expected<std::string, CannotStart> expand(std::string_view text) {
        uses_saved_ = false;
        auto expanded = schemas::expand(text, [this](const Reference& reference) { return value_of(reference); });
        if (!expanded) {
            return tl::unexpected(CannotStart{schemas::Verdict::prober_fault, expanded.error(), saved_missing_});
        }
        return std::move(*expanded);
    }

    // What an operation cannot use came from the service when it was saved from its answer.
    [[nodiscard]] schemas::Verdict blame() const {
        return uses_saved_ ? schemas::Verdict::failed : schemas::Verdict::prober_fault;
    }

private:
    tl::expected<std::string, std::string> value_of(const Reference& reference) {
        switch (reference.kind) {
            case Reference::Kind::target: return std::string(sources_.target);
            case Reference::Kind::location: return std::string(sources_.location);
            case Reference::Kind::secret: return sources_.secret(reference.name);
            case Reference::Kind::save: {
                uses_saved_ = true;
                const auto it = sources_.saved->find(reference.name);
                if (it == sources_.saved->end()) {
                    saved_missing_ = true;
                    return tl::unexpected(fmt::format("no earlier step of this run saved '{}'", reference.name));
                }
                return it->second;
            }
            case Reference::Kind::unknown: break;
        }
        return tl::unexpected(fmt::format("'${{{}}}' stands for nothing that is known here", reference.name));
    }

    const ExpansionSources& sources_;
    bool uses_saved_ = false;
    bool saved_missing_ = false;
};

tl::expected<Value, CannotStart> expand_value(const Value& value, const Parameter& parameter, Expander& expander) {
    if (const auto* text = std::get_if<std::string>(&value)) {
        auto expanded = expander.expand(*text);
        if (!expanded) {
            return tl::unexpected(std::move(expanded.error()));
        }
        auto converted = convert(parameter, std::move(*expanded));
        if (!converted) {
            return tl::unexpected(CannotStart{
                expander.blame(), fmt::format("parameter '{}' {}", parameter.name, converted.error()), false});
        }
        return std::move(*converted);
    }
    if (const auto* list = std::get_if<schemas::TextList>(&value)) {
        schemas::TextList expanded_list;
        for (const std::string& item : *list) {
            auto expanded = expander.expand(item);
            if (!expanded) {
                return tl::unexpected(std::move(expanded.error()));
            }
            expanded_list.push_back(std::move(*expanded));
        }
        return expanded_list;
    }
    if (const auto* map = std::get_if<schemas::TextMap>(&value)) {
        schemas::TextMap expanded_map;
        for (const auto& [name, item] : *map) {
            auto expanded = expander.expand(item);
            if (!expanded) {
                return tl::unexpected(std::move(expanded.error()));
            }
            expanded_map.emplace_back(name, std::move(*expanded));
        }
        return expanded_map;
    }
    return value;
}

}  // namespace

const ParameterValues& Fallbacks::of(const schemas::OperationInfo& info) {
    const auto [it, added] = read_.try_emplace(&info);
    if (added) {
        for (const Parameter& parameter : info.parameters) {
            if (!parameter.fallback.empty()) {
                it->second.emplace(parameter.name, read_fallback(info, parameter));
            }
        }
    }
    return it->second;
}

tl::expected<ParameterValues, CannotStart> complete_parameters(const schemas::Step& step,
                                                               const schemas::OperationInfo& info,
                                                               const ExpansionSources& sources, Fallbacks& fallbacks) {
    ParameterValues values;
    Expander expander(sources);
    for (const auto& [name, written] : step.parameters) {
        const Parameter* parameter = find_parameter(info, name);
        if (parameter == nullptr) {
            return tl::unexpected(CannotStart{schemas::Verdict::prober_fault,
                                              fmt::format("{} has no parameter '{}'", info.name, name), false});
        }
        auto value = expand_value(written, *parameter, expander);
        if (!value) {
            return tl::unexpected(std::move(value.error()));
        }
        values.emplace(name, std::move(*value));
    }
    if (!info.target_parameter.empty() && !sources.target.empty()) {
        values.try_emplace(std::string(info.target_parameter), std::string(sources.target));
    }
    for (const auto& [name, value] : fallbacks.of(info)) {
        values.try_emplace(name, value);
    }
    for (const Parameter& parameter : info.parameters) {
        if (parameter.required && !values.contains(std::string(parameter.name))) {
            return tl::unexpected(
                CannotStart{schemas::Verdict::prober_fault,
                            fmt::format("{} needs the parameter '{}'{}", info.name, parameter.name,
                                        parameter.name == info.target_parameter ? ", or a target that fills it" : ""),
                            false});
        }
    }
    return values;
}

}  // namespace slimtax::prober
