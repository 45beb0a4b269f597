// command.run: a command of this machine, judged by its exit code and what it prints; Nagios plugins unchanged.
#include <fmt/format.h>
#include <signal.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "probes/exit_codes.hpp"
#include "probes/io/child.hpp"
#include "probes/io/engine.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"
#include "probes/performance_data.hpp"

namespace slimtax::probes {
namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;
using schemas::Verdict;

constexpr std::array parameters{
    Parameter{.name = "argv",
              .type = ParameterType::text_list,
              .required = true,
              .help = "The command and its arguments, one text each; no shell looks at them. A command without a "
                      "slash is looked for in PATH.",
              .example = R"(["/usr/bin/pg_isready", "--quiet"])"},
    Parameter{.name = "plugin",
              .type = ParameterType::boolean,
              .fallback = "false",
              .help = "True for a Nagios plugin: its exit code 0 is ok, 1 slow, 2 failed, 3 and all others "
                      "prober_fault, with its first line as the reason; `exit` is not looked at."},
    Parameter{.name = "perf",
              .help = "Which of the plugin's performance figures becomes the output `value`; omitted: the first.",
              .example = R"("time")"},
    Parameter{.name = "exit",
              .fallback = R"("0")",
              .help = "The exit codes that are good: numbers and ranges, as in \"0, 2-3\", or \"any\".",
              .example = R"("0")",
              .flaw = &exit_codes_flaw},
    Parameter{.name = "match",
              .type = ParameterType::pattern,
              .help = "What the standard output must match.",
              .example = R"('accepting connections')"},
    Parameter{.name = "env",
              .type = ParameterType::text_map,
              .help = "Variables for it. Of the prober's own it sees only PATH, HOME, USER, LOGNAME, LANG, LC_ALL, "
                      "TZ and TMPDIR.",
              .example = R"({ PGCONNECT_TIMEOUT = "5" })"},
    Parameter{.name = "cwd", .fallback = R"("/")", .help = "The folder that it runs in."},
    Parameter{.name = "stdin", .help = "What it reads from standard input; omitted: nothing."},
    Parameter{.name = "output_limit",
              .type = ParameterType::integer,
              .fallback = "65536",
              .help = "Bytes kept of its standard output and of its standard error; what exceeds them is dropped.",
              .least = 256,
              .most = 16 << 20},
};

constexpr std::array outputs{
    Output{"exit_code", OutputType::number, "Its exit code; 128 and the signal's number when a signal ended it."},
    Output{"output", OutputType::text, "Its standard output."},
    Output{"errors", OutputType::text, "Its standard error."},
    Output{"first_line", OutputType::text, "The first line of its output; of a plugin without the figures."},
    Output{"cpu", OutputType::duration, "The processor time that it took."},
    Output{"perfdata", OutputType::text, "The plugin's performance figures, as it wrote them."},
    Output{"value", OutputType::number, "The figure that `perf` names, as written, without its unit."},
    Output{"unit", OutputType::text, "Its unit."},
    Output{"warn", OutputType::text, "The plugin's own warning range for it, where it tells."},
    Output{"crit", OutputType::text, "The plugin's own critical range for it, where it tells."},
    Output{"min", OutputType::text, "The least that it can be, where the plugin tells."},
    Output{"max", OutputType::text, "The most that it can be, where the plugin tells."},
    Output{"figures", OutputType::number, "How many figures the plugin printed; 32 of them are kept with the result."},
};

std::string_view first_line(std::string_view text) {
    const std::size_t start = text.find_first_not_of("\r\n");
    return start == std::string_view::npos ? "" : text.substr(start, text.find_first_of("\r\n", start) - start);
}

std::string_view trimmed(std::string_view text) {
    const std::size_t start = text.find_first_not_of(" \t\r\n");
    const std::size_t end = text.find_last_not_of(" \t\r\n");
    return start == std::string_view::npos ? "" : text.substr(start, end - start + 1);
}

/// A plugin's output: text, "|", figures; more lines of text, "|", more lines of figures.
struct PluginOutput {
    std::string line;      ///< the first line's text
    std::string perfdata;  ///< all figures, separated by blanks
};

PluginOutput read_plugin_output(std::string_view output) {
    PluginOutput result;
    const std::string_view first = first_line(output);
    const std::size_t bar = first.find('|');
    result.line = trimmed(first.substr(0, bar));
    if (bar != std::string_view::npos) {
        result.perfdata = trimmed(first.substr(bar + 1));
    }
    const std::string_view rest = output.substr(std::min(output.size(), first.data() - output.data() + first.size()));
    if (const std::size_t more = rest.find('|'); more != std::string_view::npos) {
        std::string figures(trimmed(rest.substr(more + 1)));
        for (char& c : figures) {
            c = c == '\n' || c == '\r' ? ' ' : c;
        }
        result.perfdata += (result.perfdata.empty() || figures.empty() ? "" : " ") + figures;
    }
    return result;
}

/// Keeps the figures, and the one that `perf` names (the first one, where it names none) as `value`.
void take_figures(StepReport& report, const std::string& perfdata, const std::string& wanted) {
    const PerformanceData data = parse_performance_data(perfdata);
    std::size_t dropped = 0;
    bool found = false;
    for (const PerformanceFigure& figure : data.figures) {
        if (!found && (wanted.empty() || wanted == figure.label)) {
            found = true;
            report.output("value", figure.value);
            report.output("unit", figure.unit);
            report.output("warn", figure.warn);
            report.output("crit", figure.crit);
            report.output("min", figure.min);
            report.output("max", figure.max);
        }
        dropped += report.figure(figure.label, figure.value, figure.unit) ? 0 : 1;
    }
    report.output("figures", static_cast<double>(data.figures.size()));
    if (dropped > 0) {
        report.note(
            fmt::format("{} more figures are not kept: a step has room for {}", dropped, schemas::most_figures));
    }
    if (!data.malformed.empty()) {
        report.note(
            fmt::format("no figure, and ignored: {}{}", quotable(data.malformed.front()),
                        data.malformed.size() == 1 ? "" : fmt::format(" and {} more", data.malformed.size() - 1)));
    }
}

std::string exited_as(const std::string& command, const ChildEnd& end) {
    if (end.how == ChildEnd::How::killed) {
        return fmt::format("command {} was ended by signal {} ({})", command, end.code, ::strsignal(end.code));
    }
    return fmt::format("command {} exited with code {}", command, end.code);
}

Outcome judge_plugin(const std::string& command, const ChildEnd& end, const PluginOutput& output) {
    const std::string said = output.line.empty() ? quotable(first_line(end.errors)) : quotable(output.line, {}, 400);
    const std::string reason = said.empty() ? exited_as(command, end) + " and said nothing" : said;
    if (end.how == ChildEnd::How::exited && end.code >= 0 && end.code <= 3) {
        constexpr std::array verdicts{Verdict::ok, Verdict::slow, Verdict::failed, Verdict::prober_fault};
        const Verdict verdict = verdicts.at(static_cast<std::size_t>(end.code));
        return {verdict, verdict == Verdict::ok ? "" : reason};
    }
    return Outcome::fault(fmt::format("{}, which no plugin should: {}", exited_as(command, end), said));
}

Outcome judge(const std::string& command, const ChildEnd& end, const Arguments& arguments) {
    const std::optional<bool> good = holds_code(arguments.text("exit"), end.code);
    if (!good) {
        return Outcome::fault("exit: " + exit_codes_flaw(arguments.text("exit")));
    }
    if (end.how == ChildEnd::How::killed || !*good) {
        std::string said = quotable(first_line(end.errors));
        said = said.empty() ? quotable(first_line(end.output)) : said;
        return Outcome::failed(exited_as(command, end) + (said.empty() ? "" : ": " + said));
    }
    if (const schemas::Pattern* match = arguments.pattern("match"); match && !match->found_in(end.output)) {
        const std::string said = quotable(first_line(end.output));
        return Outcome::failed(fmt::format("the output of command {} does not match '{}': {}", command, match->text(),
                                           said.empty() ? "it is empty" : "it begins with \"" + said + "\""));
    }
    return Outcome::ok();
}

void fill(StepReport& report, const ChildEnd& end) {
    report.response(end.took);
    report.output("exit_code", static_cast<double>(end.how == ChildEnd::How::killed ? 128 + end.code : end.code));
    report.output("output", end.output);
    report.output("errors", end.errors);
    report.output("first_line", std::string(first_line(end.output)));
    report.output("cpu", schemas::to_seconds(end.cpu));
    for (const auto& [name, text, cut] :
         {std::tuple("output", &end.output, end.output_cut), std::tuple("errors", &end.errors, end.errors_cut)}) {
        if (!text->empty()) {
            report.note(fmt::format("{}: {}{}", name, quotable(first_line(*text), {}, 400),
                                    cut ? " (the rest was dropped)" : ""));
        }
    }
}

Task<Outcome> run(StepContext& context) {
    const Arguments& arguments = context.arguments;
    ChildOptions options;
    options.argv = arguments.list("argv");
    if (options.argv.empty() || options.argv.front().empty()) {
        co_return Outcome::fault("argv is empty: write the command and its arguments, as in [\"/bin/true\"]");
    }
    options.environment = plain_environment();
    for (const auto& [name, value] : arguments.map("env")) {
        std::erase_if(options.environment, [&name](const auto& variable) { return variable.first == name; });
        options.environment.emplace_back(name, value);
    }
    options.folder = arguments.text("cwd");
    options.input = arguments.text("stdin");
    options.output_limit = static_cast<std::size_t>(arguments.integer("output_limit"));
    const std::string command = quotable(options.argv.front());
    const Patience patience = Patience::until(context.deadline);
    const ChildEnd end = co_await run_child(context.engine.loop(), std::move(options), context.deadline);
    switch (end.how) {
        case ChildEnd::How::not_started: co_return Outcome::fault(fmt::format("command {}: {}", command, end.trouble));
        case ChildEnd::How::timed_out:
            co_return Outcome::timeout(
                fmt::format("command {} did not end {}; it was killed", command, patience.in_words()));
        case ChildEnd::How::cancelled:
            co_return Outcome::fault(fmt::format("command {} was killed because the prober stops", command));
        default: break;
    }
    fill(context.report, end);
    if (!arguments.flag("plugin")) {
        co_return judge(command, end, arguments);
    }
    const PluginOutput output = read_plugin_output(end.output);
    context.report.output("first_line", output.line);
    context.report.output("perfdata", output.perfdata);
    take_figures(context.report, output.perfdata, arguments.text("perf"));
    co_return judge_plugin(command, end, output);
}

constexpr Operation operations[] = {{
    .info = {.name = "command.run",
             .levels = "A1 A2 A3",
             .summary = "runs a command of this machine, or a Nagios plugin, and judges its exit code and output",
             .parameters = parameters,
             .outputs = outputs,
             .example = R"toml(do = "command.run"
argv = ["/usr/lib/nagios/plugins/check_dummy", "0", "all is well"]
plugin = true
)toml",
             .text_output = "output"},
    .run = run,
    .descriptors = 5,  // the process, and two pipes while it starts
}};

}  // namespace

std::span<const Operation> command_operations() {
    return operations;
}

}  // namespace slimtax::probes
