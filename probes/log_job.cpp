#include "probes/log_job.hpp"

#include <utility>

#include <fmt/format.h>

#include "probes/aside.hpp"

namespace slimtax::probes {

void set_up(LogJob& job, const StepContext& context) {
    job.file = context.arguments.text("file");
    job.limits.bytes = static_cast<std::uint64_t>(context.arguments.integer("max_bytes"));
    job.limits.line_bytes = static_cast<std::size_t>(context.arguments.integer("max_line"));
    job.limits.deadline = context.deadline - (context.deadline - Loop::now()) / 10;
}

Task<tl::expected<void, Trouble>> read_aside(StepContext& context, std::shared_ptr<LogJob> job, std::string name,
                                             std::optional<std::string> recalled) {
    std::function<void()> work = [job] {
        job->reading = read_log(job->file, job->from, job->limits, [&job](std::string_view line) { job->take(line); });
    };
    const std::string what = fmt::format("log file {} could not be read", quotable(job->file));
    const Patience patience = Patience::until(context.deadline);
    auto done = co_await aside(context.engine, std::move(work), what, patience);
    if (!done) {
        co_return tl::unexpected(std::move(done.error()));
    }
    if (!job->reading.trouble.empty()) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, job->reading.trouble});
    }
    if (context.memory.recall(name) != recalled) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours,
                                         "another run of this series read the log at the same time; say exclusive = "
                                         "true, or make the time-out shorter than the interval"});
    }
    co_return tl::expected<void, Trouble>();
}

void tell_reading(StepReport& report, const LogReading& reading) {
    report.output("read", static_cast<double>(reading.lines));
    report.output("behind", static_cast<double>(reading.behind));
    report.output("lost", reading.lost);
    if (!reading.rotated.empty()) {
        report.note(fmt::format("the log was rotated: the rest of {} is included", reading.rotated));
    }
    if (reading.lost) {
        report.note("the log was truncated, or rotated out of reach: lines may be missing");
    }
}

}  // namespace slimtax::probes
