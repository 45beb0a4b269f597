#include "prober/metrics.hpp"

#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

namespace slimtax::prober {
namespace {

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

template <class Number>
void single(std::string& out, std::string_view name, std::string_view type, std::string_view help, Number value) {
    head(out, name, type, help);
    fmt::format_to(std::back_inserter(out), "{} {}\n", name, value);
}

std::string label(std::string_view value) {
    std::string text;
    for (const char c : value) {
        if (c == '\\' || c == '"') {
            text += '\\';
        }
        text += c == '\n' ? ' ' : c;
    }
    return text;
}

std::uint64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    statm >> total >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

void Histogram::add(schemas::Duration duration) {
    const double seconds = schemas::to_seconds(duration);
    std::size_t i = 0;
    while (i < bounds.size() && seconds > bounds.at(i)) {
        ++i;
    }
    ++counts_.at(i);
    sum_ += seconds;
}

void Histogram::write(std::string& out, std::string_view name) const {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        below += counts_.at(i);
        fmt::format_to(std::back_inserter(out), "{}_bucket{{le=\"{}\"}} {}\n", name, bounds.at(i), below);
    }
    below += counts_.back();
    fmt::format_to(std::back_inserter(out), "{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name, below,
                   sum_);
}

std::string Metrics::text(const Gauges& now) const {
    std::string out;
    head(out, "slimtax_prober_info", "gauge", "Which program, where.");
    fmt::format_to(std::back_inserter(out), "slimtax_prober_info{{version=\"{}\",location=\"{}\"}} 1\n",
                   label(now.version), label(now.location));
    head(out, "slimtax_prober_runs_total", "counter", "Slots with an outcome, by verdict.");
    for (const schemas::Verdict verdict : schemas::all_verdicts) {
        fmt::format_to(std::back_inserter(out), "slimtax_prober_runs_total{{verdict=\"{}\"}} {}\n", to_string(verdict),
                       verdicts_.at(static_cast<std::size_t>(verdict)));
    }
    single(out, "slimtax_prober_runs_in_flight", "gauge", "Runs under way.", now.in_flight);
    single(out, "slimtax_prober_series", "gauge", "Series that this location runs.", now.series);
    single(out, "slimtax_prober_series_waiting_for_clock", "gauge",
           "Series that wait until the clock is where it was before it went back.", now.waiting_for_clock);
    head(out, "slimtax_prober_start_lateness_seconds", "histogram", "Actual less intended start of runs.");
    lateness_.write(out, "slimtax_prober_start_lateness_seconds");
    head(out, "slimtax_prober_loop_delay_seconds", "histogram", "How late the event loop came to a timer.");
    loop_delay_.write(out, "slimtax_prober_loop_delay_seconds");
    head(out, "slimtax_prober_dispatch_delay_seconds", "histogram",
         "How long bytes that the kernel had waited for the event loop; response times do not hold it.");
    dispatch_delay_.write(out, "slimtax_prober_dispatch_delay_seconds");
    single(out, "slimtax_prober_overloaded_seconds_total", "counter",
           "Time in which the event loop had no pause for 50 ms or more; steps that were judged by it are faults.",
           now.overloaded_seconds);
    single(out, "slimtax_prober_stood_still_seconds_total", "counter",
           "Time in which the process was stopped or its machine suspended.", now.stood_still_seconds);
    single(out, "slimtax_prober_spool_bytes", "gauge", "Results on disk that are not shipped.", now.spool_bytes);
    single(out, "slimtax_prober_spool_memory_records", "gauge", "Results in memory because the disk takes none.",
           now.spool_memory_records);
    single(out, "slimtax_prober_spool_age_seconds", "gauge", "Age of the oldest result that is not shipped.",
           now.spool_age_seconds);
    single(out, "slimtax_prober_spool_dropped_total", "counter", "Results lost for want of room.", now.spool_dropped);
    single(out, "slimtax_prober_spool_rejected", "gauge", "Results that the reporter refused, set aside.",
           now.spool_rejected);
    single(out, "slimtax_prober_spool_damaged_total", "counter", "Damaged stretches of the spool that were skipped.",
           now.spool_damaged);
    single(out, "slimtax_prober_shipped_total", "counter", "Results that the reporter has stored.", now.shipped);
    single(out, "slimtax_prober_ship_failures_total", "counter", "Attempts to ship that did not succeed.",
           now.ship_failures);
    single(out, "slimtax_prober_ship_failures_in_a_row", "gauge", "0: the reporter takes results.",
           now.ship_failures_in_a_row);
    head(out, "slimtax_prober_reloads_total", "counter", "Reloads of the definitions, by what became of them.");
    fmt::format_to(
        std::back_inserter(out),
        "slimtax_prober_reloads_total{{taken=\"true\"}} {}\nslimtax_prober_reloads_total{{taken=\"false\"}} {}\n",
        reloads_, refused_reloads_);
    single(out, "slimtax_prober_definitions_good", "gauge", "1: the definitions on disk had no errors when last read.",
           now.definitions_good ? 1 : 0);
    single(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    single(out, "process_cpu_seconds_total", "counter", "User and system time.", cpu_seconds());
    return out;
}

}  // namespace slimtax::prober
