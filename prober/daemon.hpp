// `slimtax-prober run`: everything put together on one loop, from ready to stopped.
#pragma once

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "schemas/config.hpp"

namespace slimtax::prober {

class Daemon {
public:
    /// Takes the spool, the port and the definitions. The error is a sentence (or several lines) for the
    /// administrator. Definition files with errors are left out and logged; when none is good that is an error.
    [[nodiscard]] static tl::expected<std::unique_ptr<Daemon>, std::string> prepare(schemas::ProberConfig config);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Runs until SIGTERM or SIGINT. Runs under way may then end for `grace`, later ones become `not_run`; what is
    /// spooled is shipped for as long as the reporter takes it, at most `last_shipping`.
    void run();

    static constexpr std::chrono::seconds grace{4};
    static constexpr std::chrono::seconds last_shipping{3};

private:
    class Impl;
    explicit Daemon(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::prober
