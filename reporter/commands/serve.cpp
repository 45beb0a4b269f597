#include <pthread.h>
#include <csignal>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>
#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"
#include "reporter/commands/workplace.hpp"
#include "reporter/daemon.hpp"

namespace slimtax::reporter {
namespace {

/// The signals that the daemon answers to, blocked in every thread and taken by the main one alone.
sigset_t wanted_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        sigaddset(&set, signal);
    }
    return set;
}

int serve(const std::filesystem::path& config) {
    spdlog::set_default_logger(spdlog::stderr_logger_mt("reporter"));
    const sigset_t signals = wanted_signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    auto daemon = Daemon::start(config);
    if (!daemon) {
        complain(daemon.error());
        return 1;
    }
    spdlog::info("listening on http://{}/", (*daemon)->address());
    sd_notify(0, "READY=1");
    // Half of what systemd asks for, and often enough to see a signal of our own.
    std::uint64_t watchdog_us = 0;
    const bool watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
    const std::uint64_t pause_us = watched ? watchdog_us / 2 : 3'600'000'000;
    const timespec pause{static_cast<time_t>(pause_us / 1'000'000), static_cast<long>(pause_us % 1'000'000) * 1000};
    for (;;) {
        const int signal = sigtimedwait(&signals, nullptr, &pause);
        if (signal == SIGHUP) {
            sd_notify(0, "RELOADING=1");
            (*daemon)->reload();
            sd_notify(0, "READY=1");
        } else if (signal == SIGTERM || signal == SIGINT) {
            break;
        }
        sd_notify(0, "WATCHDOG=1");
    }
    sd_notify(0, "STOPPING=1");
    spdlog::info("stopping");
    daemon->reset();
    return 0;
}

}  // namespace

void add_serve(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("serve", "The daemon: takes results in, shows lights and reports");
    command->footer(
        "SIGHUP reloads definitions and probers; SIGTERM ends it in good order.\n"
        "Example: slimtax-reporter serve --config /etc/slimtax/slimtax.toml");
    const auto config = std::make_shared<std::filesystem::path>("slimtax.toml");
    command->add_option("--config", *config, "the settings")->capture_default_str();
    command->callback([config, &exit_status] { exit_status = serve(*config); });
}

}  // namespace slimtax::reporter
