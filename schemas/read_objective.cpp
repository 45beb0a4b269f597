// `[[objective]]`.
#include <algorithm>
#include <cmath>
#include <limits>

#include "schemas/definition_draft.hpp"

namespace slimtax::schemas {
namespace {

constexpr std::string_view budget_example = "a budget such as \"50 min per week\"";

/// "any", "majority", "all" or a number of at least 1.
std::optional<Quorum> read_quorum(TableReader& table, std::string_view key, bool with_majority) {
    const std::string expected =
        fmt::format("\"any\", {}\"all\" or a number of at least 1", with_majority ? "\"majority\", " : "");
    const TomlNode* node = table.node(key);
    if (node == nullptr) {
        return std::nullopt;
    }
    if (const auto* number = node->as<std::int64_t>()) {
        if (*number >= 1 && *number <= std::numeric_limits<int>::max()) {
            return Quorum{Quorum::Rule::number, static_cast<int>(*number)};
        }
        table.complaints().error(node->at, fmt::format("expected {} for '{}', found {}", expected, key, *number));
        return std::nullopt;
    }
    const auto* word = node->as<std::string>();
    if (word == nullptr) {
        table.complaints().wrong_type(*node, fmt::format("{} for '{}'", expected, key));
        return std::nullopt;
    }
    if (*word == "any") {
        return Quorum{Quorum::Rule::any, 1};
    }
    if (*word == "all") {
        return Quorum{Quorum::Rule::all, 1};
    }
    if (*word == "majority" && with_majority) {
        return Quorum{Quorum::Rule::majority, 1};
    }
    const std::string near = nearest_word(*word, {"any", with_majority ? "majority" : "all", "all"});
    table.complaints().error(node->at, fmt::format("expected {} for '{}', found \"{}\"", expected, key, *word),
                             near.empty() ? "" : fmt::format("did you mean '{}'?", near));
    return std::nullopt;
}

void read_voters(TableReader& table, Objective& objective) {
    if (const TomlNode* node = table.table("locations")) {
        TableReader locations(table.complaints(), *node, "'locations'");
        objective.agree = read_quorum(locations, "agree", true).value_or(objective.agree);
        objective.exclude_locations = locations.texts("exclude").value_or(std::vector<std::string>{});
        locations.finish();
    }
    if (const TomlNode* node = table.table("targets")) {
        TableReader targets(table.complaints(), *node, "'targets'");
        objective.need = read_quorum(targets, "need", false).value_or(objective.need);
        targets.finish();
    }
}

std::string limits_text(const Band& band) {
    if (!band.up_to) {
        return fmt::format("beyond {}", to_text(band.from.value_or(Duration::zero())));
    }
    return band.from ? fmt::format("from {} to {}", to_text(*band.from), to_text(*band.up_to))
                     : fmt::format("up to {}", to_text(*band.up_to));
}

/// One band by itself; false when it makes no sense.
bool read_band(Complaints& complaints, const TomlNode& node, Band& band) {
    TableReader table(complaints, node, "a band");
    band.from = table.parsed("from", parse_duration, "a duration such as \"8s\"");
    band.up_to = table.duration("up_to");
    band.at_least = table.parsed("at_least", parse_share, "a share such as \"98%\"");
    band.at_most = table.parsed("at_most", parse_share, "a share such as \"5%\"");
    table.finish();
    const auto refuse = [&](Position at, std::string message) {
        complaints.error(at, std::move(message));
        return false;
    };
    if (node.find("from") == nullptr && node.find("up_to") == nullptr) {
        return refuse(node.at, "a band needs 'from', 'up_to' or both, such as { up_to = \"8s\", at_least = \"98%\" }");
    }
    if (node.find("at_least") == nullptr && node.find("at_most") == nullptr) {
        return refuse(node.at, "a band needs 'at_least' or 'at_most', such as { up_to = \"8s\", at_least = \"98%\" }");
    }
    if (band.from && band.up_to && *band.up_to <= *band.from) {
        return refuse(table.place_of("up_to"), fmt::format("this band is empty: it ends at {} but begins at {}",
                                                           to_text(*band.up_to), to_text(*band.from)));
    }
    if (band.at_least && band.at_most && *band.at_least > *band.at_most) {
        return refuse(table.place_of("at_most"), "no share can be at least one figure and at most a smaller one");
    }
    return true;
}

/// The bands together: they must not overlap, nor ask for more than all runs.
void check_bands(Complaints& complaints, const TomlNode& array, const std::vector<Band>& bands,
                 const std::vector<const TomlNode*>& nodes) {
    constexpr double rounding = 1e-9;
    double least = 0;
    for (std::size_t i = 0; i < bands.size(); ++i) {
        least += bands[i].at_least.value_or(0);
        for (std::size_t j = 0; j < i; ++j) {
            const auto from = [](const Band& band) { return band.from.value_or(Duration::zero()); };
            const auto end = [](const Band& band) { return band.up_to.value_or(Duration::max()); };
            if (from(bands[i]) < end(bands[j]) && from(bands[j]) < end(bands[i])) {
                complaints.error(nodes[i]->at, fmt::format("this band ({}) overlaps with another one ({})",
                                                           limits_text(bands[i]), limits_text(bands[j])));
            }
        }
    }
    if (least > 1 + rounding) {
        complaints.error(
            array.at,
            fmt::format("these bands cannot be met: together they ask for at least {:.6g}% of the runs", least * 100));
    }
}

void read_bands(TableReader& table, Objective& objective) {
    const TomlNode* array = table.node("bands");
    if (array == nullptr) {
        return;
    }
    const auto* items = array->as<TomlNode::Array>();
    if (items == nullptr || items->empty()) {
        table.complaints().error(array->at,
                                 fmt::format("expected bands such as [{{ up_to = \"8s\", at_least = \"98%\" }}], "
                                             "found {}",
                                             items == nullptr ? array->kind() : "an empty array"));
        return;
    }
    constexpr std::size_t most_bands = 20;
    if (items->size() > most_bands) {
        table.complaints().error(
            array->at, fmt::format("{} bands are more than anybody can judge: at most {}", items->size(), most_bands));
        return;
    }
    std::vector<const TomlNode*> nodes;
    for (const TomlNode& item : *items) {
        Band band;
        if (item.as<TomlNode::Table>() == nullptr) {
            table.complaints().wrong_type(item, "a band such as { up_to = \"8s\", at_least = \"98%\" }");
        } else if (read_band(table.complaints(), item, band)) {
            objective.bands.push_back(band);
            nodes.push_back(&item);
        }
    }
    check_bands(table.complaints(), *array, objective.bands, nodes);
}

void read_causes(TableReader& table, Objective& objective) {
    const TomlNode* node = table.table("causes");
    if (node == nullptr) {
        return;
    }
    Duration sum{};
    for (const TomlNode::Entry& entry : *node->as<TomlNode::Table>()) {
        const auto* text = entry.node.as<std::string>();
        const auto share = text != nullptr ? parse_duration(*text)
                                           : tl::unexpected(fmt::format("expected a duration such as \"20 min\", "
                                                                        "found {}",
                                                                        entry.node.kind()));
        if (!share) {
            table.complaints().error(entry.node.at, fmt::format("{}: {}", entry.key, share.error()));
            continue;
        }
        sum += *share;
        objective.causes.emplace_back(entry.key, *share);
    }
    if (objective.max_failures) {
        table.complaints().error(node->at, "'causes' splits a budget in minutes: it cannot stand with 'max_failures'");
    } else if (objective.budget && sum > objective.budget->allowance) {
        table.complaints().error(node->at, fmt::format("the causes together have {}, which is more than the budget of "
                                                       "{}",
                                                       to_text(sum), to_text(*objective.budget)));
    }
}

Duration length_of(BudgetPeriod period) {
    constexpr std::array<int, 5> days{1, 7, 28, 90, 365};
    return std::chrono::days(days.at(static_cast<std::size_t>(period)));
}

void read_budget(TableReader& table, Objective& objective) {
    objective.budget = table.parsed("budget", parse_budget, budget_example);
    objective.max_failures = table.parsed("max_failures", parse_failures, "a number such as \"50 per week\"");
    const TomlNode* budget = table.itself().find("budget");
    const TomlNode* failures = table.itself().find("max_failures");
    if (budget != nullptr && failures != nullptr) {
        table.complaints().error(
            std::max(budget->at, failures->at,
                     [](Position a, Position b) { return std::pair(a.line, a.column) < std::pair(b.line, b.column); }),
            fmt::format("{} has both 'budget' and 'max_failures': keep one", table.what()));
    } else if (budget == nullptr && failures == nullptr) {
        table.complaints().error(table.itself().at, fmt::format("{} lacks 'budget' (or 'max_failures'), expected {}",
                                                                table.what(), budget_example));
    }
    if (objective.budget && objective.budget->allowance > length_of(objective.budget->per)) {
        table.complaints().error(
            table.place_of("budget"),
            fmt::format("a budget cannot be longer than its own period: {}", to_text(*objective.budget)));
    }
}

/// Keys that make sense at one level only.
void check_level_keys(TableReader& table, Level level) {
    const auto only = [&](Level where, std::initializer_list<std::string_view> keys) {
        for (const std::string_view key : keys) {
            if (level != where && table.itself().find(key) != nullptr) {
                table.complaints().error(table.place_of(key),
                                         fmt::format("'{}' is for objectives of level {} ({}), but this one is {}", key,
                                                     to_string(where), plain_words(where), to_string(level)));
            }
        }
    };
    only(Level::A3, {"bands", "outage_when", "rate", "mean"});
    only(Level::A4, {"users", "work", "total"});
}

void read_work(TableReader& table, Objective& objective, std::optional<Level> level) {
    objective.users = table.parsed("users", parse_users, "a population such as \"200 active within 15 min\"");
    objective.work = table.parsed("work", parse_work_per_user, "work such as \"30 per user per hour\"");
    objective.total = table.parsed("total", parse_total, "an amount such as \"12000 per hour\"");
    if (level != Level::A4) {
        return;
    }
    const TomlNode& itself = table.itself();
    const bool users = itself.find("users") != nullptr;
    const bool work = itself.find("work") != nullptr;
    if (users != work) {
        table.complaints().error(table.place_of(users ? "users" : "work"),
                                 users ? "'users' needs 'work', such as work = \"30 per user per hour\""
                                       : "'work' needs 'users', such as users = \"200 active within 15 min\"");
    } else if (!work && itself.find("total") == nullptr) {
        table.complaints().error(itself.at, fmt::format("{} says no work to be done: it needs 'users' and 'work', or "
                                                        "'total'",
                                                        table.what()));
    }
}

void read_performance(TableReader& table, Objective& objective) {
    read_bands(table, objective);
    if (const TomlNode* node = table.table("outage_when")) {
        TableReader when(table.complaints(), *node, "'outage_when'");
        objective.below_target_for = when.duration("below_target_for", Need::required);
        when.finish();
    }
    objective.rate = table.parsed("rate", parse_total, "a rate such as \"9000 per hour\"");
    objective.mean = table.duration("mean");
}

void read_objective(Complaints& complaints, const TomlNode& node, Draft& draft) {
    TableReader table(complaints, node, "[[objective]]");
    Objective objective;
    objective.at = node.at;
    const auto id = table.id("id", Need::required);
    if (id) {
        objective.id = *id;
        table.rename(fmt::format("[[objective]] '{}'", *id));
    }
    objective.title = table.text("title").value_or(objective.id);
    const auto level = read_level(table);
    objective.level = level.value_or(Level::A2);
    objective.probes = table.texts("probes").value_or(std::vector<std::string>{});
    read_budget(table, objective);
    objective.recovery = table.duration("recovery");
    read_voters(table, objective);
    read_performance(table, objective);
    read_work(table, objective, level);
    read_causes(table, objective);
    table.finish();
    if (level) {
        check_level_keys(table, *level);
    }
    if (id && draft.definition.find_objective(*id) != nullptr) {
        complaints.error(table.place_of("id"), fmt::format("there is an objective '{}' already, in line {}", *id,
                                                           draft.definition.find_objective(*id)->at.line));
        return;
    }
    if (id && level) {
        draft.definition.objectives.push_back(std::move(objective));
        draft.objective_nodes.push_back(&node);
    }
}

}  // namespace

void read_objectives(TableReader& file, Draft& draft) {
    for (const TomlNode* node : file.tables("objective")) {
        read_objective(file.complaints(), *node, draft);
    }
}

}  // namespace slimtax::schemas
