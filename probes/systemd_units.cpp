#include "probes/systemd_units.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <system_error>

namespace slimtax::probes {
namespace {

namespace fs = std::filesystem;

/// Thousands of containers make many groups, but no tree of them is deeper than this.
constexpr int most_depth = 32;

void read_pids(const fs::path& group, std::unordered_set<pid_t>& pids) {
    std::ifstream file(group / "cgroup.procs");
    pid_t pid = 0;
    while (file >> pid) {
        if (pid > 0) {  // 0: a process that this name space cannot see
            pids.insert(pid);
        }
    }
}

}  // namespace

std::string unit_name(std::string name) {
    return name.find('.') == std::string::npos ? name + ".service" : name;
}

UnitProcesses processes_of_unit(const std::string& cgroup, const std::string& unit) {
    UnitProcesses result;
    bool systemd_seen = false;
    std::error_code error;
    fs::recursive_directory_iterator it(cgroup, fs::directory_options::skip_permission_denied, error);
    if (error) {
        result.trouble = fmt::format("the control groups at {} cannot be read: {}", cgroup, error.message());
        return result;
    }
    int inside = -1;  // the depth of the unit's own folder while we are in it
    for (; it != fs::recursive_directory_iterator(); it.increment(error)) {
        std::error_code vanished;
        if (!it->is_directory(vanished) || it->is_symlink(vanished)) {
            continue;
        }
        if (it.depth() >= most_depth) {
            it.disable_recursion_pending();
        }
        inside = it.depth() <= inside ? -1 : inside;
        const std::string name = it->path().filename().string();
        systemd_seen = systemd_seen || name.ends_with(".slice") || name.ends_with(".scope");
        if (inside < 0 && name == unit) {
            inside = it.depth();
            result.found = true;
        }
        if (inside >= 0) {
            read_pids(it->path(), result.pids);
        }
    }
    if (!result.found && !systemd_seen) {
        result.trouble = fmt::format(
            "there are no systemd units below {}: systemd does not run here, or the prober is in a container of its "
            "own; look for the process by `name`",
            cgroup);
    }
    return result;
}

}  // namespace slimtax::probes
