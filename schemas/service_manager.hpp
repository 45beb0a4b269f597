// What both programs tell systemd (Type=notify) over $NOTIFY_SOCKET; see sd_notify(3) for the words. Without it:
// silence.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schemas/time.hpp"

namespace slimtax::schemas {

class ServiceManager {
public:
    /// Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID.
    ServiceManager();
    /// For tests: an address as in $NOTIFY_SOCKET ('@' begins an abstract one).
    explicit ServiceManager(std::string address) : address_(std::move(address)) {}

    void ready() const { send("READY=1"); }
    void reloading() const;
    void stopping() const { send("STOPPING=1"); }
    void alive() const { send("WATCHDOG=1"); }
    /// One line for `systemctl status`.
    void status(std::string_view line) const { send("STATUS=" + std::string(line)); }

    /// How often systemd wants to hear that we are alive, halved as it advises; nothing: never.
    [[nodiscard]] std::optional<Duration> watchdog() const { return watchdog_; }

private:
    void send(std::string_view words) const;

    std::string address_;
    std::optional<Duration> watchdog_;
};

}  // namespace slimtax::schemas
