#include "prober/parameters.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "schemas/expansion.hpp"

namespace slimtax::prober {
namespace {

using schemas::Reference;

bool holds_reference(const schemas::Value& value) {
    const auto in_text = [](const std::string& text) { return text.find("${") != std::string::npos; };
    if (const auto* text = std::get_if<std::string>(&value)) {
        return in_text(*text);
    }
    if (const auto* list = std::get_if<schemas::TextList>(&value)) {
        return std::ranges::any_of(*list, in_text);
    }
    const auto* map = std::get_if<schemas::TextMap>(&value);
    return map != nullptr && std::ranges::any_of(*map, [&](const auto& item) { return in_text(item.second); });
}

// Expands the texts of one step in place; stops at the first that cannot be.
class Expander {
public:
    explicit Expander(const ExpansionSources& sources) : sources_(sources) {}

    bool expand(schemas::Value& value) {
        if (auto* text = std::get_if<std::string>(&value)) {
            return expand(*text);
        }
        if (auto* list = std::get_if<schemas::TextList>(&value)) {
            return std::ranges::all_of(*list, [this](std::string& item) { return expand(item); });
        }
        if (auto* map = std::get_if<schemas::TextMap>(&value)) {
            return std::ranges::all_of(*map, [this](auto& item) { return expand(item.second); });
        }
        return true;
    }

    [[nodiscard]] bool used_saved() const { return used_saved_; }
    [[nodiscard]] const ExpansionTrouble& trouble() const { return trouble_; }

private:
    bool expand(std::string& text) {
        auto expanded = schemas::expand(text, [this](const Reference& reference) { return value_of(reference); });
        if (!expanded) {
            trouble_.reason = std::move(expanded.error());
            return false;
        }
        text = std::move(*expanded);
        return true;
    }

    tl::expected<std::string, std::string> value_of(const Reference& reference) {
        switch (reference.kind) {
            case Reference::Kind::target: return std::string(sources_.target);
            case Reference::Kind::location: return std::string(sources_.location);
            case Reference::Kind::secret: return (*sources_.secret)(reference.name);
            case Reference::Kind::save: {
                used_saved_ = true;
                const auto it = sources_.saved->find(reference.name);
                if (it == sources_.saved->end()) {
                    trouble_.saved_missing = true;
                    return tl::unexpected(fmt::format("no earlier step of this run saved '{}'", reference.name));
                }
                return it->second;
            }
            case Reference::Kind::unknown: break;
        }
        return tl::unexpected(fmt::format("'${{{}}}' stands for nothing that is known here", reference.name));
    }

    const ExpansionSources& sources_;
    bool used_saved_ = false;
    ExpansionTrouble trouble_;
};

}  // namespace

tl::expected<ExpandedParameters, ExpansionTrouble> expand_parameters(const schemas::Step& step,
                                                                     const schemas::OperationInfo& info,
                                                                     const ExpansionSources& sources) {
    ExpandedParameters expanded;
    Expander expander(sources);
    for (const auto& [name, written] : step.parameters) {
        if (!holds_reference(written)) {
            continue;
        }
        schemas::Value value = written;
        if (!expander.expand(value)) {
            return tl::unexpected(expander.trouble());
        }
        expanded.values.emplace(name, std::move(value));
    }
    expanded.from_saved = expander.used_saved();
    const auto is_written = [&step](std::string_view name) {
        return std::ranges::any_of(step.parameters, [name](const auto& one) { return one.first == name; });
    };
    if (!info.target_parameter.empty() && !sources.target.empty() && !is_written(info.target_parameter)) {
        expanded.values.emplace(info.target_parameter, std::string(sources.target));
    }
    for (const schemas::Parameter& parameter : info.parameters) {
        const bool by_target = parameter.name == info.target_parameter && !sources.target.empty();
        if (parameter.required && !by_target && !is_written(parameter.name)) {
            return tl::unexpected(ExpansionTrouble{
                fmt::format("{} needs the parameter '{}'{}", info.name, parameter.name,
                            parameter.name == info.target_parameter ? ", or a target that fills it" : ""),
                false});
        }
    }
    return expanded;
}

}  // namespace slimtax::prober
