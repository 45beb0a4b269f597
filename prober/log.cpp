#include "prober/log.hpp"

#include <cstdlib>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace slimtax::prober {
namespace {

constexpr std::string_view level_words = "trace, debug, info, warn, error, critical or off";

bool parse_level(const std::string& word, spdlog::level::level_enum& level) {
    level = spdlog::level::from_str(word);
    return level != spdlog::level::off || word == "off";
}

std::shared_ptr<spdlog::logger> logger_of(std::string_view module) {
    const std::string name(module);
    if (auto known = spdlog::get(name)) {
        return known;
    }
    const auto& sinks = spdlog::default_logger()->sinks();
    auto made = std::make_shared<spdlog::logger>(name, sinks.begin(), sinks.end());
    spdlog::initialize_logger(made);
    return made;
}

}  // namespace

Log::Log(std::string_view module) : logger_(logger_of(module)) {}

void Log::debug(std::string_view line) const {
    logger_->debug("{}", line);
}
void Log::info(std::string_view line) const {
    logger_->info("{}", line);
}
void Log::warn(std::string_view line) const {
    logger_->warn("{}", line);
}
void Log::error(std::string_view line) const {
    logger_->error("{}", line);
}
bool Log::debugs() const {
    return logger_->should_log(spdlog::level::debug);
}

std::string set_up_logs(std::string_view levels) {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("prober", std::move(sink)));
    const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    spdlog::set_pattern(journal ? "%l: %n: %v" : "%Y-%m-%dT%H:%M:%S.%f%z %l: %n: %v");
    spdlog::flush_on(spdlog::level::warn);
    for (std::string_view rest = levels; !rest.empty();) {
        const std::size_t comma = rest.find(',');
        const std::string item(rest.substr(0, comma));
        rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
        const std::size_t equals = item.find('=');
        spdlog::level::level_enum level{};
        if (!parse_level(equals == std::string::npos ? item : item.substr(equals + 1), level)) {
            return fmt::format("'{}' is no log level: expected {}, or MODULE=LEVEL", item, level_words);
        }
        if (equals == std::string::npos) {
            spdlog::set_level(level);
        } else {
            logger_of(item.substr(0, equals))->set_level(level);
        }
    }
    return "";
}

}  // namespace slimtax::prober
