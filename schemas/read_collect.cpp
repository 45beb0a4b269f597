// `[[probe.collect]]`: one probe reads, several indicators each take a part (T7). To everyone who counts an
// indicator is a probe like any other; only the scheduler and the script know where its results come from.
#include <algorithm>

#include "schemas/definition_draft.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

class CollectReader {
public:
    CollectReader(Complaints& complaints, const TomlNode& node, const Probe& source, Draft& draft, Catalog catalog)
        : table_(complaints, node, "[[probe.collect]]"),
          complaints_(complaints),
          source_(source),
          draft_(draft),
          catalog_(catalog) {
        probe_.at = node.at;
    }

    /// Nothing when its id or level could not be read; then that has been said.
    std::optional<Probe> read() {
        const auto id = table_.id("id", Need::required);
        if (id) {
            probe_.id = *id;
            table_.rename(fmt::format("[[probe.collect]] '{}'", *id));
        }
        probe_.title = table_.text("title").value_or(probe_.id);
        const auto level = read_level(table_);
        probe_.level = level.value_or(source_.level);
        probe_.layer = source_.layer;
        read_layer(table_, probe_, draft_.definition.service);
        const bool purpose_known = read_purpose(table_, probe_);
        probe_.covers = table_.texts("covers").value_or(source_.covers);
        take_schedule();
        collect_.source = source_.id;
        collect_.counter = table_.boolean("counter").value_or(false);
        check_counter(level);
        collect_.step = table_.text("step").value_or("");
        const TomlNode* value =
            table_.node("value", Need::required, "an output, or a function such as json(\"/queue\")");
        const TomlNode* expect = table_.node("expect");
        const TomlNode* slow_when = table_.node("slow_when");
        if (!catalog_.empty()) {
            find_step();
            read_value(value);
            collect_.expect = condition(expect, "expect");
            collect_.slow_when = condition(slow_when, "slow_when");
        }
        table_.finish();
        draft_.probes_known = draft_.probes_known && id && level && purpose_known;
        if (!id || !level) {
            return std::nullopt;
        }
        probe_.collect = std::move(collect_);
        return std::move(probe_);
    }

private:
    /// Its slots are the source's, at the same targets and locations.
    void take_schedule() {
        probe_.targets = source_.targets;
        probe_.from = source_.from;
        probe_.every = source_.every;
        probe_.timeout = source_.timeout;
        probe_.jitter = source_.jitter;
    }

    void check_counter(std::optional<Level> level) {
        if (!level || (*level == Level::A4) == collect_.counter) {
            return;
        }
        if (collect_.counter) {
            complaints_.error(
                table_.place_of("counter"),
                fmt::format("the growth of a counter is work, which counts at level A4, not {}", to_string(*level)));
        } else {
            complaints_.error(table_.place_of("level"), "an indicator of level A4 counts work",
                              "add counter = true, and as 'value' a number that only grows");
        }
    }

    /// The step named, or else the last that does not merely clean up.
    void find_step() {
        std::vector<std::string_view> labels;
        const Step* found = nullptr;
        for (const Step& step : source_.steps) {
            labels.emplace_back(step.label);
            if (collect_.step.empty() ? !step.always || found == nullptr : step.label == collect_.step) {
                found = &step;
            }
        }
        if (found == nullptr) {
            if (!labels.empty()) {
                complaints_.error(table_.place_of("step"),
                                  fmt::format("probe '{}' has no step '{}'", source_.id, shortened(collect_.step, 60)),
                                  suggestion(collect_.step, labels));
            }
            return;
        }
        collect_.step = found->label;
        if (std::ranges::count(labels, found->label) > 1) {
            complaints_.error(table_.place_of("step"),
                              fmt::format("probe '{}' has several steps '{}'", source_.id, found->label),
                              "give the one that is meant a 'name'");
        }
        info_ = find_operation(catalog_, found->operation);
    }

    void read_value(const TomlNode* node) {
        if (node == nullptr) {
            return;
        }
        const auto* text = node->as<std::string>();
        if (text == nullptr) {
            complaints_.wrong_type(*node, "an output, or a function such as json(\"/queue\"), for 'value'");
            return;
        }
        collect_.value = *text;
        if (info_ != nullptr) {
            read_source_of_value(complaints_, *info_, *node, collect_.value, collect_.function);
        }
    }

    std::optional<Condition> condition(const TomlNode* node, std::string_view key) {
        if (node == nullptr || info_ == nullptr) {
            return std::nullopt;
        }
        const auto* text = node->as<std::string>();
        if (text == nullptr) {
            complaints_.wrong_type(*node, fmt::format("a condition such as \"value < 1000\" for '{}'", key));
            return std::nullopt;
        }
        auto condition = Condition::parse(*text, ConditionScope{info_->outputs, info_, false, "value"});
        if (!condition) {
            complaints_.error_in(*node, condition.error().column, condition.error().message, condition.error().hint);
            return std::nullopt;
        }
        return std::move(*condition);
    }

    TableReader table_;
    Complaints& complaints_;
    const Probe& source_;
    Draft& draft_;
    Catalog catalog_;
    const OperationInfo* info_ = nullptr;
    Probe probe_;
    Collect collect_;
};

}  // namespace

std::vector<std::pair<Probe, const TomlNode*>> read_collects(TableReader& table, const Probe& source, Draft& draft,
                                                             Catalog catalog) {
    std::vector<std::pair<Probe, const TomlNode*>> indicators;
    for (const TomlNode* node : table.tables("collect")) {
        if (source.control) {
            table.complaints().error(node->at, "a control probe feeds no indicators: it watches the prober's own side");
        }
        if (auto indicator = CollectReader(table.complaints(), *node, source, draft, catalog).read()) {
            indicators.emplace_back(std::move(*indicator), node);
        }
    }
    return indicators;
}

}  // namespace slimtax::schemas
