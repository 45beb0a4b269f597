// What readers of settings and definitions share. For config.cpp, read_mail.cpp and read_service.cpp.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/mail_settings.hpp"
#include "schemas/secrets.hpp"
#include "schemas/toml_reader.hpp"

namespace slimtax::schemas {

/// A text whose `${secret:NAME}` are filled in, known to the redactor from now on. One that stands in the file itself
/// is taken, with advice.
[[nodiscard]] std::optional<std::string> secret_in(TableReader& table, std::string_view key, const Secrets& secrets,
                                                   Need need);

/// A file that must be there, relative to `base`; nothing when there is no such key.
[[nodiscard]] std::optional<std::filesystem::path> existing_file_in(TableReader& table, std::string_view key,
                                                                    const std::filesystem::path& base);

/// The name of a time zone that exists; nothing when there is no key `timezone`, or no such zone.
[[nodiscard]] std::optional<std::string> timezone_in(TableReader& table);

/// The table `tags`: names and texts, in file order.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> tags_in(TableReader& table);

/// One `[[reporter.mail]]`.
[[nodiscard]] MailSettings read_mail(TableReader& table, const Secrets& secrets, const std::filesystem::path& base);

}  // namespace slimtax::schemas
