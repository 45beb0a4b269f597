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
            read_parameters(table_, *info_, saved_names(), has_targets_, step_);
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
            std::string hint = suggestion(*name, names);
            complaints_.error(table_.place_of("do"), fmt::format("unknown operation \"{}\"", shortened(*name, 60)),
                              hint.empty() ? "'slimtax-prober list' names them all" : std::move(hint));
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
            check_saved_name(complaints_, entry);
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
            save.match = read_pattern(complaints_, *match, "match");
        }
        table.finish();
    }

    void read_saved_from(const TomlNode& node, Save& save) {
        save.output = *node.as<std::string>();
        read_source_of_value(complaints_, *info_, node, save.output, save.function);
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
