// Takes values out of a TomlDocument and says what is wrong with them. Each table is read through a TableReader:
// it knows which keys were asked for, so that at the end every other key is unknown.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "schemas/time.hpp"
#include "schemas/toml_document.hpp"
#include "schemas/units.hpp"

namespace slimtax::schemas {

/// The document's problems as they are found, at most `most` of them: nobody reads more.
class Complaints {
public:
    static constexpr int most = 500;

    Complaints(const TomlDocument& document, Problems& problems) : document_(document), problems_(problems) {}

    void error(Position at, std::string message, std::string hint = {});
    void advice(Position at, std::string message, std::string hint = {});

    /// "expected EXPECTED, found a table"
    void wrong_type(const TomlNode& node, std::string_view expected);

    /// "MESSAGE" at the byte `offset` inside a string.
    void error_in(const TomlNode& string, std::size_t offset, std::string message, std::string hint = {});

    /// Whether an error was found so far, in this document.
    [[nodiscard]] bool has_errors() const { return errors_ > 0; }

    [[nodiscard]] const TomlDocument& document() const { return document_; }

private:
    const TomlDocument& document_;
    /// False when there are enough problems already.
    bool add(Problem::Kind kind, Position at, std::string message, std::string hint);

    Problems& problems_;
    int errors_ = 0;
    int found_ = 0;
};

/// "did you mean 'X'?" when a candidate is near, or else "there are A, B and C", or nothing when there are too many.
[[nodiscard]] std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates);

/// "A, B and C"
[[nodiscard]] std::string enumerated(const std::vector<std::string_view>& words, std::string_view last = "and");

/// Whether a text can be an id: letters, digits, '-', '_' and '.', beginning with a letter or a digit; 1 to 100.
[[nodiscard]] bool is_id(std::string_view text);

enum class Need { optional, required };

/// One table, read key by key. A getter returns nothing when the key is missing or its value was wrong; what is
/// wrong has then been said.
class TableReader {
public:
    /// `what` names the table in messages: "[service]", "[[probe]] 'sign-in'".
    TableReader(Complaints& complaints, const TomlNode& table, std::string what);

    /// The value of a key, whatever it is. `example` completes "expected …" when a required key is missing.
    const TomlNode* node(std::string_view key, Need need = Need::optional, std::string_view example = "a value");

    std::optional<std::string> text(std::string_view key, Need need = Need::optional,
                                    std::string_view example = "a text");
    /// A text that is an id.
    std::optional<std::string> id(std::string_view key, Need need = Need::optional);
    std::optional<bool> boolean(std::string_view key);
    /// An integer or a fraction.
    std::optional<double> number(std::string_view key);
    std::optional<Duration> duration(std::string_view key, Need need = Need::optional);
    /// An array of texts without repetitions.
    std::optional<std::vector<std::string>> texts(std::string_view key, Need need = Need::optional);

    /// A text that `parse` understands ("50 min per week"); `example` stands for what is expected.
    template <class T>
    std::optional<T> parsed(std::string_view key, Parsed<T> (*parse)(std::string_view), std::string_view example,
                            Need need = Need::optional) {
        const TomlNode* found = node(key, need, example);
        if (found == nullptr) {
            return std::nullopt;
        }
        const auto* written = found->as<std::string>();
        if (written == nullptr) {
            complaints_.wrong_type(*found, fmt::format("{} for '{}'", example, key));
            return std::nullopt;
        }
        auto value = parse(*written);
        if (!value) {
            complaints_.error(found->at, fmt::format("{}: {}", key, value.error()));
            return std::nullopt;
        }
        return *value;
    }

    /// The table under a key, or null.
    const TomlNode* table(std::string_view key, Need need = Need::optional);
    /// The `[[KEY]]` tables.
    std::vector<const TomlNode*> tables(std::string_view key);

    /// What is to become of keys that nobody asked for.
    enum class Others { unknown, ignored };

    /// To be called last: says which required keys are missing and which keys are unknown. A required key that is
    /// merely misspelt is not missing as well.
    void finish(Others others = Others::unknown);

    /// Where a key's value stands, or the table when it has no such key.
    [[nodiscard]] Position place_of(std::string_view key) const;
    /// Where a text of an array stands; the first of that value.
    [[nodiscard]] Position place_of(std::string_view key, std::string_view item) const;
    [[nodiscard]] const TomlNode& itself() const { return table_; }
    [[nodiscard]] const std::string& what() const { return what_; }
    void rename(std::string what) { what_ = std::move(what); }
    [[nodiscard]] Complaints& complaints() const { return complaints_; }

private:
    Complaints& complaints_;
    const TomlNode& table_;
    std::string what_;
    std::vector<std::string> asked_;
    std::vector<std::pair<std::string, std::string>> missing_;  ///< required keys, each with what was expected
};

}  // namespace slimtax::schemas
