#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <iostream>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"
#include "reporter/commands/workplace.hpp"
#include "reporter/server.hpp"
#include "schemas/service_manager.hpp"

namespace slimtax::reporter {
namespace {

struct Options {
    std::string config = "slimtax.toml";
    std::string log_level = "info";
};

sigset_t handled_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        sigaddset(&signals, signal);
    }
    return signals;
}

/// Waits for signals until one says to end.
void run_until_told(Server& server, const schemas::ServiceManager& manager, const sigset_t& signals) {
    while (true) {
        const std::chrono::microseconds wait = manager.watchdog().value_or(std::chrono::seconds(60));
        timespec patience{};
        patience.tv_sec = wait.count() / 1'000'000;
        patience.tv_nsec = wait.count() % 1'000'000 * 1000;
        const int signal = sigtimedwait(&signals, nullptr, &patience);
        if (signal == SIGTERM || signal == SIGINT) {
            spdlog::info("stopping");
            manager.stopping();
            return;
        }
        if (signal == SIGHUP) {
            manager.reloading();
            server.reload();
            manager.ready();
        }
        if (server.alive()) {
            manager.alive();
        }
    }
}

int serve(const Options& options) {
    // To standard error, where systemd and people look for it.
    spdlog::set_default_logger(spdlog::stderr_color_mt("reporter"));
    spdlog::set_level(spdlog::level::from_str(options.log_level));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");

    const auto config = schemas::read_reporter_config(options.config);
    for (const schemas::Problem& problem : config.problems) {
        std::cerr << to_string(problem) << '\n';
    }
    if (!config.config) {
        return 1;
    }
    // Before any thread, so that only sigtimedwait gets them. A peer that went away is an error, not an end.
    const sigset_t signals = handled_signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);

    auto server = Server::start(*config.config);
    if (!server) {
        complain(server.error());
        return 1;
    }
    const schemas::ServiceManager manager;
    manager.ready();
    run_until_told(**server, manager, signals);
    server->reset();
    spdlog::info("stopped; everything that was acknowledged is stored");
    return 0;
}

}  // namespace

void add_serve(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("serve", "The daemon: takes results in, shows lights and reports");
    command->footer(
        "SIGHUP reads settings and definitions again; SIGTERM ends it in order.\n"
        "Example: slimtax-reporter serve --config /etc/slimtax/slimtax.toml");
    const auto options = std::make_shared<Options>();
    command->add_option("--config", options->config, "the settings")->capture_default_str();
    command->add_option("--log-level", options->log_level, "debug, info, warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
        ->capture_default_str();
    command->callback([options, &exit_status] { exit_status = serve(*options); });
}

}  // namespace slimtax::reporter
