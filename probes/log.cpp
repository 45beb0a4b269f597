// log.count: users' work, counted where it leaves its traces (A4). Reading: log_reader.hpp.
#include <fmt/format.h>

#include <array>
#include <memory>
#include <unordered_map>

#include "probes/io/engine.hpp"
#include "probes/log_bookmark.hpp"
#include "probes/log_reader.hpp"
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
    Parameter{.name = "file",
              .required = true,
              .help = "The log file, as the service writes it; rotated files beside it are found.",
              .example = R"("/var/log/prosody/info.log")"},
    Parameter{.name = "match",
              .type = ParameterType::pattern,
              .required = true,
              .help = "What makes a line a unit of work. The group named `user`, where there is one, tells whose; "
                      "names leave this machine only as pseudonyms.",
              .example = R"('message from=(?<user>\S+) ')"},
    Parameter{.name = "max_users",
              .type = ParameterType::integer,
              .fallback = "10000",
              .help = "Tell apart at most so many users in one reading; the work of all others counts without them.",
              .least = 1,
              .most = 100'000},
    Parameter{.name = "max_bytes",
              .type = ParameterType::integer,
              .fallback = "67108864",
              .help = "Read at most so many bytes at a time; the rest is read the next time.",
              .least = 65536,
              .most = std::int64_t{1} << 40},
    Parameter{.name = "max_line",
              .type = ParameterType::integer,
              .fallback = "65536",
              .help = "Of a longer line only so many bytes are looked at.",
              .least = 256,
              .most = 16 << 20},
};

constexpr std::array outputs{
    Output{"lines", OutputType::number, "Matching lines since the last reading."},
    Output{"users", OutputType::number, "How many different users they name."},
    Output{"span", OutputType::duration, "The time that they were written in: since the last reading."},
    Output{"read", OutputType::number, "All lines since the last reading."},
    Output{"behind", OutputType::number, "Bytes that are left for the next reading."},
    Output{"lost", OutputType::boolean,
           "True when lines may have been written that could not be read any more: the log was truncated, or "
           "compressed as soon as it was rotated (logrotate: delaycompress)."},
};

/// What a worker does; it owns all of it, since it may outlive the step.
struct Count {
    std::string file;
    schemas::Pattern match;
    std::optional<LogPosition> from;
    LogLimits limits;
    std::size_t max_users = 0;

    LogReading reading;
    std::uint64_t lines = 0;
    std::uint64_t nameless = 0;  ///< lines of users beyond max_users
    std::unordered_map<std::string, std::uint64_t> users;

    void work() {
        const std::optional<int> group = match.group("user");
        reading = read_log(file, from, limits, [this, group](std::string_view line) {
            if (!group) {
                lines += match.found_in(line) ? 1 : 0;
            } else if (const auto groups = match.match(line)) {
                ++lines;
                const auto number = static_cast<std::size_t>(*group);
                count_user(number < groups->size() ? (*groups)[number] : std::string_view());
            }
        });
    }

private:
    void count_user(std::string_view user) {
        if (user.empty()) {
            return;
        }
        const std::string name(user);
        if (const auto it = users.find(name); it != users.end()) {
            ++it->second;
        } else if (users.size() < max_users) {
            users.emplace(name, 1);
        } else {
            ++nameless;
        }
    }
};

void fill(StepReport& report, const Count& count, Duration span) {
    report.output("lines", static_cast<double>(count.lines));
    report.output("users", static_cast<double>(count.users.size()));
    report.output("span", schemas::to_seconds(span));
    report.output("read", static_cast<double>(count.reading.lines));
    report.output("behind", static_cast<double>(count.reading.behind));
    report.output("lost", count.reading.lost);
    report.work += count.lines;
    report.work_span = std::max(report.work_span, span);
    report.users.insert(report.users.end(), count.users.begin(), count.users.end());
    report.note(fmt::format("{} of {} lines match, by {} users", count.lines, count.reading.lines, count.users.size()));
    if (!count.reading.rotated.empty()) {
        report.note(fmt::format("the log was rotated: the rest of {} is included", count.reading.rotated));
    }
    if (count.reading.lost) {
        report.note("the log was truncated, or rotated out of reach: lines may be missing");
    }
    if (count.nameless > 0) {
        report.note(fmt::format("{} lines are of users beyond max_users", count.nameless));
    }
}

Task<Outcome> run(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const auto count = std::make_shared<Count>();
    count->file = arguments.text("file");
    count->match = *arguments.pattern("match");
    count->max_users = static_cast<std::size_t>(arguments.integer("max_users"));
    count->limits.bytes = static_cast<std::uint64_t>(arguments.integer("max_bytes"));
    count->limits.line_bytes = static_cast<std::size_t>(arguments.integer("max_line"));
    const TimePoint begun = Loop::now();
    // Reading ends by itself a little before the deadline: what it has read by then counts, the rest the next time.
    count->limits.deadline = context.deadline - (context.deadline - begun) / 10;
    const std::string name = "log.count " + count->file + "\n" + count->match.text();
    const std::optional<std::string> recalled = context.memory.recall(name);
    const std::optional<Bookmark> then = recalled ? Bookmark::parse(*recalled) : std::nullopt;
    if (then) {
        count->from = then->position;
    }
    std::function<void()> work = [count] { count->work(); };
    const Patience patience = Patience::until(context.deadline);
    const Wake wake = co_await context.engine.loop().in_worker(std::move(work), context.deadline);
    if (wake != Wake::ready) {
        co_return Outcome::fault(wake == Wake::cancelled ? "the prober stops"
                                                         : fmt::format("log file {} could not be read {}",
                                                                       quotable(count->file), patience.in_words()));
    }
    if (!count->reading.trouble.empty()) {
        co_return Outcome::fault(count->reading.trouble);
    }
    if (context.memory.recall(name) != recalled) {  // overlapping runs would count the same lines twice
        co_return Outcome::fault(
            "another run of this series read the log at the same time; say exclusive = true, or "
            "make the time-out shorter than the interval");
    }
    const Bookmark now = Bookmark::at(count->reading.position, begun, context.wall_now);
    context.memory.remember(name, now.text());
    if (!then) {
        context.report.note("first reading: counting begins at the end of the log as it is now");
    }
    const Duration span = then ? covered(*then, now, count->reading) : Duration(0);
    fill(context.report, *count, span);
    co_return Outcome::ok();
}

constexpr Operation operations[] = {{
    .info = {.name = "log.count",
             .levels = "A4 A1",
             .summary = "Counts the lines that users' work left in a log file since the last run, and the users",
             .parameters = parameters,
             .outputs = outputs,
             .example = R"toml(do = "log.count"
file = "/var/log/prosody/info.log"
match = 'message from=(?<user>\S+) '
)toml"},
    .run = run,
}};

}  // namespace

std::span<const Operation> log_operations() {
    return operations;
}

}  // namespace slimtax::probes
