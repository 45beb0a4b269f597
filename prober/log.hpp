// Logs: to standard error, one name a module, levels per module.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace slimtax::prober {

/// A module's log ("scheduler", "runs", "prober" …). Cheap to copy; all logs of one name are one.
class Log {
public:
    explicit Log(std::string_view module);

    void debug(std::string_view line) const;
    void info(std::string_view line) const;
    void warn(std::string_view line) const;
    void error(std::string_view line) const;

    /// False: `debug` does nothing, and its line need not be made.
    [[nodiscard]] bool debugs() const;

private:
    std::shared_ptr<spdlog::logger> logger_;
};

/// Sends all logs to standard error; under systemd without stamps, which the journal has anyway. `levels` is
/// "info" or "warn,scheduler=debug,runs=off". Returns what is wrong with it, or "". To be called before any Log is
/// made.
[[nodiscard]] std::string set_up_logs(std::string_view levels);

}  // namespace slimtax::prober
