// `[[probe.step]]`: what every step has, and the parameters that its operation declares.
#include <algorithm>

#include "schemas/definition_draft.hpp"
#include "schemas/expansion.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

/// Reads one step of a script, knowing those before it.
class StepReader {
public:
    StepReader(Complaints& complaints, const TomlNode& node, const Probe& probe, Catalog catalog, std::size_t number,
               bool has_targets)
        : complaints_(complaints),
          table_(complaints, node, fmt::format("step {}", number)),
          probe_(probe),
          catalog_(catalog),
          has_targets_(has_targets) {
        step_.at = node.at;
    }

    std::optional<Step> read() {
        const bool known = read_operation();
        read_label();
        step_.always = table_.boolean("always").value_or(false);
        step_.think = table_.parsed("think", parse_think, "a think time such as \"1s..4s\"");
        read_times();
        read_when();
        if (info_ != nullptr) {
            step_.expect = condition(table_.node("expect"), "expect");
            read_repeat();
            read_save();
            read_parameters();
        }
        table_.finish(known ? TableReader::Others::unknown : TableReader::Others::ignored);
        return known ? std::optional(std::move(step_)) : std::nullopt;
    }

private:
    bool read_operation() {
        const auto name = table_.text("do", Need::required, "an operation such as \"http.get\"");
        if (!name) {
            return false;
        }
        step_.operation = *name;
        info_ = find_operation(catalog_, *name);
        if (info_ == nullptr) {
            std::vector<std::string_view> names;
            for (const OperationInfo* info : catalog_) {
                names.push_back(info->name);
            }
            complaints_.error(table_.place_of("do"), fmt::format("unknown operation \"{}\"", shortened(*name, 60)),
                              suggestion(*name, names));
            return false;
        }
        table_.rename(fmt::format("step {}", *name));
        const auto ran_before =
            std::ranges::any_of(probe_.steps, [this](const Step& step) { return step.operation == info_->after; });
        if (!info_->after.empty() && !ran_before) {
            complaints_.error(table_.place_of("do"),
                              fmt::format("{} needs a step {} before it in the same script", *name, info_->after));
        }
        return true;
    }

    /// An operation may have a parameter `name` of its own (dns.query, process.exists): then that is meant.
    void read_label() {
        step_.label = step_.operation;
        if (info_ != nullptr &&
            std::ranges::find(info_->parameters, "name", &Parameter::name) != info_->parameters.end()) {
            return;
        }
        if (const auto name = table_.text("name")) {
            step_.label = *name;
            if (name->empty()) {
                complaints_.error(table_.place_of("name"), "'name' must not be empty");
            }
        }
    }

    void read_times() {
        step_.timeout = table_.duration("timeout");
        step_.within = table_.duration("within");
        if (probe_.timeout == Duration::zero()) {
            return;
        }
        if (step_.timeout && *step_.timeout > probe_.timeout) {
            complaints_.advice(table_.place_of("timeout"),
                               fmt::format("this step may take {}, but the whole script only {}: the script's timeout "
                                           "comes first",
                                           to_text(*step_.timeout), to_text(probe_.timeout)));
        }
        const Duration limit = std::min(step_.timeout.value_or(probe_.timeout), probe_.timeout);
        if (step_.within && *step_.within >= limit) {
            complaints_.error(table_.place_of("within"),
                              fmt::format("a step can never be slower than 'within' ({}) when it times out after {}",
                                          to_text(*step_.within), to_text(limit)),
                              "shorten 'within' or lengthen 'timeout'");
        }
    }

    /// A condition over what the step left behind.
    std::optional<Condition> condition(const TomlNode* node, std::string_view key) {
        if (node == nullptr || !is_condition(*node, key, "status == 200")) {
            return std::nullopt;
        }
        if (info_->outputs.empty()) {
            complaints_.error(node->at,
                              fmt::format("{} leaves nothing behind that '{}' could look at", info_->name, key));
            return std::nullopt;
        }
        return parsed(*node, ConditionScope{info_->outputs, info_});
    }

    bool is_condition(const TomlNode& node, std::string_view key, std::string_view example) {
        const auto* text = node.as<std::string>();
        if (text == nullptr) {
            complaints_.wrong_type(node, fmt::format("a condition such as '{}' for '{}'", example, key));
            return false;
        }
        if (const std::size_t at = text->find("${"); at != std::string::npos) {
            complaints_.error_in(node, at,
                                 fmt::format("nothing expands in '{}': it is read once, before the script runs", key),
                                 key == "when" ? "write save.NAME, target or location" : "");
            return false;
        }
        return true;
    }

    std::optional<Condition> parsed(const TomlNode& node, const ConditionScope& scope) {
        auto condition = Condition::parse(*node.as<std::string>(), scope);
        if (!condition) {
            complaints_.error_in(node, condition.error().column, condition.error().message, condition.error().hint);
            return std::nullopt;
        }
        return std::move(*condition);
    }

    /// A condition over what there is before the step runs.
    void read_when() {
        const TomlNode* node = table_.node("when");
        if (node == nullptr || !is_condition(*node, "when", "save.kind == \"x\"")) {
            return;
        }
        std::vector<std::string> names;
        for (const std::string& name : saved_names()) {
            names.push_back("save." + name);
        }
        names.emplace_back("location");
        if (has_targets_) {
            names.emplace_back("target");
        }
        std::vector<Output> known;
        for (const std::string& name : names) {
            known.push_back({name, OutputType::text, ""});
        }
        step_.when = parsed(*node, ConditionScope{known, nullptr, true});
    }

    void read_repeat() {
        const TomlNode* node = table_.node("repeat");
        if (node == nullptr) {
            return;
        }
        Repeat repeat;
        if (node->as<TomlNode::Table>() != nullptr) {
            TableReader table(complaints_, *node, "'repeat'");
            if (const TomlNode* times = table.node("times", Need::required, "how often at most")) {
                read_times_of(*times, repeat);
            }
            repeat.every = table.duration("every").value_or(Duration::zero());
            repeat.until = condition(table.node("until"), "until");
            table.finish();
        } else {
            read_times_of(*node, repeat);
        }
        step_.repeat = std::move(repeat);
    }

    void read_times_of(const TomlNode& node, Repeat& repeat) {
        const auto* times = node.as<std::int64_t>();
        if (times == nullptr) {
            complaints_.wrong_type(node,
                                   "a number of times, or { times = 10, every = \"1s\", until = \"…\" } for 'repeat'");
        } else if (*times < 1 || *times > Repeat::most) {
            complaints_.error(node.at, fmt::format("expected a number of times from 1 to {} for 'repeat', found {}",
                                                   Repeat::most, *times));
        } else {
            repeat.times = static_cast<int>(*times);
        }
    }

    void read_save() {
        const TomlNode* node = table_.table("save");
        if (node == nullptr) {
            return;
        }
        for (const TomlNode::Entry& entry : *node->as<TomlNode::Table>()) {
            Save save;
            save.name = entry.key;
            check_saved_name(entry);
            if (entry.node.as<std::string>() != nullptr) {
                read_saved_from(entry.node, save);
            } else if (entry.node.as<TomlNode::Table>() != nullptr) {
                read_detailed_save(entry.node, save);
            } else {
                complaints_.wrong_type(entry.node, "the name of an output, or { from = \"…\", match = '…' }");
            }
            step_.save.push_back(std::move(save));
        }
    }

    void read_detailed_save(const TomlNode& node, Save& save) {
        TableReader table(complaints_, node, "'save'");
        if (table.text("from", Need::required)) {
            read_saved_from(*node.find("from"), save);
        }
        if (const TomlNode* match = table.node("match")) {
            save.match = pattern(*match, "match");
        }
        table.finish();
    }

    void read_saved_from(const TomlNode& node, Save& save) {
        save.output = *node.as<std::string>();
        read_source_of_value(complaints_, *info_, node, save.output, save.function);
    }

    std::optional<Pattern> pattern(const TomlNode& node, std::string_view key) {
        const auto* text = node.as<std::string>();
        if (text == nullptr) {
            complaints_.wrong_type(node, fmt::format("a regular expression for '{}'", key));
            return std::nullopt;
        }
        if (const std::size_t at = text->find("${"); at != std::string::npos) {
            complaints_.error_in(node, at, "nothing expands in a pattern: it is compiled once, before the script runs");
            return std::nullopt;
        }
        auto compiled = Pattern::compile(*text);
        if (!compiled) {
            complaints_.error_in(node, compiled.error().offset,
                                 "the pattern is wrong here: " + compiled.error().message);
            return std::nullopt;
        }
        return *compiled;
    }

    void read_parameters() {
        for (const Parameter& parameter : info_->parameters) {
            const TomlNode* node = table_.node(parameter.name);
            if (node != nullptr) {
                if (auto value = read_value(parameter, *node)) {
                    step_.parameters.emplace(parameter.name, std::move(*value));
                }
                continue;
            }
            const bool filled = parameter.name == info_->target_parameter && has_targets_;
            if (parameter.required && !filled) {
                complaints_.error(step_.at, missing(parameter),
                                  parameter.name == info_->target_parameter ? "or give the probe 'targets'" : "");
            }
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
        const std::vector<std::string> names = saved_names();
        const std::vector<std::string_view> saved(names.begin(), names.end());
        if (std::ranges::find(saved, reference.name) == saved.end()) {
            refuse(fmt::format("no earlier step saves '{}'", reference.name), suggestion(reference.name, saved));
        }
    }

    /// What earlier steps save, by `save` or as `set` does.
    [[nodiscard]] std::vector<std::string> saved_names() const {
        std::vector<std::string> names;
        for (const Step& step : probe_.steps) {
            for (const Save& save : step.save) {
                names.push_back(save.name);
            }
            const OperationInfo* info = find_operation(catalog_, step.operation);
            const auto it = step.parameters.find(info != nullptr ? std::string(info->saves) : "");
            const auto* values = it != step.parameters.end() ? std::get_if<TextMap>(&it->second) : nullptr;
            for (const auto& [name, value] : values != nullptr ? *values : TextMap()) {
                names.push_back(name);
            }
        }
        return names;
    }

    void check_saved_name(const TomlNode::Entry& entry) {
        if (!is_id(entry.key)) {
            complaints_.error(entry.key_at,
                              fmt::format("'{}' cannot be the name of a saved value: letters, digits, '-', '_' and "
                                          "'.' only",
                                          shortened(entry.key, 60)));
        }
    }

    std::optional<Value> read_value(const Parameter& parameter, const TomlNode& node) {
        const auto* text = node.as<std::string>();
        // Everything but a pattern may be computed when the script runs.
        const bool computed = text != nullptr && parameter.type != ParameterType::pattern && !references(*text).empty();
        if (computed && parameter.type != ParameterType::text_list && parameter.type != ParameterType::text_map) {
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
                const auto compiled = pattern(node, parameter.name);
                return compiled ? std::optional<Value>(*compiled) : std::nullopt;
            }
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
        return *text;
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

    std::optional<Value> read_list(const Parameter& parameter, const TomlNode& node) {
        const auto* items = node.as<TomlNode::Array>();
        if (items == nullptr) {
            complaints_.error(
                node.at, fmt::format("expected an array of texts for '{}', found {}", parameter.name, node.kind()),
                node.as<std::string>() != nullptr ? fmt::format("write {} = [\"…\"]", parameter.name) : "");
            return std::nullopt;
        }
        TextList list;
        for (const TomlNode& item : *items) {
            const auto* text = item.as<std::string>();
            if (text == nullptr) {
                complaints_.wrong_type(item, fmt::format("a text in '{}'", parameter.name));
            } else if (check_references(item, *text)) {
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
            if (parameter.name == info_->saves) {
                check_saved_name(entry);
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

    Complaints& complaints_;
    TableReader table_;
    const Probe& probe_;
    Catalog catalog_;
    bool has_targets_;  ///< or would have, were they written rightly
    const OperationInfo* info_ = nullptr;
    Step step_;
};

/// Without a catalogue only the operation's name is taken.
Step unread(const TomlNode& node) {
    Step step;
    step.at = node.at;
    const TomlNode* name = node.find("do");
    if (name != nullptr && name->as<std::string>() != nullptr) {
        step.operation = *name->as<std::string>();
    }
    const TomlNode* label = node.find("name");
    step.label = label != nullptr && label->as<std::string>() != nullptr ? *label->as<std::string>() : step.operation;
    return step;
}

}  // namespace

void read_source_of_value(Complaints& complaints, const OperationInfo& info, const TomlNode& node, std::string& output,
                          std::optional<Extraction>& function) {
    if (!Extraction::is_meant_by(output)) {
        std::vector<std::string_view> names;
        for (const Output& known : info.outputs) {
            names.push_back(known.name);
        }
        if (std::ranges::find(names, output) == names.end()) {
            complaints.error(node.at, fmt::format("{} has no output '{}'", info.name, output),
                             suggestion(output, names));
        }
        return;
    }
    auto parsed = Extraction::parse_whole(output);
    if (!parsed) {
        complaints.error_in(node, parsed.error().column, parsed.error().message, parsed.error().hint);
    } else if (const std::string why = refusal(info, parsed->kind); !why.empty()) {
        complaints.error(node.at, why);
    } else {
        output = parsed->written;
        function = std::move(*parsed);
    }
}

void read_steps(TableReader& table, Probe& probe, Catalog catalog) {
    const std::vector<const TomlNode*> nodes = table.tables("step");
    if (table.itself().find("step") == nullptr) {
        table.complaints().error(table.itself().at, fmt::format("{} lacks a [[probe.step]]", table.what()));
    }
    const bool has_targets = table.itself().find("targets") != nullptr;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (catalog.empty()) {
            probe.steps.push_back(unread(*nodes[i]));
        } else if (auto step = StepReader(table.complaints(), *nodes[i], probe, catalog, i + 1, has_targets).read()) {
            probe.steps.push_back(std::move(*step));
        }
    }
}

}  // namespace slimtax::schemas
