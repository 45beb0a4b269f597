// process.exists: is the key process there (A0)? Reads /proc, as any user may.
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
#include <cstring>
#include <memory>
#include <optional>

#include "probes/io/engine.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"
#include "schemas/units.hpp"

namespace slimtax::probes {
namespace {

using schemas::Duration;
using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr std::array parameters{
    Parameter{.name = "name",
              .help = "The program's name, as `ps -C` knows it, or the file name that it was started by.",
              .example = R"("nginx")"},
    Parameter{.name = "command",
              .type = ParameterType::pattern,
              .help = "What the command line must match, its arguments joined by blanks. The prober's own is passed "
                      "over.",
              .example = R"('postgres: walwriter')"},
    Parameter{.name = "user",
              .help = "Whose process it must be: a name or a number; omitted: anybody's.",
              .example = R"("www-data")"},
    Parameter{.name = "least",
              .type = ParameterType::integer,
              .fallback = "1",
              .help = "At least so many processes must be there; 0 together with `most` tells that none may be.",
              .least = 0,
              .most = 1'000'000},
    Parameter{.name = "most",
              .type = ParameterType::integer,
              .help = "At most so many may be there; omitted: any number.",
              .least = 0,
              .most = 1'000'000},
    Parameter{.name = "age_least",
              .type = ParameterType::duration,
              .help = "The oldest must have been running for so long: younger means that it was restarted.",
              .example = R"("5 min")"},
    Parameter{.name = "age_most",
              .type = ParameterType::duration,
              .help = "None may have been running for longer: older means that it hangs.",
              .example = R"("2 h")"},
};

constexpr std::array outputs{
    Output{"count", OutputType::number, "How many there are; those that have ended (zombies) do not count."},
    Output{"pid", OutputType::number, "The process number of the oldest."},
    Output{"age", OutputType::duration, "How long the oldest has been running."},
    Output{"youngest", OutputType::duration, "How long the youngest has been running."},
    Output{"rss", OutputType::number, "The memory that they hold together, in bytes; shared pages count for each."},
    Output{"zombies", OutputType::number, "How many have ended without their parent taking notice."},
};

/// What is looked for; owned by the worker that looks.
struct Wanted {
    std::string name;
    std::optional<schemas::Pattern> command;
    std::string user;
};

struct Found {
    pid_t pid = 0;
    Duration age{};
    std::uint64_t rss = 0;
};

struct Survey {
    std::string trouble;  ///< why there was nothing to see; empty: all is well
    std::vector<Found> found;
    std::size_t zombies = 0;
    bool others_hidden = false;  ///< /proc shows us our own processes only
};

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

Survey survey(const Wanted& wanted) {
    Survey result;
    std::optional<uid_t> user;
    if (!wanted.user.empty() && !(user = find_user(wanted.user, result.trouble))) {
        return result;
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
    if (!proc) {
        result.trouble = fmt::format("/proc cannot be read: {}", std::strerror(errno));
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
        if (entry->d_name != self) {
            look_at(::dirfd(proc.get()), entry->d_name, wanted, user, uptime, result);
        }
    }
    result.others_hidden = !first_seen;  // mounted with hidepid: init is not ours
    return result;
}

std::string in_words(const Wanted& wanted) {
    std::string words = wanted.name.empty() ? "process" : fmt::format("process '{}'", quotable(wanted.name));
    if (wanted.command) {
        words += fmt::format(" with a command line matching '{}'", wanted.command->text());
    }
    if (!wanted.user.empty()) {
        words += fmt::format(" of user '{}'", quotable(wanted.user));
    }
    return words;
}

Outcome judge(const Survey& survey, const Arguments& arguments, const std::string& what) {
    const auto count = static_cast<std::int64_t>(survey.found.size());
    const std::string ended = survey.zombies == 0 ? "" : fmt::format(" ({} ended, but still listed)", survey.zombies);
    const std::int64_t least = arguments.integer("least");
    if (count < least && survey.others_hidden) {
        return Outcome::fault(
            "/proc hides the processes of other users from the prober: add its user to the group "
            "that /proc is mounted with (gid=), or mount it without hidepid");
    }
    if (count == 0 && least > 0) {
        return Outcome::failed(fmt::format("there is no {} on this machine{}", what, ended));
    }
    if (count < least) {
        return Outcome::failed(fmt::format("there are {} of {} on this machine, not {}{}", count, what, least, ended));
    }
    if (arguments.has("most") && count > arguments.integer("most")) {
        return Outcome::failed(
            fmt::format("there are {} of {} on this machine, more than {}", count, what, arguments.integer("most")));
    }
    if (survey.found.empty()) {
        return Outcome::ok();
    }
    const Found& oldest = *std::ranges::max_element(survey.found, {}, &Found::age);
    if (arguments.has("age_least") && oldest.age < arguments.duration("age_least")) {
        return Outcome::failed(fmt::format("{} (process {}) has been running for {:.0f} s only: it was restarted", what,
                                           oldest.pid, schemas::to_seconds(oldest.age)));
    }
    if (arguments.has("age_most") && oldest.age > arguments.duration("age_most")) {
        return Outcome::failed(fmt::format("{} (process {}) has been running for {:.0f} s, longer than {}", what,
                                           oldest.pid, schemas::to_seconds(oldest.age),
                                           schemas::to_text(arguments.duration("age_most"))));
    }
    return Outcome::ok();
}

void fill(StepReport& report, const Survey& survey) {
    report.output("count", static_cast<double>(survey.found.size()));
    report.output("zombies", static_cast<double>(survey.zombies));
    std::uint64_t rss = 0;
    for (const Found& found : survey.found) {
        rss += found.rss;
    }
    report.output("rss", static_cast<double>(rss));
    if (survey.found.empty()) {
        return;
    }
    const auto [youngest, oldest] = std::ranges::minmax_element(survey.found, {}, &Found::age);
    report.output("pid", static_cast<double>(oldest->pid));
    report.output("age", schemas::to_seconds(oldest->age));
    report.output("youngest", schemas::to_seconds(youngest->age));
    report.note(fmt::format("{} found, the oldest is process {}, {:.0f} s old", survey.found.size(), oldest->pid,
                            schemas::to_seconds(oldest->age)));
}

Task<Outcome> run(StepContext& context) {
    const Arguments& arguments = context.arguments;
    // Shared with the worker, which may outlive this step.
    const auto wanted = std::make_shared<Wanted>();
    wanted->name = arguments.text("name");
    wanted->user = arguments.text("user");
    if (const schemas::Pattern* command = arguments.pattern("command")) {
        wanted->command = *command;
    }
    if (wanted->name.empty() && !wanted->command && wanted->user.empty()) {
        co_return Outcome::fault("process.exists needs to know what to look for: write name, command or user");
    }
    const Patience patience = Patience::until(context.deadline);
    const auto seen = std::make_shared<Survey>();
    std::function<void()> work = [wanted, seen] { *seen = survey(*wanted); };
    const Wake wake = co_await context.engine.loop().in_worker(std::move(work), context.deadline);
    if (wake != Wake::ready) {  // a hanging /proc, or no free worker: nothing that the service did
        co_return Outcome::fault(wake == Wake::cancelled ? "the prober stops"
                                                         : "/proc could not be read " + patience.in_words());
    }
    if (!seen->trouble.empty()) {
        co_return Outcome::fault(seen->trouble);
    }
    fill(context.report, *seen);
    co_return judge(*seen, arguments, in_words(*wanted));
}

constexpr Operation operations[] = {{
    .info = {.name = "process.exists",
             .levels = "A0",
             .summary = "Looks whether the key process runs on this machine: how many, whose, since when",
             .parameters = parameters,
             .outputs = outputs,
             .example = R"toml(do = "process.exists"
name = "nginx"
command = 'master process'
most = 1
)toml"},
    .run = run,
}};

}  // namespace

std::span<const Operation> process_operations() {
    return operations;
}

}  // namespace slimtax::probes
