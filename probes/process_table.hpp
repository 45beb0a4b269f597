// The processes of this machine that fit a description, from /proc, as any user may read it. Blocks; any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schemas/pattern.hpp"
#include "schemas/time.hpp"

namespace slimtax::probes {

/// What is looked for: all that is set must fit.
struct Wanted {
    std::string name;
    std::optional<schemas::Pattern> command;
    std::string user;
    std::string unit;              ///< of systemd, with its suffix; empty: any
    std::uint16_t listens_on = 0;  ///< TCP port; 0: any or none
};

struct Found {
    pid_t pid = 0;
    schemas::Duration age{};
    std::uint64_t rss = 0;
};

struct Survey {
    std::string trouble;  ///< why there was nothing to see; empty: all is well
    std::vector<Found> found;
    std::size_t zombies = 0;
    bool others_hidden = false;   ///< /proc shows us our own processes only
    bool port_held = true;        ///< something listens at `listens_on`
    bool holders_hidden = false;  ///< whose socket it is, we may not see
    bool unit_found = true;
};

/// Where the kernel's folders are.
struct LocalRoots {
    std::string proc = "/proc";
    std::string cgroup = "/sys/fs/cgroup";
};

/// All processes that fit, but the prober's own.
[[nodiscard]] Survey survey(const Wanted& wanted, const LocalRoots& roots);

}  // namespace slimtax::probes
