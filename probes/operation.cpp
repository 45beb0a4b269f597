#include "probes/operation.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "probes/patience.hpp"
#include "schemas/units.hpp"

namespace slimtax::probes {
namespace {

using schemas::ParameterType;

[[noreturn]] void bad_row(const schemas::OperationInfo& info, std::string_view name, const std::string& what) {
    throw std::logic_error("operation " + std::string(info.name) + ", parameter " + std::string(name) + ": " + what);
}

const schemas::Parameter* find_parameter(const schemas::OperationInfo& info, std::string_view name) {
    for (const schemas::Parameter& parameter : info.parameters) {
        if (parameter.name == name) {
            return &parameter;
        }
    }
    return nullptr;
}

/// A text that an expansion made, as the value that the parameter wants. Throws std::invalid_argument.
schemas::Value from_text(const schemas::Parameter& parameter, const std::string& text) {
    const auto refuse = [&](const std::string& wanted) -> schemas::Value {
        throw std::invalid_argument(std::string(parameter.name) + " is \"" + text + "\": expected " + wanted);
    };
    switch (parameter.type) {
        case ParameterType::integer: {
            std::int64_t number = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
            if (error != std::errc() || end != text.data() + text.size()) {
                return refuse("a whole number");
            }
            if (parameter.least < parameter.most && (number < parameter.least || number > parameter.most)) {
                return refuse("a number from " + std::to_string(parameter.least) + " to " +
                              std::to_string(parameter.most));
            }
            return number;
        }
        case ParameterType::boolean:
            return text == "true"    ? schemas::Value(true)
                   : text == "false" ? schemas::Value(false)
                                     : refuse("true or false");
        case ParameterType::duration: {
            const auto duration = schemas::parse_duration(text);
            return duration ? schemas::Value(*duration) : refuse(duration.error());
        }
        case ParameterType::choice:
            for (const std::string_view choice : parameter.choices) {
                if (choice == text) {
                    return text;
                }
            }
            return refuse("one of its choices");
        case ParameterType::pattern: {
            const auto pattern = schemas::Pattern::compile(text);
            return pattern ? schemas::Value(*pattern) : refuse("a regular expression: " + pattern.error().message);
        }
        case ParameterType::text: return text;
        case ParameterType::text_list: return schemas::TextList{text};
        case ParameterType::text_map: return refuse("a table");
        case ParameterType::pattern_list: return refuse("an array of patterns");
    }
    return text;
}

/// Texts for an array of patterns, where no definition's reader compiled them. Throws std::invalid_argument.
schemas::Value from_texts(const schemas::Parameter& parameter, const schemas::TextList& texts) {
    schemas::PatternList list;
    for (const std::string& text : texts) {
        auto pattern = schemas::Pattern::compile(text);
        if (!pattern) {
            throw std::invalid_argument("'" + text + "' in '" + std::string(parameter.name) +
                                        "' is no regular expression: " + pattern.error().message);
        }
        list.push_back(std::move(*pattern));
    }
    return list;
}

/// A row's `fallback`, which is TOML text.
schemas::Value from_fallback(const schemas::OperationInfo& info, const schemas::Parameter& parameter) try {
    const toml::table document = toml::parse("value = " + std::string(parameter.fallback));
    const toml::node& node = *document.get("value");
    if (const auto* number = node.as_integer()) {
        return number->get();
    }
    if (const auto* flag = node.as_boolean()) {
        return flag->get();
    }
    if (const auto* text = node.as_string()) {
        return from_text(parameter, text->get());
    }
    if (const auto* array = node.as_array()) {
        schemas::TextList list;
        for (const toml::node& element : *array) {
            list.push_back(element.value<std::string>().value());
        }
        return list;
    }
    if (const auto* table = node.as_table()) {
        schemas::TextMap map;
        for (const auto& [key, element] : *table) {
            map.emplace_back(key.str(), element.value<std::string>().value());
        }
        return map;
    }
    bad_row(info, parameter.name, "its fallback has an unknown type");
} catch (const std::exception& error) {
    bad_row(info, parameter.name, std::string("its fallback cannot be read: ") + error.what());
}

/// The defaults of an operation by the parameters' places, read once: steps are built thousands of times a second.
const std::vector<std::optional<schemas::Value>>& defaults_of(const schemas::OperationInfo& info) {
    static std::mutex mutex;
    static std::unordered_map<const schemas::OperationInfo*, std::vector<std::optional<schemas::Value>>> known;
    const std::lock_guard lock(mutex);
    const auto [it, added] = known.try_emplace(&info);
    if (added) {
        for (const schemas::Parameter& parameter : info.parameters) {
            it->second.push_back(parameter.fallback.empty() ? std::nullopt
                                                            : std::optional(from_fallback(info, parameter)));
        }
    }
    return it->second;
}

bool is_one_of(std::string_view text, std::span<const std::string_view> choices) {
    return std::ranges::find(choices, text) != choices.end();
}

template <class T>
const T& value_or_empty(const schemas::OperationInfo& info, std::string_view name, const schemas::Value* value) {
    static const T empty{};
    if (value == nullptr) {
        return empty;
    }
    if (const T* held = std::get_if<T>(value)) {
        return *held;
    }
    bad_row(info, name, "asked for as another type than it has");
}

}  // namespace

bool StepReport::figure(std::string_view name, double value, std::string_view unit) {
    constexpr std::size_t longest_name = 120;
    constexpr std::size_t longest_unit = 24;
    std::string its = quotable(name, {}, longest_name);
    if (its.empty() || !std::isfinite(value) || figures.size() >= schemas::most_figures) {
        return false;
    }
    figures.push_back({std::move(its), value, quotable(unit, {}, longest_unit)});
    return true;
}

Arguments::Arguments(const schemas::OperationInfo& info, std::map<std::string, schemas::Value> values)
    : Arguments(info, {}, std::move(values)) {}

Arguments::Arguments(const schemas::OperationInfo& info, const std::map<std::string, schemas::Value>& written,
                     std::map<std::string, schemas::Value> changed)
    : info_(&info), own_(std::move(changed)), by_place_(info.parameters.size()) {
    for (const auto& [name, value] : own_) {
        take(name, value);
    }
    for (const auto& [name, value] : written) {
        if (!own_.contains(name)) {
            take(name, value);
        }
    }
    const auto& defaults = defaults_of(info);
    for (std::size_t place = 0; place < by_place_.size(); ++place) {
        if (by_place_[place] == nullptr && defaults[place]) {
            by_place_[place] = &*defaults[place];
        }
    }
}

/// Puts the value in its parameter's place; a text for something else as what it means.
void Arguments::take(const std::string& name, const schemas::Value& value) {
    const schemas::Parameter* const parameter = find_parameter(*info_, name);
    if (parameter == nullptr) {
        bad_row(*info_, name, "not declared");
    }
    const schemas::Value* taken = &value;
    const auto* text = std::get_if<std::string>(&value);
    const bool as_it_is = text == nullptr || parameter->type == ParameterType::text ||
                          (parameter->type == ParameterType::choice && is_one_of(*text, parameter->choices));
    const auto* texts = std::get_if<schemas::TextList>(&value);
    if (!as_it_is) {
        taken = &own_.insert_or_assign(name, from_text(*parameter, *text)).first->second;
    } else if (texts != nullptr && parameter->type == ParameterType::pattern_list) {
        taken = &own_.insert_or_assign(name, from_texts(*parameter, *texts)).first->second;
    }
    by_place_[static_cast<std::size_t>(parameter - info_->parameters.data())] = taken;
}

const schemas::Value* Arguments::find(std::string_view name) const {
    const schemas::Parameter* const parameter = find_parameter(*info_, name);
    if (parameter == nullptr) {
        bad_row(*info_, name, "not declared");
    }
    return by_place_[static_cast<std::size_t>(parameter - info_->parameters.data())];
}

bool Arguments::has(std::string_view name) const {
    return find(name) != nullptr;
}

const std::string& Arguments::text(std::string_view name) const {
    return value_or_empty<std::string>(*info_, name, find(name));
}

std::int64_t Arguments::integer(std::string_view name) const {
    return value_or_empty<std::int64_t>(*info_, name, find(name));
}

bool Arguments::flag(std::string_view name) const {
    return value_or_empty<bool>(*info_, name, find(name));
}

schemas::Duration Arguments::duration(std::string_view name) const {
    return value_or_empty<schemas::Duration>(*info_, name, find(name));
}

const schemas::TextList& Arguments::list(std::string_view name) const {
    return value_or_empty<schemas::TextList>(*info_, name, find(name));
}

const schemas::TextMap& Arguments::map(std::string_view name) const {
    return value_or_empty<schemas::TextMap>(*info_, name, find(name));
}

const schemas::PatternList& Arguments::patterns(std::string_view name) const {
    return value_or_empty<schemas::PatternList>(*info_, name, find(name));
}

const schemas::Pattern* Arguments::pattern(std::string_view name) const {
    const schemas::Value* const value = find(name);
    return value == nullptr ? nullptr : &value_or_empty<schemas::Pattern>(*info_, name, value);
}

}  // namespace slimtax::probes
