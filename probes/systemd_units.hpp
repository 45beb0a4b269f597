// The processes of a systemd unit, from the control groups that systemd keeps them in: no systemd is asked, and none
// is needed to build this. Blocks; any thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <unordered_set>

namespace slimtax::probes {

struct UnitProcesses {
    std::string trouble;  ///< why nothing can be said; empty: all is well
    bool found = false;   ///< the unit has a control group; systemd removes it when the unit has stopped
    std::unordered_set<pid_t> pids;
};

/// "nginx" is short for "nginx.service".
[[nodiscard]] std::string unit_name(std::string name);

/// Looks for `unit` anywhere below `cgroup` (where the control groups are mounted, of version 1, 2 or both) and
/// gathers the processes in it and below it.
[[nodiscard]] UnitProcesses processes_of_unit(const std::string& cgroup, const std::string& unit);

}  // namespace slimtax::probes
