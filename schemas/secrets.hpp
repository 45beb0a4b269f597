// Secrets: where their values come from, and how they are kept out of everything that is written.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace slimtax::schemas {

/// Replaces the values of secrets in texts, also where they stand percent-encoded, in Base64 or with JSON's escapes.
/// Usable from several threads at once.
class Redactor {
public:
    /// From now on `value` is a secret. An empty one is ignored.
    void add(std::string_view value);

    /// The text with "[secret]" for every secret in it.
    [[nodiscard]] std::string redact(std::string_view text) const;

private:
    mutable std::mutex mutex_;
    std::vector<std::string> values_;  ///< in all their forms, the longest first
};

/// Looks secrets up by name, anew each time, so that a changed file counts at once: first in the environment
/// variable SLIMTAX_SECRET_NAME (upper case, `-` and `.` become `_`), then in the systemd credential
/// $CREDENTIALS_DIRECTORY/NAME, then in the file DIRECTORY/NAME, which others must not be able to read. Of a
/// file's text one newline at the end is dropped.
class Secrets {
public:
    using Environment = std::function<std::optional<std::string>(const std::string& variable)>;

    /// Without a directory files are not looked at. `environment` is the process's own unless a test gives another.
    explicit Secrets(std::optional<std::filesystem::path> directory = std::nullopt, Environment environment = {});

    /// The value, which `redactor()` knows from now on; or a sentence that says where it was looked for.
    [[nodiscard]] tl::expected<std::string, std::string> find(const std::string& name) const;

    /// The text with its `${secret:NAME}` replaced; any other `${...}` is an error here. For configurations.
    [[nodiscard]] tl::expected<std::string, std::string> expand_in(std::string_view text) const;

    [[nodiscard]] Redactor& redactor() const { return redactor_; }

private:
    std::optional<std::filesystem::path> directory_;
    Environment environment_;
    mutable Redactor redactor_;
};

}  // namespace slimtax::schemas
