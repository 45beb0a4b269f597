#include "schemas/toml_document.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

Position position_of(const toml::source_position& position) {
    return {static_cast<int>(position.line), static_cast<int>(position.column)};
}

std::chrono::year_month_day date_of(const toml::date& date) {
    return {std::chrono::year(date.year), std::chrono::month(date.month), std::chrono::day(date.day)};
}

TomlNode::LocalTime time_of(const toml::date_time& value) {
    using namespace std::chrono;
    return local_days(date_of(value.date)) + hours(value.time.hour) + minutes(value.time.minute) +
           seconds(value.time.second) + microseconds(value.time.nanosecond / 1000);
}

TomlNode taken(const toml::node& node);

TomlNode::Table taken(const toml::table& table) {
    TomlNode::Table entries;
    for (const auto& [key, value] : table) {
        entries.push_back({std::string(key.str()), position_of(key.source().begin), taken(value)});
    }
    // toml++ keeps keys in alphabetical order; people remember theirs.
    std::ranges::stable_sort(
        entries, {}, [](const TomlNode::Entry& entry) { return std::pair(entry.key_at.line, entry.key_at.column); });
    return entries;
}

TomlNode taken(const toml::node& node) {
    TomlNode result;
    result.at = position_of(node.source().begin);
    switch (node.type()) {
        case toml::node_type::string: result.value = std::string(node.as_string()->get()); break;
        case toml::node_type::integer: result.value = node.as_integer()->get(); break;
        case toml::node_type::floating_point: result.value = node.as_floating_point()->get(); break;
        case toml::node_type::boolean: result.value = node.as_boolean()->get(); break;
        case toml::node_type::date: result.value = date_of(node.as_date()->get()); break;
        case toml::node_type::date_time: {
            const toml::date_time& value = node.as_date_time()->get();
            if (value.offset) {
                result.value = TomlNode::OtherTime{true};
            } else {
                result.value = time_of(value);
            }
            break;
        }
        case toml::node_type::array: {
            TomlNode::Array items;
            for (const toml::node& item : *node.as_array()) {
                items.push_back(taken(item));
            }
            result.value = std::move(items);
            break;
        }
        case toml::node_type::table: result.value = taken(*node.as_table()); break;
        default: result.value = TomlNode::OtherTime{}; break;
    }
    return result;
}

/// The place of a byte of the whole text.
Position position_at(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const auto line = std::ranges::count(before, '\n') + 1;
    const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    return {static_cast<int>(line), static_cast<int>(count_code_points(before.substr(line_start))) + 1};
}

/// The offset of a place in the whole text.
std::size_t offset_of(std::string_view text, Position at) {
    std::size_t offset = 0;
    for (int line = 1; line < at.line; ++line) {
        const std::size_t end = text.find('\n', offset);
        if (end == std::string_view::npos) {
            return text.size();
        }
        offset = end + 1;
    }
    for (int column = 1; column < at.column && offset < text.size(); ++column) {
        ++offset;
        while (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xc0U) == 0x80U) {
            ++offset;
        }
    }
    return offset;
}

/// How many bytes an escape has, in the file and in the value.
struct Escape {
    std::size_t written;
    std::size_t meant;
};

/// `source` begins with a backslash.
Escape escape_at(std::string_view source) {
    const char letter = source.size() > 1 ? source[1] : '\0';
    if (letter == 'u' || letter == 'U') {
        const std::size_t digits = letter == 'u' ? 4 : 8;
        const unsigned long code = std::stoul(std::string(source.substr(2, digits)), nullptr, 16);
        return {digits + 2, code < 0x80U ? 1U : code < 0x800U ? 2U : code < 0x10000U ? 3U : 4U};
    }
    if (letter == '\n' || letter == '\r' || letter == ' ' || letter == '\t') {  // a line's end that is not meant
        return {std::min(source.size(), source.find_first_not_of(" \t\r\n", 1)), 0};
    }
    return {2, 1};
}

/// A key of more parts than this is none of ours. Each part is a table in a table, and whoever walks them does it by
/// recursion: half a million of them, in a file of a megabyte, would be the end of the stack.
constexpr int most_key_parts = 16;

/// Where the quoted text that begins at `at` ends, in any of its four forms; an open one ends with its line or file.
std::size_t end_of_quoted(std::string_view text, std::size_t at) {
    const char quote = text[at];
    const std::string three(3, quote);
    const bool multiline = text.substr(at, 3) == three;
    for (std::size_t i = at + (multiline ? 3 : 1); i < text.size(); ++i) {
        if (quote == '"' && text[i] == '\\') {
            ++i;
        } else if (multiline ? text.substr(i, 3) == three : text[i] == quote || text[i] == '\n') {
            return i + (multiline ? 3 : 1);
        }
    }
    return text.size();
}

/// The place of a key with too many parts, or npos. Comments and texts are passed over.
std::size_t find_endless_key(std::string_view text) {
    int parts = 1;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (c == '"' || c == '\'') {
            at = end_of_quoted(text, at);
            continue;
        }
        if (c == '#') {
            at = std::min(text.size(), text.find('\n', at));
            continue;
        }
        const bool in_key = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == ' ' ||
                            c == '\t' || c == '.';
        parts = !in_key ? 1 : parts + (c == '.' ? 1 : 0);
        if (parts > most_key_parts) {
            return at;
        }
        ++at;
    }
    return std::string_view::npos;
}

/// What most likely went wrong where the parser only sees that it cannot go on.
std::string hint_for(std::string_view description) {
    const auto has = [description](std::string_view part) { return description.find(part) != std::string_view::npos; };
    if (has("unescaped control characters") || has("end-of-file")) {
        return "is a closing quote or bracket missing?";
    }
    if (has("integer") || has("floating-point") || has("could not determine value type")) {
        return "durations and other texts stand in quotes: every = \"60s\"";
    }
    if (has("escape sequence")) {
        return "write \\\\ for a backslash, or the text in single quotes";
    }
    return has("cannot redefine") ? "it stands further up already" : "";
}

}  // namespace

const TomlNode* TomlNode::find(std::string_view key) const {
    const auto* table = as<Table>();
    if (table == nullptr) {
        return nullptr;
    }
    const auto it = std::ranges::find(*table, key, &Entry::key);
    return it == table->end() ? nullptr : &it->node;
}

std::string_view TomlNode::kind() const {
    constexpr std::array<std::string_view, 9> kinds{"a text",        "an integer", "a number with a fraction",
                                                    "true or false", "a date",     "a date and time",
                                                    "a time of day", "an array",   "a table"};
    if (const auto* other = as<OtherTime>(); other != nullptr && other->has_offset) {
        return "a date and time with a zone";
    }
    return kinds.at(value.index());
}

std::unique_ptr<TomlDocument> TomlDocument::parse(std::string_view text, const std::string& file, Problems& problems) {
    const auto refuse = [&](Position at, std::string message, std::string hint = {}) {
        problems.push_back({Problem::Kind::error, file, at, std::move(message), std::move(hint)});
        return nullptr;
    };
    if (text.size() > largest_file) {
        return refuse(
            {}, fmt::format("the file is larger than {} MiB: this is no definition", largest_file / (1024 * 1024)));
    }
    if (const std::size_t bad = first_invalid_utf8(text); bad != std::string_view::npos) {
        return refuse(position_at(text, bad), "this byte is not UTF-8", "save the file as UTF-8");
    }
    if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
        return refuse(position_at(text, zero), "a NUL byte cannot stand in a TOML file", "is it a text file at all?");
    }
    if (const std::size_t at = find_endless_key(text); at != std::string_view::npos) {
        return refuse(position_at(text, at), fmt::format("this key has more than {} parts", most_key_parts),
                      "the keys of a definition have at most three");
    }
    auto document = std::make_unique<TomlDocument>();
    document->file_ = file;
    document->text_ = text;
    try {
        const toml::table table = toml::parse(text, std::string_view(file));
        document->root_.value = taken(table);
        document->root_.at = {1, 1};
    } catch (const toml::parse_error& error) {
        std::string_view description = error.description();
        description.remove_prefix(description.starts_with("Error ") ? 6 : 0);
        return refuse(position_of(error.source().begin), "not TOML: " + std::string(description),
                      hint_for(description));
    }
    return document;
}

Position TomlDocument::position_in(const TomlNode& string, std::size_t offset) const {
    const std::string_view text = text_;
    std::size_t at = offset_of(text, string.at);
    if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) {
        return string.at;
    }
    const bool escapes = text[at] == '"';
    const bool multiline = text.substr(at, 3) == (escapes ? R"(""")" : "'''");
    at += multiline ? 3 : 1;
    if (multiline) {  // a line's end right after the quotes is not part of the value
        at += text.substr(at).starts_with("\r\n") ? 2 : text.substr(at).starts_with("\n") ? 1 : 0;
    }
    std::size_t passed = 0;
    while (at < text.size()) {
        if (escapes && text[at] == '\\') {
            const Escape escape = escape_at(text.substr(at));
            if (passed + escape.meant > offset) {
                break;
            }
            at += escape.written;
            passed += escape.meant;
        } else if (passed < offset) {
            ++at;
            ++passed;
        } else {
            break;
        }
    }
    return position_at(text, at);
}

bool read_toml_file(const std::string& path, std::string& text, Problems& problems) {
    const auto refuse = [&](const std::string& message) {
        problems.push_back({Problem::Kind::error, path, {}, message, ""});
        return false;
    };
    const auto system_reason = [] { return std::generic_category().message(errno); };
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return refuse("cannot be read: " + system_reason());
    }
    struct Closer {
        int fd;
        ~Closer() { ::close(fd); }
    } const closer{fd};
    struct stat status {};
    if (::fstat(fd, &status) != 0) {
        return refuse("cannot be read: " + system_reason());
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(S_ISDIR(status.st_mode) ? "is a directory, expected a TOML file"
                                              : "is no plain file, expected a TOML file");
    }
    text.clear();
    std::array<char, 65536> buffer{};
    while (text.size() <= TomlDocument::largest_file) {
        const ssize_t count = ::read(fd, buffer.data(), buffer.size());
        if (count < 0) {
            return refuse("cannot be read: " + system_reason());
        }
        if (count == 0) {
            break;
        }
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return true;
}

}  // namespace slimtax::schemas
