// What every operation that reads a log has in common: its parameters and outputs, the reading in a worker with all
// that can be wrong with it, and where the series read to. Reading itself: log_reader.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "probes/log_reader.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {

inline constexpr schemas::Parameter log_max_bytes{
    .name = "max_bytes",
    .type = schemas::ParameterType::integer,
    .fallback = "67108864",
    .help = "Read at most so many bytes at a time; the rest is read the next time.",
    .least = 65536,
    .most = std::int64_t{1} << 40};

inline constexpr schemas::Parameter log_max_line{.name = "max_line",
                                                 .type = schemas::ParameterType::integer,
                                                 .fallback = "65536",
                                                 .help = "Of a longer line only so many bytes are looked at.",
                                                 .least = 256,
                                                 .most = 16 << 20};

/// Both operations speak of the file in the same words; the example is each one's own.
[[nodiscard]] constexpr schemas::Parameter log_file(std::string_view example) {
    return {.name = "file",
            .required = true,
            .help = "The log file, as the service writes it; rotated files beside it are found.",
            .example = example};
}

inline constexpr schemas::Output log_read{"read", schemas::OutputType::number, "All lines since the last reading."};
inline constexpr schemas::Output log_behind{"behind", schemas::OutputType::number,
                                            "Bytes that are left for the next reading."};
inline constexpr schemas::Output log_lost{
    "lost", schemas::OutputType::boolean,
    "True when lines may have been written that could not be read any more: the log was truncated, or "
    "compressed as soon as it was rotated (logrotate: delaycompress)."};

/// One reading of a log. A worker calls `take`, maybe after the step has ended: a job owns all that it touches.
class LogJob {
public:
    virtual ~LogJob() = default;

    std::string file;
    LogLimits limits;
    std::optional<LogPosition> from;
    LogReading reading;

    /// A line of the log, without its end.
    virtual void take(std::string_view line) = 0;
};

/// Sets the job's file and limits by the step's parameters. Reading ends by itself a little before the deadline: what
/// was read by then counts, the rest is read the next time.
void set_up(LogJob& job, const StepContext& context);

/// Reads in a worker. What cannot be read is our own side's trouble. So is a run of the same series that has read
/// meanwhile: the text that the series remembers under `name` is then not `recalled` any more, and the same lines
/// would count twice.
Task<tl::expected<void, Trouble>> read_aside(StepContext& context, std::shared_ptr<LogJob> job, std::string name,
                                             std::optional<std::string> recalled);

/// The outputs that are common, and what a reader of the transcript should know of the reading.
void tell_reading(StepReport& report, const LogReading& reading);

}  // namespace slimtax::probes
