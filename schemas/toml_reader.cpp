#include "schemas/toml_reader.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

constexpr std::size_t longest_text = 16 * 1024;
constexpr std::size_t longest_message = 2000;

// What people call a key who come from other tools, and what it is called here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 26> other_names{{
    {"interval", "every"},       {"frequency", "every"}, {"period", "every"},    {"schedule", "every"},
    {"host", "targets"},         {"hosts", "targets"},   {"servers", "targets"}, {"server", "targets"},
    {"location", "from"},        {"locations", "from"},  {"name", "id"},         {"description", "about"},
    {"url", "definition"},       {"link", "definition"}, {"tz", "timezone"},     {"hours", "open"},
    {"holidays", "closed"},      {"operation", "do"},    {"action", "do"},       {"assert", "expect"},
    {"steps", "step"},           {"finally", "always"},  {"rto", "recovery"},    {"slo", "budget"},
    {"downtime", "maintenance"}, {"pause", "think"},
}};

std::string quoted(std::string_view word) {
    constexpr std::size_t most_shown = 60;
    return "'" + shortened(word, most_shown) + "'";
}

/// Top-level tables are written in brackets: their authors know them as tables.
std::string_view kind_of_key(const TomlNode::Entry& entry) {
    const auto* items = entry.node.as<TomlNode::Array>();
    const bool tables = items != nullptr && !items->empty() && items->front().as<TomlNode::Table>() != nullptr;
    return tables || entry.node.as<TomlNode::Table>() != nullptr ? "table" : "key";
}

}  // namespace

bool Complaints::add(Problem::Kind kind, Position at, std::string message, std::string hint) {
    ++found_;
    if (found_ == most) {
        message = fmt::format("there are {} problems or more: those after this line are not looked at", most);
        hint.clear();
    }
    if (found_ <= most) {
        // What is quoted from the file is shortened where it is quoted; this is for what slipped through.
        problems_.push_back({kind, document_.file(), at, shortened(message, longest_message), std::move(hint)});
    }
    return found_ <= most;
}

void Complaints::error(Position at, std::string message, std::string hint) {
    ++errors_;
    add(Problem::Kind::error, at, std::move(message), std::move(hint));
}

void Complaints::advice(Position at, std::string message, std::string hint) {
    add(Problem::Kind::advice, at, std::move(message), std::move(hint));
}

void Complaints::wrong_type(const TomlNode& node, std::string_view expected) {
    error(node.at, fmt::format("expected {}, found {}", expected, node.kind()));
}

void Complaints::error_in(const TomlNode& string, std::size_t offset, std::string message, std::string hint) {
    // Finding a place means counting lines from the start: not for problems that nobody will see.
    const Position at = found_ < most ? document_.position_in(string, offset) : string.at;
    error(at, std::move(message), std::move(hint));
}

std::string enumerated(const std::vector<std::string_view>& words, std::string_view last) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) {
            text += i + 1 == words.size() ? fmt::format(" {} ", last) : std::string(", ");
        }
        text += words[i];
    }
    return text;
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
    if (const std::string near = nearest_word(word, candidates); !near.empty()) {
        return fmt::format("did you mean {}?", quoted(near));
    }
    constexpr std::size_t most_listed = 30;
    if (candidates.empty() || candidates.size() > most_listed) {
        return {};
    }
    return (candidates.size() == 1 ? "there is only " : "there are ") + enumerated(candidates);
}

bool is_id(std::string_view text) {
    constexpr std::size_t longest = 100;
    const auto letter_or_digit = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    };
    return !text.empty() && text.size() <= longest && letter_or_digit(text.front()) &&
           std::ranges::all_of(text, [&](char c) { return letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
}

TableReader::TableReader(Complaints& complaints, const TomlNode& table, std::string what)
    : complaints_(complaints), table_(table), what_(std::move(what)) {}

const TomlNode* TableReader::node(std::string_view key, Need need, std::string_view example) {
    if (std::ranges::find(asked_, key) == asked_.end()) {
        asked_.emplace_back(key);
    }
    const TomlNode* found = table_.find(key);
    if (found == nullptr && need == Need::required) {
        missing_.emplace_back(key, example);
    }
    return found;
}

std::optional<std::string> TableReader::text(std::string_view key, Need need, std::string_view example) {
    const TomlNode* found = node(key, need, example);
    if (found == nullptr) {
        return std::nullopt;
    }
    const auto* value = found->as<std::string>();
    if (value == nullptr) {
        complaints_.wrong_type(*found, fmt::format("a text for '{}'", key));
        return std::nullopt;
    }
    if (need == Need::required && value->empty()) {
        complaints_.error(found->at, fmt::format("'{}' must not be empty", key));
        return std::nullopt;
    }
    if (value->size() > longest_text) {
        complaints_.error(found->at, fmt::format("'{}' is longer than {} bytes", key, longest_text));
        return std::nullopt;
    }
    return *value;
}

std::optional<std::string> TableReader::id(std::string_view key, Need need) {
    const TomlNode* found = node(key, need, "an id such as \"campus-im\"");
    if (found == nullptr) {
        return std::nullopt;
    }
    const auto* value = found->as<std::string>();
    if (value == nullptr) {
        complaints_.wrong_type(*found, fmt::format("an id for '{}'", key));
        return std::nullopt;
    }
    if (!is_id(*value)) {
        complaints_.error(found->at, fmt::format("{} cannot be an id: it begins with a letter or a digit, and holds "
                                                 "only letters, digits, '-', '_' and '.'",
                                                 quoted(*value)));
        return std::nullopt;
    }
    return *value;
}

std::optional<bool> TableReader::boolean(std::string_view key) {
    const TomlNode* found = node(key);
    if (found == nullptr) {
        return std::nullopt;
    }
    const auto* value = found->as<bool>();
    if (value == nullptr) {
        complaints_.wrong_type(*found, fmt::format("true or false for '{}'", key));
        return std::nullopt;
    }
    return *value;
}

std::optional<double> TableReader::number(std::string_view key) {
    const TomlNode* found = node(key);
    if (found == nullptr) {
        return std::nullopt;
    }
    if (const auto* integer = found->as<std::int64_t>()) {
        return static_cast<double>(*integer);
    }
    const auto* value = found->as<double>();
    if (value == nullptr) {
        complaints_.wrong_type(*found, fmt::format("a number for '{}'", key));
        return std::nullopt;
    }
    return *value;
}

std::optional<Duration> TableReader::duration(std::string_view key, Need need) {
    const auto value = parsed(key, parse_duration, "a duration such as \"30s\" or \"15 min\"", need);
    if (value && *value == Duration::zero()) {
        complaints_.error(place_of(key), fmt::format("'{}' must be longer than nothing", key));
        return std::nullopt;
    }
    return value;
}

std::optional<std::vector<std::string>> TableReader::texts(std::string_view key, Need need) {
    const TomlNode* found = node(key, need, "an array of texts");
    if (found == nullptr) {
        return std::nullopt;
    }
    const auto* items = found->as<TomlNode::Array>();
    if (items == nullptr) {
        complaints_.error(found->at, fmt::format("expected an array of texts for '{}', found {}", key, found->kind()),
                          found->as<std::string>() != nullptr ? fmt::format("write {} = [\"…\"]", key) : "");
        return std::nullopt;
    }
    std::vector<std::string> values;
    std::set<std::string_view> seen;
    bool good = true;
    for (const TomlNode& item : *items) {
        const auto* value = item.as<std::string>();
        if (value == nullptr) {
            complaints_.wrong_type(item, fmt::format("a text in '{}'", key));
            good = false;
        } else if (value->empty()) {
            complaints_.error(item.at, fmt::format("a text in '{}' must not be empty", key));
            good = false;
        } else if (!seen.insert(*value).second) {
            complaints_.error(item.at, fmt::format("{} stands twice in '{}'", quoted(*value), key));
            good = false;
        } else {
            values.push_back(*value);
        }
    }
    return good ? std::optional(std::move(values)) : std::nullopt;
}

const TomlNode* TableReader::table(std::string_view key, Need need) {
    const TomlNode* found = node(key, need, "a table");
    if (found != nullptr && found->as<TomlNode::Table>() == nullptr) {
        complaints_.wrong_type(*found, fmt::format("a table for '{}'", key));
        return nullptr;
    }
    return found;
}

std::vector<const TomlNode*> TableReader::tables(std::string_view key) {
    std::vector<const TomlNode*> found;
    const TomlNode* all = node(key);
    if (all == nullptr) {
        return found;
    }
    const auto* items = all->as<TomlNode::Array>();
    if (items == nullptr) {
        complaints_.error(
            all->at, fmt::format("expected [[{}]], found {}", key, all->kind()),
            all->as<TomlNode::Table>() != nullptr ? "two brackets on each side: there can be several" : "");
        return found;
    }
    for (const TomlNode& item : *items) {
        if (item.as<TomlNode::Table>() != nullptr) {
            found.push_back(&item);
        } else {
            complaints_.wrong_type(item, fmt::format("a [[{}]] table", key));
        }
    }
    return found;
}

void TableReader::finish(Others others) {
    const std::vector<std::string_view> known(asked_.begin(), asked_.end());
    const auto is_known = [&known](std::string_view key) { return std::ranges::find(known, key) != known.end(); };
    std::vector<std::string> meant;  // the known words that unknown ones are taken for
    const auto* entries = table_.as<TomlNode::Table>();
    for (const TomlNode::Entry& entry : entries != nullptr ? *entries : TomlNode::Table{}) {
        if (is_known(entry.key)) {
            continue;
        }
        const auto other = std::ranges::find(other_names, entry.key, &decltype(other_names)::value_type::first);
        const bool has_other_name = other != other_names.end() && is_known(other->second);
        meant.push_back(has_other_name ? std::string(other->second) : nearest_word(entry.key, known));
        if (others == Others::unknown) {
            complaints_.error(
                entry.key_at, fmt::format("unknown {} {} in {}", kind_of_key(entry), quoted(entry.key), what_),
                has_other_name ? fmt::format("it is called '{}' here", other->second) : suggestion(entry.key, known));
        }
    }
    for (const auto& [key, expected] : missing_) {
        if (others == Others::ignored || std::ranges::find(meant, key) == meant.end()) {
            complaints_.error(table_.at, fmt::format("{} lacks '{}', expected {}", what_, key, expected));
        }
    }
}

Position TableReader::place_of(std::string_view key, std::string_view item) const {
    const TomlNode* found = table_.find(key);
    const auto* items = found != nullptr ? found->as<TomlNode::Array>() : nullptr;
    for (const TomlNode& node : items != nullptr ? *items : TomlNode::Array{}) {
        if (const auto* text = node.as<std::string>(); text != nullptr && *text == item) {
            return node.at;
        }
    }
    return place_of(key);
}

Position TableReader::place_of(std::string_view key) const {
    const TomlNode* found = table_.find(key);
    return found != nullptr ? found->at : table_.at;
}

}  // namespace slimtax::schemas
