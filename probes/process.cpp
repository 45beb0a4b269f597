// process.exists: is the key process there (A0)? Looking: process_table.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>

#include "probes/aside.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"
#include "probes/process_table.hpp"
#include "probes/systemd_units.hpp"
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
    Parameter{.name = "unit",
              .help = "The systemd unit that it must belong to; without a suffix a service is meant.",
              .example = R"("nginx.service")"},
    Parameter{.name = "listens_on",
              .type = ParameterType::integer,
              .help = "The TCP port that it must listen at. To see the sockets of other users' processes, the prober "
                      "needs the capability CAP_SYS_PTRACE.",
              .example = "443",
              .least = 1,
              .most = 65535},
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

constexpr std::array<std::string_view, 5> signs{"name", "command", "user", "unit", "listens_on"};
constexpr std::array alternatives{
    schemas::Alternatives{.names = signs, .allowed = schemas::Alternatives::HowMany::at_least_one}};

constexpr std::array outputs{
    Output{"count", OutputType::number, "How many there are; those that have ended (zombies) do not count."},
    Output{"pid", OutputType::number, "The process number of the oldest."},
    Output{"age", OutputType::duration, "How long the oldest has been running."},
    Output{"youngest", OutputType::duration, "How long the youngest has been running."},
    Output{"rss", OutputType::number, "The memory that they hold together, in bytes; shared pages count for each."},
    Output{"zombies", OutputType::number, "How many have ended without their parent taking notice."},
};

std::string in_words(const Wanted& wanted) {
    std::string words = wanted.name.empty() ? "process" : fmt::format("process '{}'", quotable(wanted.name));
    if (wanted.command) {
        words += fmt::format(" with a command line matching '{}'", wanted.command->text());
    }
    if (!wanted.user.empty()) {
        words += fmt::format(" of user '{}'", quotable(wanted.user));
    }
    if (!wanted.unit.empty()) {
        words += fmt::format(" of unit '{}'", quotable(wanted.unit));
    }
    if (wanted.listens_on != 0) {
        words += fmt::format(" that listens on port {}", wanted.listens_on);
    }
    return words;
}

/// Why there are too few, where more is known than that.
std::string hint(const Survey& survey, const Wanted& wanted) {
    if (!survey.unit_found) {
        return ": the unit does not run";
    }
    if (wanted.listens_on != 0) {
        return survey.port_held ? ": another process listens there" : ": nothing listens there";
    }
    return survey.zombies == 0 ? "" : fmt::format(" ({} ended, but still listed)", survey.zombies);
}

Outcome judge(const Survey& survey, const Arguments& arguments, const Wanted& wanted) {
    const std::string what = in_words(wanted);
    const auto count = static_cast<std::int64_t>(survey.found.size());
    const std::string ended = hint(survey, wanted);
    const std::int64_t least = arguments.integer("least");
    if (count < least && survey.others_hidden) {
        return Outcome::fault(
            "/proc hides the processes of other users from the prober: add its user to the group "
            "that /proc is mounted with (gid=), or mount it without hidepid");
    }
    if (survey.holders_hidden && count < std::max<std::int64_t>(least, 1)) {
        return Outcome::fault(fmt::format(
            "the prober may not see which process listens on port {}: give it the capability CAP_SYS_PTRACE, or run "
            "it as the user of the service",
            wanted.listens_on));
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
    if (!arguments.text("unit").empty()) {
        wanted->unit = unit_name(arguments.text("unit"));
    }
    wanted->listens_on = static_cast<std::uint16_t>(arguments.integer("listens_on"));
    if (wanted->name.empty() && !wanted->command && wanted->user.empty() && wanted->unit.empty() &&
        wanted->listens_on == 0) {
        co_return Outcome::fault(
            "process.exists needs to know what to look for: write name, command, user, unit or listens_on");
    }
    const Patience patience = Patience::until(context.deadline);
    const auto seen = std::make_shared<Survey>();
    const EngineOptions& options = context.engine.options();
    const LocalRoots roots{options.proc_root, options.cgroup_root};
    std::function<void()> work = [wanted, seen, roots] { *seen = survey(*wanted, roots); };
    auto done = co_await aside(context.engine, std::move(work), "/proc could not be read", patience);
    if (!done) {  // a hanging /proc, or no free worker: nothing that the service did
        co_return outcome_of(std::move(done.error()));
    }
    if (!seen->trouble.empty()) {
        co_return Outcome::fault(seen->trouble);
    }
    fill(context.report, *seen);
    co_return judge(*seen, arguments, *wanted);
}

constexpr Operation operations[] = {{
    .info = {.name = "process.exists",
             .levels = "A0",
             .summary = "looks whether the key process runs on this machine: how many, whose, since when",
             .parameters = parameters,
             .outputs = outputs,
             .example = R"toml(do = "process.exists"
name = "nginx"
command = 'master process'
most = 1
)toml",
             .alternatives = alternatives},
    .run = run,
}};

}  // namespace

std::span<const Operation> process_operations() {
    return operations;
}

}  // namespace slimtax::probes
