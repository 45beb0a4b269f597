// log.match: a line that must, or must not, have appeared in a log. Reading: log_reader.hpp.
#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>
#include <sstream>

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
    log_file(R"("/var/log/backup.log")"),
    Parameter{.name = "match",
              .type = ParameterType::pattern,
              .help = "A line that must appear: since the last run, or every so often with `max_age`.",
              .example = R"('backup finished: 0 errors')"},
    Parameter{.name = "no_match",
              .type = ParameterType::pattern,
              .help = "A line that must not appear: the run that reads one fails, and with `max_age` those after it.",
              .example = R"('ERROR|FATAL')"},
    Parameter{.name = "max_age",
              .type = ParameterType::duration,
              .help = "How long a line counts after it was read, over as many runs as that takes; omitted: for the "
                      "run that read it alone.",
              .example = R"("26 h")"},
    log_max_bytes,
    log_max_line,
};

constexpr std::array<std::string_view, 2> lines_meant{"match", "no_match"};
constexpr std::array alternatives{
    schemas::Alternatives{.names = lines_meant, .allowed = schemas::Alternatives::HowMany::at_least_one}};

constexpr std::array outputs{
    Output{"lines", OutputType::number, "Lines since the last reading that `match` finds."},
    Output{"unwanted", OutputType::number, "Lines since the last reading that `no_match` finds."},
    Output{"line", OutputType::text, "The latest line that `match` found in this reading."},
    Output{"unwanted_line", OutputType::text, "The first line that `no_match` found in this reading."},
    log_read,
    log_behind,
    log_lost,
};

struct Search : LogJob {
    std::optional<schemas::Pattern> match;
    std::optional<schemas::Pattern> no_match;

    std::uint64_t wanted = 0;
    std::uint64_t unwanted = 0;
    std::string wanted_line;
    std::string unwanted_line;

    void take(std::string_view line) override {
        if (match && match->found_in(line)) {
            ++wanted;
            wanted_line = line;
        }
        if (no_match && no_match->found_in(line) && unwanted++ == 0) {
            unwanted_line = line;
        }
    }
};

/// What a series remembers: the position; since when it waits for `match`; when it last read what `no_match` finds.
struct Remembered {
    Bookmark mark;
    Moment waiting_since;
    std::optional<Moment> unwanted_at;

    [[nodiscard]] std::string text() const {
        return mark.text() + "\n" + waiting_since.text() + "\n" + (unwanted_at ? unwanted_at->text() : "");
    }

    static std::optional<Remembered> parse(const std::string& text) {
        std::istringstream stream(text);
        std::array<std::string, 3> lines;
        for (std::string& line : lines) {
            std::getline(stream, line);
        }
        const auto mark = Bookmark::parse(lines[0]);
        const auto waiting = Moment::parse(lines[1]);
        return mark && waiting ? std::optional(Remembered{*mark, *waiting, Moment::parse(lines[2])}) : std::nullopt;
    }
};

void fill(StepReport& report, const Search& search) {
    report.output("lines", static_cast<double>(search.wanted));
    report.output("unwanted", static_cast<double>(search.unwanted));
    report.output("line", search.wanted_line);
    report.output("unwanted_line", search.unwanted_line);
    report.note(
        fmt::format("{} lines read; {} are wanted, {} are not", search.reading.lines, search.wanted, search.unwanted));
    tell_reading(report, search.reading);
}

Outcome judge(const Search& search, const Remembered& now, std::optional<Duration> within, bool first) {
    const std::string file = quotable(search.file);
    if (search.unwanted > 0) {
        const std::string more = search.unwanted == 1 ? "" : fmt::format(" (and {} more)", search.unwanted - 1);
        return Outcome::failed(fmt::format("log {} says \"{}\"{}, which matches '{}'", file,
                                           quotable(search.unwanted_line, {}, 200), more, search.no_match->text()));
    }
    if (search.no_match && within && now.unwanted_at) {
        const Duration ago = span_since(*now.unwanted_at, now.mark.moment);
        if (ago <= *within) {
            return Outcome::failed(fmt::format("log {} had a line that matches '{}' {:.0f} s ago, within {}", file,
                                               search.no_match->text(), schemas::to_seconds(ago),
                                               schemas::to_text(*within)));
        }
    }
    if (!search.match || search.wanted > 0 || (first && !within)) {
        return Outcome::ok();
    }
    const Duration waited = span_since(now.waiting_since, now.mark.moment);
    if (within && waited <= *within) {
        return Outcome::ok();
    }
    if (search.reading.behind >= search.limits.line_bytes) {
        return Outcome::fault(fmt::format(
            "{} bytes of log {} were not read in time, so nothing can be said: run more often, or raise max_bytes",
            search.reading.behind, file));
    }
    if (search.reading.lost) {
        return Outcome::fault(fmt::format(
            "log {} was truncated, or compressed as soon as it was rotated (logrotate: delaycompress): whether it had "
            "a line that matches '{}' cannot be said",
            file, search.match->text()));
    }
    return Outcome::failed(within ? fmt::format("log {} has had no line that matches '{}' for {:.0f} s, longer than {}",
                                                file, search.match->text(), schemas::to_seconds(waited),
                                                schemas::to_text(*within))
                                  : fmt::format("log {} has had no line that matches '{}' since the last run: {} lines "
                                                "were added",
                                                file, search.match->text(), search.reading.lines));
}

std::optional<schemas::Pattern> copy_of(const schemas::Pattern* pattern) {
    return pattern == nullptr ? std::nullopt : std::optional(*pattern);
}

Task<Outcome> run(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const auto search = std::make_shared<Search>();
    set_up(*search, context);
    search->match = copy_of(arguments.pattern("match"));
    search->no_match = copy_of(arguments.pattern("no_match"));
    if (!search->match && !search->no_match) {
        co_return Outcome::fault("log.match needs to know what to look for: write match, no_match or both");
    }
    const TimePoint begun = Loop::now();
    const std::string name = "log.match " + search->file + "\n" + (search->match ? search->match->text() : "") + "\n" +
                             (search->no_match ? search->no_match->text() : "");
    const std::optional<std::string> recalled = context.memory.recall(name);
    const std::optional<Remembered> then = recalled ? Remembered::parse(*recalled) : std::nullopt;
    if (then) {
        search->from = then->mark.position;
    }
    auto done = co_await read_aside(context, search, name, recalled);
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    const Bookmark mark = Bookmark::at(search->reading.position, begun, context.wall_now);
    Remembered now{mark, mark.moment, mark.moment};
    if (search->wanted == 0 && then) {
        now.waiting_since = then->waiting_since;
    }
    if (search->unwanted == 0) {
        now.unwanted_at = then ? then->unwanted_at : std::nullopt;
    }
    context.memory.remember(name, now.text());
    if (!then) {
        context.report.note("first reading: what was in the log before does not count");
    }
    fill(context.report, *search);
    const std::optional<Duration> within =
        arguments.has("max_age") ? std::optional(arguments.duration("max_age")) : std::nullopt;
    co_return judge(*search, now, within, !then);
}

constexpr Operation operations[] = {{
    .info = {.name = "log.match",
             .levels = "A1 A0",
             .summary = "looks for a line that must, or must not, have been added to a log file",
             .parameters = parameters,
             .outputs = outputs,
             .example = R"toml(do = "log.match"
file = "/var/log/backup.log"
match = 'backup finished: 0 errors'
no_match = 'FATAL'
max_age = "26 h"
)toml",
             .alternatives = alternatives},
    .run = run,
}};

}  // namespace

std::span<const Operation> log_match_operations() {
    return operations;
}

}  // namespace slimtax::probes
