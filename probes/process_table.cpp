#include "probes/process_table.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "probes/local_sockets.hpp"
#include "probes/systemd_units.hpp"

namespace slimtax::probes {
namespace {

using schemas::Duration;

/// All of a small file of /proc, or nothing when the process is gone.
std::optional<std::string> read_proc(int folder, const char* name) {
    const int fd = ::openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return std::nullopt;
    }
    std::string text;
    std::array<char, 4096> room;
    ssize_t got = 0;
    while (text.size() < (1u << 20) && (got = ::read(fd, room.data(), room.size())) > 0) {
        text.append(room.data(), static_cast<std::size_t>(got));
    }
    ::close(fd);
    return got < 0 ? std::nullopt : std::optional(std::move(text));
}

/// The fields of /proc/PID/stat that matter (proc(5)).
struct Stat {
    std::string comm;
    char state = '?';
    std::uint64_t start_ticks = 0;  ///< since the machine's boot
    std::uint64_t rss_pages = 0;
};

std::optional<Stat> parse_stat(const std::string& text) {
    // The name stands in parentheses and may itself hold parentheses and blanks: the last one closes it.
    const std::size_t open = text.find('(');
    const std::size_t close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos || close + 2 >= text.size()) {
        return std::nullopt;
    }
    Stat stat{text.substr(open + 1, close - open - 1), text[close + 2], 0, 0};
    std::string_view rest = std::string_view(text).substr(close + 2);
    for (int field = 3; !rest.empty(); ++field) {
        const std::string_view word = rest.substr(0, rest.find(' '));
        if (field == 22) {
            std::from_chars(word.data(), word.data() + word.size(), stat.start_ticks);
        } else if (field == 24) {
            std::from_chars(word.data(), word.data() + word.size(), stat.rss_pages);
            return stat;
        }
        rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    }
    return std::nullopt;
}

std::string_view file_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

/// The kernel cuts names to 15 bytes; a daemon may have rewritten its arguments ("nginx: master process …").
bool has_name(const std::string& name, const Stat& stat, const std::string& command_line) {
    constexpr std::size_t kept_by_kernel = 15;
    if (stat.comm == name) {
        return true;
    }
    const std::string_view program = std::string_view(command_line).substr(0, command_line.find('\0'));
    if (file_name(program) == name) {
        return true;
    }
    // A script: its interpreter comes first, then its own path.
    const std::size_t second = program.size() + 1;
    const std::string_view script =
        second < command_line.size() ? std::string_view(command_line.c_str() + second) : std::string_view();
    return name.size() > kept_by_kernel && stat.comm == name.substr(0, kept_by_kernel) && file_name(script) == name;
}

std::string joined(std::string command_line) {
    while (!command_line.empty() && command_line.back() == '\0') {
        command_line.pop_back();
    }
    std::ranges::replace(command_line, '\0', ' ');
    return command_line;
}

std::optional<uid_t> find_user(const std::string& name, std::string& trouble) {
    uid_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) {
        return number;
    }
    std::vector<char> room(16384);
    passwd entry{};
    passwd* result = nullptr;
    const int failure = ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &result);
    if (result == nullptr) {
        trouble = failure == 0 ? fmt::format("this machine has no user '{}'", name)
                               : fmt::format("user '{}' cannot be looked up: {}", name, std::strerror(failure));
        return std::nullopt;
    }
    return entry.pw_uid;
}

/// Looks at one process; nothing when it is gone or not one of the wanted.
void look_at(int proc, const char* pid, const Wanted& wanted, std::optional<uid_t> user, double uptime,
             Survey& survey) {
    const int folder = ::openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return;
    }
    const std::unique_ptr<const int, void (*)(const int*)> closer(&folder, [](const int* fd) { ::close(*fd); });
    struct stat owner {};
    if (user && (::fstat(folder, &owner) != 0 || owner.st_uid != *user)) {
        return;
    }
    const std::optional<std::string> text = read_proc(folder, "stat");
    const std::optional<Stat> stat = text ? parse_stat(*text) : std::nullopt;
    if (!stat) {
        return;
    }
    const bool ended = stat->state == 'Z' || stat->state == 'X';
    const bool command_matters = wanted.command.has_value() || (!wanted.name.empty() && stat->comm != wanted.name);
    const std::string command_line = command_matters ? read_proc(folder, "cmdline").value_or("") : "";
    if (!wanted.name.empty() && !has_name(wanted.name, *stat, command_line)) {
        return;
    }
    if (wanted.command && !wanted.command->found_in(joined(command_line))) {
        return;
    }
    if (ended) {
        ++survey.zombies;
        return;
    }
    const double age = uptime - static_cast<double>(stat->start_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    survey.found.push_back({static_cast<pid_t>(std::atol(pid)),
                            Duration(static_cast<std::int64_t>(std::max(age, 0.0) * 1e6)),
                            stat->rss_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))});
}

/// The processes that `unit` and `listens_on` leave to be looked at; nothing: all.
std::optional<std::unordered_set<pid_t>> chosen(const Wanted& wanted, const LocalRoots& roots, Survey& survey) {
    std::optional<std::unordered_set<pid_t>> pids;
    if (!wanted.unit.empty()) {
        UnitProcesses unit = processes_of_unit(roots.cgroup, wanted.unit);
        survey.trouble = unit.trouble;
        survey.unit_found = unit.found;
        pids = std::move(unit.pids);
    }
    if (wanted.listens_on != 0 && survey.trouble.empty()) {
        const LocalSockets all = listening_sockets(roots.proc, SocketKind::tcp);
        survey.trouble = all.trouble;
        std::unordered_set<std::uint64_t> inodes;
        for (const LocalSocket& socket : all.sockets) {
            if (socket.port == wanted.listens_on) {
                inodes.insert(socket.inode);
            }
        }
        survey.port_held = !inodes.empty();
        const SocketHolders holders = inodes.empty() ? SocketHolders() : find_holders(roots.proc, inodes);
        std::unordered_set<pid_t> listening;
        std::unordered_set<std::uint64_t> accounted_for;
        for (const auto& [pid, held] : holders.inodes) {
            accounted_for.insert(held.begin(), held.end());
            if (!pids || pids->contains(pid)) {
                listening.insert(pid);
            }
        }
        survey.holders_hidden = holders.hidden && accounted_for.size() < inodes.size();
        pids = std::move(listening);
    }
    return pids;
}

}  // namespace

Survey survey(const Wanted& wanted, const LocalRoots& roots) {
    Survey result;
    std::optional<uid_t> user;
    if (!wanted.user.empty() && !(user = find_user(wanted.user, result.trouble))) {
        return result;
    }
    const std::optional<std::unordered_set<pid_t>> only = chosen(wanted, roots, result);
    if (!result.trouble.empty()) {
        return result;
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir(roots.proc.c_str()), &::closedir);
    if (!proc) {
        result.trouble = fmt::format("{} cannot be read: {}", roots.proc, std::strerror(errno));
        return result;
    }
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    const double uptime = static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
    const std::string self = std::to_string(::getpid());
    bool first_seen = false;
    while (const dirent* entry = ::readdir(proc.get())) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') {
            continue;
        }
        first_seen = first_seen || std::strcmp(entry->d_name, "1") == 0;
        const bool is_chosen = !only || only->contains(static_cast<pid_t>(std::atol(entry->d_name)));
        if (is_chosen && entry->d_name != self) {
            look_at(::dirfd(proc.get()), entry->d_name, wanted, user, uptime, result);
        }
    }
    result.others_hidden = !first_seen;  // mounted with hidepid: init is not ours
    return result;
}

}  // namespace slimtax::probes
