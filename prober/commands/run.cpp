#include "prober/commands/commands.hpp"
#include "prober/commands/common.hpp"
#include "prober/daemon.hpp"
#include "prober/log.hpp"
#include "schemas/config.hpp"

namespace slimtax::prober {

int run(const RunOptions& options) {
    if (const std::string wrong = set_up_logs(options.log); !wrong.empty()) {
        complain("--log: " + wrong);
        return usage_error;
    }
    const auto file = find_config(options.config);
    if (!file) {
        complain(
            "no configuration: name one with --config FILE, or put slimtax.toml here or in /etc/slimtax; "
            "docs/install-a-prober.md shows one");
        return 1;
    }
    auto config = schemas::read_prober_config(*file);
    complain(config.problems);
    if (!config.config) {
        return 1;
    }
    auto daemon = Daemon::prepare(std::move(*config.config));
    if (!daemon) {
        complain(daemon.error());
        return 1;
    }
    (*daemon)->run();
    return 0;
}

}  // namespace slimtax::prober
