// counter.command, counter.http, counter.ldap, counter.sql, counter.dns: users' work where a service counts it itself
// (A4). The number is read by the operation that asks such a source anyway (command.run, http.get, ldap.search,
// postgres.query, dns.query), with all its parameters; here it becomes units of work since the last run.
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <optional>
#include <span>
#include <sstream>
#include <vector>

#include "probes/extract.hpp"
#include "probes/log_bookmark.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"
#include "schemas/extraction.hpp"

namespace slimtax::probes {

std::span<const Operation> command_operations();
std::span<const Operation> dns_operations();
std::span<const Operation> http_operations();
std::span<const Operation> ldap_operations();
std::span<const Operation> postgres_operations();

namespace {

using schemas::Duration;
using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

std::string number_flaw(std::string_view text) {
    const auto function = schemas::Extraction::parse_whole(text);
    if (function) {
        return {};
    }
    const schemas::ConditionError& error = function.error();
    return error.hint.empty() ? error.message : error.message + " (" + error.hint + ")";
}

constexpr std::array counter_parameters{
    Parameter{.name = "number",
              .help =
                  "Where the number stands in the answer: json(\"/pointer\"), prometheus(\"name{label=\\\"x\\\"}\"), "
                  "css(\"path\") or regex(\"pattern\"), as in `expect`; omitted: the answer is the number.",
              .example = R"('json("/jobs/done")')",
              .flaw = &number_flaw},
    Parameter{.name = "unit", .help = "What is counted, for pages and exports.", .example = R"("messages")"},
    Parameter{.name = "gauge",
              .type = ParameterType::boolean,
              .fallback = "false",
              .help = "True for a number that goes up and down: it is kept as a figure, and no work is counted."},
};

constexpr std::array counter_outputs{
    Output{"total", OutputType::number, "The number as it was read."},
    Output{"count", OutputType::number, "How much was added since the last reading; nothing in the first one."},
    Output{"span", OutputType::duration, "The time that it was added in: since the last reading."},
    Output{"rate", OutputType::number, "Added per second; only after the first reading."},
    Output{"reset", OutputType::boolean, "Whether the counter began again: what it shows now was added since."},
};

/// What a series remembers: the number, and when it was read.
struct Reading {
    double total = 0;
    Moment moment;

    [[nodiscard]] std::string text() const { return fmt::format("1 {} {}", total, moment.text()); }

    static std::optional<Reading> parse(const std::string& text) {
        std::istringstream stream(text);
        int version = 0;
        Reading reading;
        std::string rest;
        stream >> version >> reading.total;
        std::getline(stream, rest);
        const auto moment = Moment::parse(rest);
        if (!stream || version != 1 || !moment) {
            return std::nullopt;
        }
        reading.moment = *moment;
        return reading;
    }
};

/// The series' memory goes to a file, and an address or a command may hold a secret: the name is a hash of them.
std::string memory_name(const schemas::OperationInfo& info, const Arguments& arguments) {
    std::string all;
    for (const Parameter& parameter : info.parameters) {
        if (parameter.name == "password") {
            continue;
        }
        if (parameter.type == ParameterType::text || parameter.type == ParameterType::choice) {
            all += arguments.text(parameter.name);
        } else if (parameter.type == ParameterType::text_list) {
            for (const std::string& word : arguments.list(parameter.name)) {
                all += word + '\0';
            }
        }
        all += '\n';
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    ::EVP_Digest(all.data(), all.size(), digest.data(), nullptr, ::EVP_sha256(), nullptr);
    std::string name(info.name);
    name += ' ';
    for (std::size_t i = 0; i < 16; ++i) {
        name += fmt::format("{:02x}", digest[i]);
    }
    return name;
}

/// The number that a text is, blanks and the quotes of a TXT record aside.
std::optional<double> number_in(std::string_view text) {
    constexpr std::string_view around = " \t\r\n\"";
    const std::size_t begin = text.find_first_not_of(around);
    if (begin == std::string_view::npos) {
        return std::nullopt;
    }
    text = text.substr(begin, text.find_last_not_of(around) - begin + 1);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

/// Where a kind of counter gets its number.
struct Source {
    std::string_view name;
    const Operation* asks;
    std::string_view answer;  ///< the output that holds the text to look into
    std::string_view summary;
    std::string_view example;
};

/// Where it was read, for a sentence: "www1", or the command.
std::string whom(const Source& source, const StepContext& context) {
    if (source.name == "counter.command" && !context.arguments.list("argv").empty()) {
        return "command " + quotable(context.arguments.list("argv").front(), {}, 200);
    }
    return context.target.empty() ? std::string(source.name) : quotable(context.target, {}, 200);
}

/// The number in what the source's operation has left; or the outcome that says why there is none.
tl::expected<double, Outcome> find_number(const Source& source, const StepContext& context) {
    const schemas::Outputs& outputs = context.report.outputs;
    const schemas::OutputValue* found = outputs.find(source.answer);
    const std::string* const answer = found == nullptr ? nullptr : std::get_if<std::string>(found);
    const std::string& where = context.arguments.text("number");
    const std::string asked = whom(source, context);
    schemas::OutputValue value = answer == nullptr ? std::string() : *answer;
    if (!where.empty()) {
        const auto function = schemas::Extraction::parse_whole(where);
        if (!function) {
            return tl::unexpected(Outcome::fault(fmt::format("number = '{}': {}", where, function.error().message)));
        }
        auto extracted = extract(*function, answer == nullptr ? std::string_view() : *answer);
        if (!extracted) {
            return tl::unexpected(
                Outcome::failed(fmt::format("the counter of {} cannot be read: {}", asked, extracted.error())));
        }
        value = std::move(*extracted);
    } else if (const auto* perf = outputs.find("value"); source.name == "counter.command" && perf != nullptr) {
        value = *perf;  // a plugin's figure
    }
    const std::string* const text = std::get_if<std::string>(&value);
    const double* const real = std::get_if<double>(&value);
    const std::optional<double> number = text != nullptr                           ? number_in(*text)
                                         : real != nullptr && std::isfinite(*real) ? std::optional(*real)
                                                                                   : std::nullopt;
    if (!number) {
        const std::string said = text == nullptr || text->empty() ? "nothing" : "\"" + quotable(*text, {}, 80) + "\"";
        return tl::unexpected(
            Outcome::failed(fmt::format("the counter of {} shows {}, which is no number{}", asked, said,
                                        where.empty() ? "; say with `number` where in the answer it stands" : "")));
    }
    return *number;
}

Outcome count(StepContext& context, double total, const std::string& name, const std::optional<std::string>& recalled,
              TimePoint begun) {
    StepReport& report = context.report;
    if (total < 0) {
        return Outcome::failed(fmt::format("the counter shows {}: a number that can be negative is a gauge", total));
    }
    if (context.memory.recall(name) != recalled) {  // overlapping runs would count the same work twice
        return Outcome::fault(
            "another run of this series read the counter at the same time; say exclusive = true, or "
            "make the time-out shorter than the interval");
    }
    const std::optional<Reading> then = recalled ? Reading::parse(*recalled) : std::nullopt;
    Reading now{total, Moment::at(begun, context.wall_now)};
    if (!then) {
        report.note("first reading: counting begins here");
        report.output("count", 0.0);
        report.output("reset", false);
        context.memory.remember(name, now.text());
        return Outcome::ok();
    }
    const bool reset = total < then->total;
    const double added = reset ? total : total - then->total;
    const double whole = std::floor(added);
    now.total = total - (added - whole);  // what is left of a unit counts the next time
    context.memory.remember(name, now.text());
    const Duration span = span_since(then->moment, now.moment);
    report.output("count", whole);
    report.output("span", schemas::to_seconds(span));
    report.output("reset", reset);
    if (span > Duration(0)) {
        report.output("rate", added / schemas::to_seconds(span));
    }
    if (reset) {
        report.note(fmt::format("the counter began again: it showed {} before", then->total));
    }
    constexpr double most = 9e15;  // a larger number is exact no more
    report.work += static_cast<std::uint64_t>(std::min(whole, most));
    report.work_span = std::max(report.work_span, span);
    report.note(fmt::format("{} more since the last reading", whole));
    return Outcome::ok();
}

const std::vector<Source>& sources() {
    const auto row = [](std::span<const Operation> rows, std::string_view name) {
        return &*std::ranges::find(rows, name, [](const Operation& operation) { return operation.info.name; });
    };
    static const std::vector<Source> all{
        {"counter.command", row(command_operations(), "command.run"), "output",
         "counts work by a number that a command of this machine prints", R"toml(do = "counter.command"
argv = ["/usr/local/bin/spool-count", "--delivered"]
unit = "messages"
)toml"},
        {"counter.dns", row(dns_operations(), "dns.query"), "records",
         "counts work by a number that a name server tells of itself, in class CHAOS", R"toml(do = "counter.dns"
name = "hits.bind"
type = "TXT"
class = "CHAOS"
unit = "answers"
)toml"},
        {"counter.http", row(http_operations(), "http.get"), "body",
         "counts work by a number on a page: JSON, Prometheus metrics or text", R"toml(do = "counter.http"
url = "http://${target}:9100/metrics"
number = 'prometheus("loans_renewed_total")'
unit = "loans"
)toml"},
        {"counter.ldap", row(ldap_operations(), "ldap.search"), "value",
         "counts work by a number that a directory holds, such as its own operations", R"toml(do = "counter.ldap"
base = "cn=Search,cn=Operations,cn=Monitor"
scope = "base"
attributes = ["monitorOpCompleted"]
unit = "searches"
)toml"},
        {"counter.sql", row(postgres_operations(), "postgres.query"), "value",
         "counts work by a number that a PostgreSQL database knows", R"toml(do = "counter.sql"
user = "probe"
password = "${secret:database-probe}"
database = "loans"
query = "SELECT max(id) FROM renewals"
unit = "renewals"
)toml"},
    };
    return all;
}

template <std::size_t index>
Task<Outcome> run(StepContext& context) {
    const Source& source = sources()[index];
    const TimePoint begun = Loop::now();
    const std::string name = memory_name(source.asks->info, context.arguments);
    const std::optional<std::string> recalled = context.memory.recall(name);
    Outcome asked = co_await source.asks->run(context);
    if (asked.verdict != schemas::Verdict::ok) {
        co_return asked;
    }
    const auto total = find_number(source, context);
    if (!total) {
        co_return total.error();
    }
    context.report.output("total", *total);
    context.report.figure("total", *total, context.arguments.text("unit"));
    context.report.note(fmt::format("the counter shows {}", *total));
    if (context.arguments.flag("gauge")) {
        co_return Outcome::ok();
    }
    co_return count(context, *total, name, recalled, begun);
}

/// What the source's operation takes and leaves, and the counter's own.
struct Tables {
    std::vector<Parameter> parameters;
    std::vector<Output> outputs;
};

std::vector<Operation> make_rows() {
    static std::deque<Tables> tables;  // stay where they are: the rows point at them
    constexpr std::array<RunStep, 5> runs{run<0>, run<1>, run<2>, run<3>, run<4>};
    std::vector<Operation> rows;
    for (std::size_t i = 0; i < sources().size(); ++i) {
        const Source& source = sources()[i];
        const schemas::OperationInfo& asks = source.asks->info;
        Tables& its = tables.emplace_back();
        its.parameters.assign(asks.parameters.begin(), asks.parameters.end());
        its.parameters.insert(its.parameters.end(), counter_parameters.begin(), counter_parameters.end());
        its.outputs.assign(asks.outputs.begin(), asks.outputs.end());
        its.outputs.insert(its.outputs.end(), counter_outputs.begin(), counter_outputs.end());
        schemas::OperationInfo info = asks;
        info.name = source.name;
        info.levels = "A4 A1";
        info.summary = source.summary;
        info.parameters = its.parameters;
        info.outputs = its.outputs;
        info.example = source.example;
        rows.push_back({info, runs.at(i)});
    }
    return rows;
}

}  // namespace

std::span<const Operation> counter_operations() {
    static const std::vector<Operation> rows = make_rows();
    return rows;
}

}  // namespace slimtax::probes
