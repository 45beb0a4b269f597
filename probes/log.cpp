// log.count: users' work, counted where it leaves its traces (A4). Reading: log_reader.hpp.
#include <fmt/format.h>

#include <array>
#include <memory>
#include <unordered_map>

#include "probes/log_bookmark.hpp"
#include "probes/log_job.hpp"
#include "schemas/units.hpp"

namespace slimtax::probes {
namespace {

using schemas::Duration;
using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr std::array parameters{
    log_file(R"("/var/log/prosody/info.log")"),
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
    log_max_bytes,
    log_max_line,
};

constexpr std::array outputs{
    Output{"lines", OutputType::number, "Matching lines since the last reading."},
    Output{"users", OutputType::number, "How many different users they name."},
    Output{"span", OutputType::duration, "The time that they were written in: since the last reading."},
    log_read,
    log_behind,
    log_lost,
};

class Count : public LogJob {
public:
    Count(schemas::Pattern match, std::size_t max_users)
        : match_(std::move(match)), group_(match_.group("user")), max_users_(max_users) {}

    std::uint64_t lines = 0;
    std::uint64_t nameless = 0;  ///< lines of users beyond max_users
    std::unordered_map<std::string, std::uint64_t> users;

    void take(std::string_view line) override {
        if (!group_) {
            lines += match_.found_in(line) ? 1 : 0;
        } else if (const auto groups = match_.match(line)) {
            ++lines;
            const auto number = static_cast<std::size_t>(*group_);
            count_user(number < groups->size() ? (*groups)[number] : std::string_view());
        }
    }

private:
    void count_user(std::string_view user) {
        if (user.empty()) {
            return;
        }
        const std::string name(user);
        if (const auto it = users.find(name); it != users.end()) {
            ++it->second;
        } else if (users.size() < max_users_) {
            users.emplace(name, 1);
        } else {
            ++nameless;
        }
    }

    schemas::Pattern match_;
    std::optional<int> group_;
    std::size_t max_users_;
};

void fill(StepReport& report, const Count& count, Duration span) {
    report.output("lines", static_cast<double>(count.lines));
    report.output("users", static_cast<double>(count.users.size()));
    report.output("span", schemas::to_seconds(span));
    report.work += count.lines;
    report.work_span = std::max(report.work_span, span);
    report.users.insert(report.users.end(), count.users.begin(), count.users.end());
    report.note(fmt::format("{} of {} lines match, by {} users", count.lines, count.reading.lines, count.users.size()));
    tell_reading(report, count.reading);
    if (count.nameless > 0) {
        report.note(fmt::format("{} lines are of users beyond max_users", count.nameless));
    }
}

Task<Outcome> run(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const schemas::Pattern& match = *arguments.pattern("match");
    const auto count = std::make_shared<Count>(match, static_cast<std::size_t>(arguments.integer("max_users")));
    set_up(*count, context);
    const TimePoint begun = Loop::now();
    const std::string name = "log.count " + count->file + "\n" + match.text();
    const std::optional<std::string> recalled = context.memory.recall(name);
    const std::optional<Bookmark> then = recalled ? Bookmark::parse(*recalled) : std::nullopt;
    if (then) {
        count->from = then->position;
    }
    auto done = co_await read_aside(context, count, name, recalled);
    if (!done) {
        co_return outcome_of(std::move(done.error()));
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
             .summary = "counts the lines that users' work left in a log file since the last run, and the users",
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
