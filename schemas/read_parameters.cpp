// The parameters that a step's operation declares.
#include <algorithm>

#include "schemas/definition_draft.hpp"
#include "schemas/expansion.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

/// The parameters that could be read.
class Written : public WrittenParameters {
public:
    explicit Written(const Step& step) : parameters_(step.parameters) {}

    [[nodiscard]] bool has(std::string_view name) const override {
        return parameters_.find(std::string(name)) != parameters_.end();
    }
    [[nodiscard]] std::optional<std::string> text(std::string_view name) const override {
        const auto it = parameters_.find(std::string(name));
        const auto* text = it == parameters_.end() ? nullptr : std::get_if<std::string>(&it->second);
        return text == nullptr || !references(*text).empty() ? std::nullopt : std::optional(*text);
    }
    [[nodiscard]] std::size_t items(std::string_view name) const override {
        const auto it = parameters_.find(std::string(name));
        if (it == parameters_.end()) {
            return 0;
        }
        const auto* texts = std::get_if<TextList>(&it->second);
        const auto* patterns = std::get_if<PatternList>(&it->second);
        return texts != nullptr ? texts->size() : patterns != nullptr ? patterns->size() : 0;
    }

private:
    const std::map<std::string, Value>& parameters_;
};

class ParameterReader {
public:
    ParameterReader(TableReader& table, const OperationInfo& info, const std::vector<std::string>& saved,
                    bool has_targets, Step& step)
        : table_(table),
          complaints_(table.complaints()),
          info_(info),
          saved_(saved),
          has_targets_(has_targets),
          step_(step) {}

    void read() {
        bool all_good = true;
        for (const Parameter& parameter : info_.parameters) {
            const TomlNode* node = table_.node(parameter.name);
            if (node != nullptr) {
                if (auto value = read_value(parameter, *node)) {
                    step_.parameters.emplace(parameter.name, std::move(*value));
                } else {
                    all_good = false;
                }
                continue;
            }
            const bool filled = parameter.name == info_.target_parameter && has_targets_;
            if (parameter.required && !filled) {
                complaints_.error(step_.at, missing(parameter),
                                  parameter.name == info_.target_parameter ? "or give the probe 'targets'" : "");
            }
        }
        for (const Alternatives& alternatives : info_.alternatives) {
            check(alternatives);
        }
        if (all_good && info_.contradiction != nullptr) {
            if (std::string wrong = info_.contradiction(Written(step_)); !wrong.empty()) {
                complaints_.error(step_.at, fmt::format("{}: {}", table_.what(), wrong));
            }
        }
    }

private:
    void check(const Alternatives& alternatives) {
        using HowMany = Alternatives::HowMany;
        std::vector<std::string> all;
        std::vector<std::string> written;
        const TomlNode* last = nullptr;
        for (const std::string_view name : alternatives.names) {
            all.push_back(fmt::format("'{}'", name));
            if (const TomlNode* node = table_.node(name)) {
                written.push_back(all.back());
                last = node;
            }
        }
        if (written.size() > 1 && alternatives.allowed != HowMany::at_least_one) {
            complaints_.error(last->at, fmt::format("{} has {}, which exclude each other", table_.what(),
                                                    enumerated({written.begin(), written.end()}, "and")));
        }
        if (written.empty() && alternatives.allowed != HowMany::at_most_one) {
            complaints_.error(step_.at,
                              fmt::format("{} lacks {}", table_.what(), enumerated({all.begin(), all.end()}, "or")));
        }
    }

    [[nodiscard]] std::string missing(const Parameter& parameter) const {
        std::string text = fmt::format("{} lacks '{}'", table_.what(), parameter.name);
        if (!parameter.example.empty()) {
            text += fmt::format(", expected something like {} = {}", parameter.name, parameter.example);
        }
        return text;
    }

    /// Checks the `${...}` of a text; false when one of them cannot be.
    bool check_references(const TomlNode& node, std::string_view text) {
        bool good = true;
        for (const Reference& reference : references(text)) {
            const auto refuse = [&](std::string message, std::string hint = {}) {
                complaints_.error_in(node, reference.offset, std::move(message), std::move(hint));
                good = false;
            };
            switch (reference.kind) {
                case Reference::Kind::unknown:
                    if (!reference.closed) {
                        refuse("the '}' of this reference is missing", "write $${ for a plain ${");
                    } else {
                        refuse(fmt::format("unknown reference ${{{}}}", shortened(reference.name, 60)),
                               suggestion(reference.name, {"target", "location", "save.NAME", "secret:NAME"}));
                    }
                    break;
                case Reference::Kind::target:
                    if (!has_targets_) {
                        refuse("${target} stands for nothing: the probe has no 'targets'");
                    }
                    break;
                case Reference::Kind::save: check_saved(reference, refuse); break;
                case Reference::Kind::location:
                case Reference::Kind::secret: break;
            }
        }
        return good;
    }

    template <class Refuse>
    void check_saved(const Reference& reference, const Refuse& refuse) {
        const std::vector<std::string_view> saved(saved_.begin(), saved_.end());
        if (std::ranges::find(saved, reference.name) == saved.end()) {
            refuse(fmt::format("no earlier step saves '{}'", reference.name), suggestion(reference.name, saved));
        }
    }

    std::optional<Value> read_value(const Parameter& parameter, const TomlNode& node) {
        const auto* text = node.as<std::string>();
        // Everything but a pattern may be computed when the script runs.
        const bool single = parameter.type != ParameterType::pattern && parameter.type != ParameterType::pattern_list &&
                            parameter.type != ParameterType::text_list && parameter.type != ParameterType::text_map;
        if (single && text != nullptr && !references(*text).empty()) {
            return check_references(node, *text) ? std::optional<Value>(*text) : std::nullopt;
        }
        switch (parameter.type) {
            case ParameterType::text: return read_text(parameter, node);
            case ParameterType::integer: return read_integer(parameter, node);
            case ParameterType::boolean:
                if (const auto* flag = node.as<bool>()) {
                    return *flag;
                }
                complaints_.wrong_type(node, fmt::format("true or false for '{}'", parameter.name));
                return std::nullopt;
            case ParameterType::duration: return read_duration(parameter, node);
            case ParameterType::text_list: return read_list(parameter, node);
            case ParameterType::text_map: return read_map(parameter, node);
            case ParameterType::pattern: {
                const auto compiled = read_pattern(complaints_, node, parameter.name);
                return compiled ? std::optional<Value>(*compiled) : std::nullopt;
            }
            case ParameterType::pattern_list: return read_patterns(parameter, node);
            case ParameterType::choice: return read_choice(parameter, node);
        }
        return std::nullopt;
    }

    std::optional<Value> read_text(const Parameter& parameter, const TomlNode& node) {
        const auto* text = node.as<std::string>();
        if (text == nullptr) {
            complaints_.wrong_type(node, fmt::format("a text for '{}'", parameter.name));
            return std::nullopt;
        }
        if (text->empty() && parameter.required) {
            complaints_.error(node.at, fmt::format("'{}' must not be empty", parameter.name));
            return std::nullopt;
        }
        advise_on_secret(parameter, node, *text);
        return is_flawless(parameter, node, *text) ? std::optional<Value>(*text) : std::nullopt;
    }

    /// A password in the file is read by all who read the file.
    void advise_on_secret(const Parameter& parameter, const TomlNode& node, const std::string& text) {
        constexpr std::string_view mark = "${secret:";
        const bool secret = parameter.help.find(mark) != std::string_view::npos ||
                            parameter.example.find(mark) != std::string_view::npos;
        if (secret && !text.empty()) {
            complaints_.advice(node.at, fmt::format("'{}' stands in the file for all to read", parameter.name),
                               "write ${secret:NAME}, and give its value to the probers");
        }
    }

    /// What the operation itself finds wrong with a text; one with a reference it sees when the step runs.
    bool is_flawless(const Parameter& parameter, const TomlNode& node, const std::string& text) {
        if (parameter.flaw == nullptr || !references(text).empty()) {
            return true;
        }
        const std::string flaw = parameter.flaw(text);
        if (!flaw.empty()) {
            complaints_.error(node.at, fmt::format("{}: {}", parameter.name, flaw));
        }
        return flaw.empty();
    }

    std::optional<Value> read_integer(const Parameter& parameter, const TomlNode& node) {
        const auto* number = node.as<std::int64_t>();
        if (number == nullptr) {
            complaints_.wrong_type(node, fmt::format("a whole number for '{}'", parameter.name));
            return std::nullopt;
        }
        if (parameter.least != parameter.most && (*number < parameter.least || *number > parameter.most)) {
            complaints_.error(node.at, fmt::format("expected a number from {} to {} for '{}', found {}",
                                                   parameter.least, parameter.most, parameter.name, *number));
            return std::nullopt;
        }
        return *number;
    }

    std::optional<Value> read_duration(const Parameter& parameter, const TomlNode& node) {
        const auto* text = node.as<std::string>();
        if (text == nullptr) {
            complaints_.wrong_type(node, fmt::format("a duration such as \"10s\" for '{}'", parameter.name));
            return std::nullopt;
        }
        const auto duration = parse_duration(*text);
        if (!duration) {
            complaints_.error(node.at, fmt::format("{}: {}", parameter.name, duration.error()));
            return std::nullopt;
        }
        return *duration;
    }

    /// The array's elements, or null after a complaint.
    const TomlNode::Array* items_of(const Parameter& parameter, std::string_view of_what, const TomlNode& node) {
        const auto* items = node.as<TomlNode::Array>();
        if (items == nullptr) {
            complaints_.error(
                node.at,
                fmt::format("expected an array of {} for '{}', found {}", of_what, parameter.name, node.kind()),
                node.as<std::string>() != nullptr ? fmt::format("write {} = [\"…\"]", parameter.name) : "");
        }
        return items;
    }

    std::optional<Value> read_patterns(const Parameter& parameter, const TomlNode& node) {
        const auto* items = items_of(parameter, "patterns", node);
        if (items == nullptr) {
            return std::nullopt;
        }
        PatternList list;
        for (const TomlNode& item : *items) {
            if (auto pattern = read_pattern(complaints_, item, parameter.name)) {
                list.push_back(std::move(*pattern));
            }
        }
        return list.size() == items->size() ? std::optional<Value>(std::move(list)) : std::nullopt;
    }

    std::optional<Value> read_list(const Parameter& parameter, const TomlNode& node) {
        const auto* items = items_of(parameter, "texts", node);
        if (items == nullptr) {
            return std::nullopt;
        }
        TextList list;
        for (const TomlNode& item : *items) {
            const auto* text = item.as<std::string>();
            if (text == nullptr) {
                complaints_.wrong_type(item, fmt::format("a text in '{}'", parameter.name));
            } else if (check_references(item, *text) && is_flawless(parameter, item, *text)) {
                list.push_back(*text);
            }
        }
        if (items->empty() && parameter.required) {
            complaints_.error(node.at, fmt::format("'{}' must not be empty", parameter.name));
            return std::nullopt;
        }
        return list.size() == items->size() ? std::optional<Value>(std::move(list)) : std::nullopt;
    }

    std::optional<Value> read_map(const Parameter& parameter, const TomlNode& node) {
        const auto* entries = node.as<TomlNode::Table>();
        if (entries == nullptr) {
            complaints_.wrong_type(node, fmt::format("a table of texts for '{}'", parameter.name));
            return std::nullopt;
        }
        TextMap map;
        for (const TomlNode::Entry& entry : *entries) {
            const auto* text = entry.node.as<std::string>();
            if (parameter.name == info_.saves) {
                check_saved_name(complaints_, entry);
            }
            if (text == nullptr) {
                complaints_.wrong_type(entry.node, fmt::format("a text for '{}' in '{}'", entry.key, parameter.name));
            } else if (check_references(entry.node, *text)) {
                map.emplace_back(entry.key, *text);
            }
        }
        return map.size() == entries->size() ? std::optional<Value>(std::move(map)) : std::nullopt;
    }

    std::optional<Value> read_choice(const Parameter& parameter, const TomlNode& node) {
        const std::vector<std::string_view> choices(parameter.choices.begin(), parameter.choices.end());
        std::vector<std::string> quoted;
        std::ranges::transform(choices, std::back_inserter(quoted),
                               [](std::string_view choice) { return fmt::format("\"{}\"", choice); });
        const std::string expected =
            fmt::format("{} for '{}'", enumerated({quoted.begin(), quoted.end()}, "or"), parameter.name);
        const auto* text = node.as<std::string>();
        if (text == nullptr) {
            complaints_.wrong_type(node, expected);
            return std::nullopt;
        }
        if (std::ranges::find(choices, *text) == choices.end()) {
            const std::string near = nearest_word(*text, choices);
            complaints_.error(node.at, fmt::format("expected {}, found \"{}\"", expected, shortened(*text, 60)),
                              near.empty() ? "" : fmt::format("did you mean '{}'?", near));
            return std::nullopt;
        }
        return *text;
    }

    TableReader& table_;
    Complaints& complaints_;
    const OperationInfo& info_;
    const std::vector<std::string>& saved_;
    bool has_targets_;
    Step& step_;
};

}  // namespace

std::optional<Pattern> read_pattern(Complaints& complaints, const TomlNode& node, std::string_view key) {
    const auto* text = node.as<std::string>();
    if (text == nullptr) {
        complaints.wrong_type(node, fmt::format("a regular expression for '{}'", key));
        return std::nullopt;
    }
    if (const std::size_t at = text->find("${"); at != std::string::npos) {
        complaints.error_in(node, at, "nothing expands in a pattern: it is compiled once, before the script runs");
        return std::nullopt;
    }
    auto compiled = Pattern::compile(*text);
    if (!compiled) {
        complaints.error_in(node, compiled.error().offset, "the pattern is wrong here: " + compiled.error().message);
        return std::nullopt;
    }
    return *compiled;
}

void check_saved_name(Complaints& complaints, const TomlNode::Entry& entry) {
    if (!is_id(entry.key)) {
        complaints.error(entry.key_at,
                         fmt::format("'{}' cannot be the name of a saved value: letters, digits, '-', '_' and "
                                     "'.' only",
                                     shortened(entry.key, 60)));
    }
}

void read_parameters(TableReader& table, const OperationInfo& info, const std::vector<std::string>& saved,
                     bool has_targets, Step& step) {
    ParameterReader(table, info, saved, has_targets, step).read();
}

}  // namespace slimtax::schemas
