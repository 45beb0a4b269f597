// `[service]` and `[window]`.
#include <algorithm>
#include <array>

#include "schemas/definition_draft.hpp"
#include "schemas/read_settings.hpp"

namespace slimtax::schemas {
namespace {

constexpr std::array<std::string_view, 5> usual_layers{"platform", "database", "application", "session", "end-to-end"};

bool is_link(std::string_view text) {
    return text.starts_with("https://") || text.starts_with("http://");
}

/// The items of an array of texts, each with its node; other items are complained about.
std::vector<std::pair<const TomlNode*, std::string>> items_of(TableReader& table, std::string_view key,
                                                              std::string_view expected) {
    std::vector<std::pair<const TomlNode*, std::string>> items;
    const TomlNode* node = table.node(key);
    if (node == nullptr) {
        return items;
    }
    const auto* array = node->as<TomlNode::Array>();
    if (array == nullptr) {
        table.complaints().wrong_type(*node, fmt::format("an array for '{}'", key));
        return items;
    }
    for (const TomlNode& item : *array) {
        if (const auto* text = item.as<std::string>()) {
            items.emplace_back(&item, *text);
        } else if (item.as<std::chrono::year_month_day>() != nullptr) {
            items.emplace_back(&item, "");
        } else {
            table.complaints().wrong_type(item, expected);
        }
    }
    return items;
}

void read_open(TableReader& table, Window& window) {
    constexpr std::string_view expected = "opening hours such as \"mon-fri 06:00-24:00\"";
    for (const auto& [node, text] : items_of(table, "open", expected)) {
        const auto hours = parse_hours(text);
        if (!hours) {
            table.complaints().error(node->at, hours.error());
            continue;
        }
        window.open.insert(window.open.end(), hours->begin(), hours->end());
    }
    if (const TomlNode* node = table.itself().find("open");
        node != nullptr && node->as<TomlNode::Array>() != nullptr && node->as<TomlNode::Array>()->empty()) {
        table.complaints().error(node->at, "no opening hours at all: the service would never have to be available",
                                 "omit 'open' for always");
    }
}

std::optional<std::chrono::year_month_day> parse_date(std::string_view text) {
    const auto instant = parse_rfc3339(std::string(text) + "T00:00:00Z");
    if (!instant) {
        return std::nullopt;
    }
    return std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*instant));
}

void read_closed(TableReader& table, Window& window) {
    constexpr std::string_view expected = "a date such as \"2026-12-25\"";
    for (const auto& [node, text] : items_of(table, "closed", expected)) {
        const auto* written = node->as<std::chrono::year_month_day>();
        const auto date = written != nullptr ? std::optional(*written) : parse_date(text);
        if (date) {
            window.closed.push_back(*date);
        } else {
            table.complaints().error(node->at, fmt::format("expected {}, found \"{}\"", expected, text));
        }
    }
}

std::optional<TomlNode::LocalTime> local_time(TableReader& table, std::string_view key, Need need) {
    constexpr std::string_view expected = "a date and time such as 2026-12-06T02:00:00";
    const TomlNode* node = table.node(key, need, expected);
    if (node == nullptr) {
        return std::nullopt;
    }
    if (const auto* value = node->as<TomlNode::LocalTime>()) {
        return *value;
    }
    const auto* other = node->as<TomlNode::OtherTime>();
    const bool has_zone = other != nullptr && other->has_offset;
    table.complaints().error(node->at, fmt::format("expected {} for '{}', found {}", expected, key, node->kind()),
                             has_zone                             ? "leave the zone out: it is the window's"
                             : node->as<std::string>() != nullptr ? "without quotes"
                                                                  : "");
    return std::nullopt;
}

void read_maintenance(Complaints& complaints, const TomlNode& node, Window& window) {
    TableReader table(complaints, node, "[[window.maintenance]]");
    Maintenance work;
    const auto from = local_time(table, "from", Need::required);
    const auto to = local_time(table, "to", Need::required);
    work.why = table.text("why", Need::required, "a reason that users understand").value_or("");
    work.announced = local_time(table, "announced", Need::optional);
    table.finish();
    if (from && to && *to <= *from) {
        complaints.error(table.place_of("to"), "maintenance must end after it begins: 'to' is not later than 'from'");
    }
    if (from && work.announced && *work.announced > *from) {
        complaints.error(table.place_of("announced"),
                         "maintenance must be announced before it begins, or else it is an outage",
                         "of an outage that was announced after all, say so with slimtax-reporter amend --planned");
    }
    if (from && to) {
        work.from = *from;
        work.to = *to;
        window.maintenance.push_back(std::move(work));
    }
}

}  // namespace

void read_service(TableReader& file, Draft& draft) {
    Service& service = draft.definition.service;
    service.layers.assign(usual_layers.begin(), usual_layers.end());
    const TomlNode* node = file.node("service", Need::required, "a table [service] with an id");
    if (node == nullptr) {
        return;
    }
    if (node->as<TomlNode::Table>() == nullptr) {
        file.complaints().wrong_type(*node, "a table [service]");
        return;
    }
    TableReader table(file.complaints(), *node, "[service]");
    service.id = table.id("id", Need::required).value_or("");
    service.at = table.place_of("id");
    service.title = table.text("title").value_or(service.id);
    service.owner = table.text("owner").value_or("");
    service.about = table.text("about").value_or("");
    service.definition = table.text("definition").value_or("");
    if (!service.definition.empty() && !is_link(service.definition)) {
        file.complaints().error(table.place_of("definition"),
                                "expected a link such as \"https://intranet.example/services/im\" for 'definition'");
    }
    service.tags = tags_in(table);
    if (const auto layers = table.texts("layers")) {
        if (layers->empty()) {
            file.complaints().error(table.place_of("layers"), "'layers' must name at least one layer",
                                    "omit it for platform, database, application, session and end-to-end");
        } else {
            service.layers = *layers;
        }
    }
    table.finish();
}

void read_window(TableReader& file, Draft& draft) {
    const TomlNode* node = file.table("window");
    if (node == nullptr) {
        return;
    }
    Window& window = draft.definition.window;
    TableReader table(file.complaints(), *node, "[window]");
    window.timezone = timezone_in(table).value_or(window.timezone);
    read_open(table, window);
    read_closed(table, window);
    for (const TomlNode* work : table.tables("maintenance")) {
        read_maintenance(file.complaints(), *work, window);
    }
    table.finish();
    const bool has_times = !window.open.empty() || !window.closed.empty() || !window.maintenance.empty();
    if (has_times && node->find("timezone") == nullptr && !file.complaints().has_errors()) {
        file.complaints().advice(node->at, "[window] names no 'timezone': its times are taken as UTC");
    }
}

std::optional<Level> read_level(TableReader& table) {
    constexpr std::string_view expected = "a level: \"A0\", \"A1\", \"A2\", \"A3\" or \"A4\"";
    const TomlNode* node = table.node("level", Need::required, expected);
    if (node == nullptr) {
        return std::nullopt;
    }
    const auto* word = node->as<std::string>();
    if (word == nullptr) {
        table.complaints().wrong_type(*node, expected);
        return std::nullopt;
    }
    const auto level = parse_level(*word);
    if (!level) {
        std::string upper = *word;
        std::ranges::replace(upper, 'a', 'A');
        table.complaints().error(node->at, fmt::format("expected {}, found \"{}\"", expected, *word),
                                 parse_level(upper)
                                     ? fmt::format("did you mean '{}'?", upper)
                                     : "A0 exists, A1 works locally, A2 log-in, A3 fast enough, A4 users' work");
    }
    return level;
}

}  // namespace slimtax::schemas
