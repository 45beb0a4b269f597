#include "schemas/read_settings.hpp"

#include <date/tz.h>

namespace slimtax::schemas {

std::optional<std::string> secret_in(TableReader& table, std::string_view key, const Secrets& secrets, Need need) {
    const auto written = table.text(key, need);
    if (!written) {
        return std::nullopt;
    }
    auto value = secrets.expand_in(*written);
    if (!value) {
        table.complaints().error(table.place_of(key), fmt::format("{}: {}", key, value.error()));
        return std::nullopt;
    }
    if (value->empty()) {
        table.complaints().error(table.place_of(key), fmt::format("'{}' must not be empty", key));
        return std::nullopt;
    }
    if (*value == *written) {
        table.complaints().advice(table.place_of(key), fmt::format("'{}' stands in the file for all to read", key),
                                  fmt::format("write {} = \"${{secret:NAME}}\"", key));
    }
    secrets.redactor().add(*value);
    return std::move(*value);
}

std::optional<std::filesystem::path> existing_file_in(TableReader& table, std::string_view key,
                                                      const std::filesystem::path& base) {
    const auto written = table.text(key);
    if (!written) {
        return std::nullopt;
    }
    const std::filesystem::path path = (base / *written).lexically_normal();
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
        table.complaints().error(table.place_of(key), fmt::format("there is no file {}", path.string()));
    }
    return path;
}

std::optional<std::string> timezone_in(TableReader& table) {
    const auto name = table.text("timezone");
    if (!name) {
        return std::nullopt;
    }
    try {
        static_cast<void>(date::locate_zone(*name));
        return name;
    } catch (const std::runtime_error&) {  // date has no other way to say so
        std::vector<std::string_view> names;
        for (const auto& zone : date::get_tzdb().zones) {
            names.push_back(zone.name());
        }
        const std::string near = nearest_word(*name, names);
        table.complaints().error(table.place_of("timezone"),
                                 fmt::format("there is no time zone \"{}\", expected a name such as "
                                             "\"America/New_York\"",
                                             *name),
                                 near.empty() ? "" : fmt::format("did you mean '{}'?", near));
    }
    return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> tags_in(TableReader& table) {
    std::vector<std::pair<std::string, std::string>> tags;
    const TomlNode* node = table.table("tags");
    if (node == nullptr) {
        return tags;
    }
    for (const TomlNode::Entry& entry : *node->as<TomlNode::Table>()) {
        const auto* value = entry.node.as<std::string>();
        if (value == nullptr) {
            table.complaints().wrong_type(entry.node, fmt::format("a text for the tag '{}'", entry.key));
        } else if (!is_id(entry.key)) {
            table.complaints().error(
                entry.key_at, "a tag's name holds only letters, digits, '-', '_' and '.', and begins with a letter");
        } else {
            tags.emplace_back(entry.key, *value);
        }
    }
    return tags;
}

}  // namespace slimtax::schemas
