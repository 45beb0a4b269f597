// A TOML file as a plain tree that knows where each key and value stands. toml++ stays behind it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "schemas/problem.hpp"

namespace slimtax::schemas {

/// One value of a TOML file.
struct TomlNode {
    /// A local date and time, without a zone.
    using LocalTime = std::chrono::local_time<std::chrono::microseconds>;
    /// A date or time that no definition takes (`08:30:00`, `2026-11-21T08:30:00Z`): only its kind matters.
    struct OtherTime {
        bool has_offset = false;
    };
    struct Entry;
    using Array = std::vector<TomlNode>;
    using Table = std::vector<Entry>;  ///< in file order

    std::variant<std::string, std::int64_t, double, bool, std::chrono::year_month_day, LocalTime, OtherTime, Array,
                 Table>
        value;
    Position at;  ///< of the value's first character; of a `[table]` its opening bracket

    template <class T>
    [[nodiscard]] const T* as() const {
        return std::get_if<T>(&value);
    }

    /// The member of that name of a table, or null.
    [[nodiscard]] const TomlNode* find(std::string_view key) const;

    /// What it is, for messages: "a text", "an integer", "a table".
    [[nodiscard]] std::string_view kind() const;
};

struct TomlNode::Entry {
    std::string key;
    Position key_at;
    TomlNode node;
};

/// A parsed file with its text, so that a mistake inside a string can be pointed at.
class TomlDocument {
public:
    static constexpr std::size_t largest_file = 1024 * 1024;

    /// The tree of `text`, or the mistake that ends the parsing: a syntax error, a NUL, bytes that are not UTF-8,
    /// a file larger than `largest_file`. `file` is only for messages.
    [[nodiscard]] static std::unique_ptr<TomlDocument> parse(std::string_view text, const std::string& file,
                                                             Problems& problems);

    [[nodiscard]] const TomlNode& root() const { return root_; }
    [[nodiscard]] const std::string& file() const { return file_; }

    /// The place of the byte `offset` of a string's value, escapes and line ends taken into account.
    [[nodiscard]] Position position_in(const TomlNode& string, std::size_t offset) const;

private:
    std::string text_;
    std::string file_;
    TomlNode root_;
};

/// Reads a whole file for `TomlDocument::parse`; a problem without a place when that cannot be.
[[nodiscard]] bool read_toml_file(const std::string& path, std::string& text, Problems& problems);

}  // namespace slimtax::schemas
