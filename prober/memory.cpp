#include "prober/memory.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "prober/log.hpp"
#include "prober/spool_files.hpp"

namespace slimtax::prober {
namespace {

const Log& log() {
    static const Log module("memory");
    return module;
}

/// A file name for a series: its parts may hold anything, slashes included. FNV-1a 64, as good as unique; the file
/// names its series, so that even a collision is noticed.
std::string file_name(const schemas::SeriesKey& series) {
    std::uint64_t hash = 14695981039346656037U;
    for (const std::string* part : {&series.service, &series.probe, &series.target, &series.location}) {
        for (const char c : *part + '\0') {
            hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
        }
    }
    return fmt::format("{:016x}.json", hash);
}

}  // namespace

class Memories::OneSeries : public probes::Memory {
public:
    OneSeries(const std::filesystem::path& folder, const schemas::SeriesKey& series)
        : path_(folder / file_name(series)), series_(to_string(series)) {
        load();
    }

    [[nodiscard]] std::optional<std::string> recall(std::string_view name) const override {
        const auto it = values_.find(name);
        return it == values_.end() ? std::nullopt : std::optional(it->second);
    }

    void remember(std::string_view name, std::string value) override {
        values_.insert_or_assign(std::string(name), std::move(value));
        const nlohmann::json file{{"series", series_}, {"values", values_}};
        const std::string text = file.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
        int error = replace_file(path_, text, false);
        if (error == ENOENT) {
            std::error_code ignored;  // the next attempt tells
            std::filesystem::create_directories(path_.parent_path(), ignored);
            error = replace_file(path_, text, false);
        }
        if (error != 0 && error != last_error_) {
            log().error(fmt::format("{}: cannot write {}: {}; a restart would forget what this series remembers",
                                    series_, path_.string(), std::strerror(error)));
        }
        last_error_ = error;
    }

private:
    void load() {
        std::ifstream stream(path_);
        if (!stream) {
            return;  // a new series
        }
        const nlohmann::json file = nlohmann::json::parse(stream, nullptr, false);
        if (!file.is_object() || file.value("series", nlohmann::json()) != series_) {
            log().warn(
                fmt::format("{}: {} is unreadable; this series starts as if it were new", series_, path_.string()));
            return;
        }
        const nlohmann::json values = file.value("values", nlohmann::json::object());
        for (const auto& [name, value] : values.items()) {
            if (value.is_string()) {
                values_.emplace(name, value.get<std::string>());
            }
        }
    }

    std::filesystem::path path_;
    std::string series_;
    std::map<std::string, std::string, std::less<>> values_;
    int last_error_ = 0;
};

Memories::Memories(std::filesystem::path folder) : folder_(std::move(folder)) {}
Memories::~Memories() = default;

probes::Memory& Memories::of(const schemas::SeriesKey& series) {
    auto& memory = series_[series];
    if (!memory) {
        memory = std::make_unique<OneSeries>(folder_, series);
    }
    return *memory;
}

}  // namespace slimtax::prober
