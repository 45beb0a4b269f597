#include "prober/commands/new_definition.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "schemas/expansion.hpp"
#include "schemas/operation_words.hpp"
#include "schemas/toml_document.hpp"
#include "schemas/units.hpp"

namespace slimtax::prober {
namespace {

using schemas::Duration;
using schemas::Level;
using schemas::OperationInfo;
using schemas::Parameter;
using schemas::TomlNode;
using namespace std::chrono_literals;

constexpr std::string_view schema_address = "https://slimtax.example/definitions.schema.json";
constexpr std::size_t widest = 110;  // columns of a comment

/// One line, or a few, of an example: a key with its value, as its author wrote and aligned it.
struct Line {
    std::string key;
    std::string text;
    const TomlNode* value;
};

/// An operation's example, taken apart.
class Example {
public:
    explicit Example(const OperationInfo& info) {
        schemas::Problems problems;
        document_ = schemas::TomlDocument::parse(info.example, "", problems);
        if (!document_) {
            return;  // a test demands good ones
        }
        std::vector<std::string> source;
        for (std::string_view rest = info.example; !rest.empty();) {
            const std::size_t end = std::min(rest.find('\n'), rest.size());
            source.emplace_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        const auto& entries = *document_->root().as<TomlNode::Table>();
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const auto begin = static_cast<std::size_t>(entries[i].key_at.line - 1);
            const auto end =
                i + 1 < entries.size() ? static_cast<std::size_t>(entries[i + 1].key_at.line - 1) : source.size();
            Line line{entries[i].key, "", &entries[i].node};
            for (std::size_t at = begin; at < end; ++at) {
                line.text += fmt::format("{}{}", at == begin ? "" : "\n", source[at]);
            }
            lines.push_back(std::move(line));
        }
    }

    [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
    [[nodiscard]] const Line* find(std::string_view key) const {
        const auto it = std::ranges::find(lines, key, &Line::key);
        return it == lines.end() ? nullptr : &*it;
    }
    [[nodiscard]] Duration duration(std::string_view key) const {
        const Line* line = find(key);
        const auto* text = line != nullptr ? line->value->as<std::string>() : nullptr;
        const auto parsed = text != nullptr ? schemas::parse_duration(*text) : schemas::Parsed<Duration>(Duration(0));
        return parsed.value_or(Duration(0));
    }
    [[nodiscard]] bool always() const {
        const Line* line = find("always");
        const auto* flag = line != nullptr ? line->value->as<bool>() : nullptr;
        return flag != nullptr && *flag;
    }

    std::vector<Line> lines;

private:
    std::unique_ptr<schemas::TomlDocument> document_;
};

/// A comment, broken into lines between words.
std::string comment(std::string_view text, std::string_view indent = "# ") {
    std::string lines;
    std::string line(indent);
    std::size_t columns = 0;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        const std::string_view word = rest.substr(0, end);
        if (columns > 0 && columns + 1 + word.size() > widest - indent.size()) {
            lines += line + "\n";
            line = std::string(indent) + std::string(indent.size() > 2 ? "" : "  ");
            columns = 0;
        }
        line += columns > 0 ? " " : "";
        line += word;
        columns += word.size() + 1;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return lines + line + "\n";
}

std::string quoted(std::string_view text) {
    std::string whole = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            whole += '\\';
        }
        whole += c;
    }
    return whole + "\"";
}

/// "url: text; default: the target. The address …"
std::string about(const OperationInfo& info, const Parameter& parameter) {
    std::string terms = schemas::type_text(parameter);
    for (const std::string& more :
         {schemas::when_omitted(info, parameter), schemas::alternatives_text(info, parameter)}) {
        terms += more.empty() ? "" : "; " + more;
    }
    return comment(fmt::format("{}: {}. {}", parameter.name, terms, schemas::as_sentence(parameter.help)));
}

/// A condition that the first outputs could be asked to meet.
std::string sample_condition(const OperationInfo& info) {
    const schemas::Output& output = info.outputs.front();
    switch (output.type) {
        case schemas::OutputType::number: return fmt::format("{} >= 1", output.name);
        case schemas::OutputType::text: return fmt::format("{} contains 'words'", output.name);
        case schemas::OutputType::boolean: return fmt::format("{} == true", output.name);
        case schemas::OutputType::duration: return fmt::format("{} < 500ms", output.name);
    }
    return {};
}

/// The script: what the operation leans on, itself, and what closes both, in order.
std::vector<const OperationInfo*> script_of(const OperationInfo& info, schemas::Catalog catalog) {
    std::vector<const OperationInfo*> script{&info};
    while (!script.front()->after.empty()) {
        const OperationInfo* before = schemas::find_operation(catalog, script.front()->after);
        if (before == nullptr || std::ranges::find(script, before) != script.end()) {
            break;
        }
        script.insert(script.begin(), before);
    }
    // What was opened last is closed first.
    const std::vector<const OperationInfo*> opened(script.rbegin(), script.rend());
    for (const OperationInfo* opener : opened) {
        for (const OperationInfo* other : catalog) {
            if (other->after == opener->name && Example(*other).always() &&
                std::ranges::find(script, other) == script.end()) {
                script.push_back(other);
            }
        }
    }
    return script;
}

class Writer {
public:
    Writer(const OperationInfo& info, schemas::Catalog catalog, const NewDefinition& wishes)
        : info_(info), wishes_(wishes), script_(script_of(info, catalog)) {
        service_ = wishes.service.empty() ? "my-service" : wishes.service;
        target_ = wishes.target;
        const bool wants_target = std::ranges::any_of(script_, [](const OperationInfo* step) {
            return !step->target_parameter.empty() || step->example.find("${target}") != std::string_view::npos;
        });
        if (target_.empty() && wants_target) {
            target_ = "server.campus.example";
        }
    }

    std::string write() {
        std::string steps;
        for (const OperationInfo* step : script_) {
            steps += "\n" + (step == &info_ ? main_step() : side_step(*step));
        }
        return head(steps) + service() + objective() + probe() + steps;
    }

private:
    [[nodiscard]] std::string head(std::string_view steps) const {
        std::string text = fmt::format("#:schema {}\n", schema_address);
        text += comment(fmt::format("{}: {}", info_.name, schemas::as_sentence(info_.summary)));
        text +=
            "#\n"
            "# 1. Change what is marked with <-- at the end of the line.\n"
            "# 2. Take the # away from the options that you want; 'slimtax-prober list " +
            std::string(info_.name) +
            "' explains them.\n"
            "# 3. slimtax-prober try FILE      runs it now\n"
            "#    slimtax-prober check FILE    names every mistake\n";
        std::set<std::string> names;
        for (const schemas::Reference& reference : schemas::references(without_comments(steps))) {
            if (reference.kind == schemas::Reference::Kind::secret && names.insert(reference.name).second) {
                text += fmt::format("#    ${{secret:{}}} is $SLIMTAX_SECRET_{} while you try.\n", reference.name,
                                    variable(reference.name));
            }
        }
        return text;
    }

    static std::string without_comments(std::string_view text) {
        std::string live;
        while (!text.empty()) {
            const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
            if (!text.starts_with('#')) {
                live += text.substr(0, end);
            }
            text.remove_prefix(end);
        }
        return live;
    }

    static std::string variable(std::string_view name) {
        std::string upper;
        for (const char c : name) {
            upper += c == '-' || c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
        return upper;
    }

    [[nodiscard]] std::string service() const {
        return fmt::format(R"(
[service]
id    = {}  # stable: the history hangs on it  <--
title = {}  # what people call it  <--
owner = "team@campus.example"  # whom to ask  <--
about = "What is promised to whom, in a sentence or two."  # <--

# When it has to be available; omitted: always.
#[window]
#timezone = "Europe/Berlin"
#open     = ["mon-fri 07:00-22:00", "sat 09:00-18:00"]
)",
                           quoted(service_), quoted(service_));
    }

    [[nodiscard]] std::string objective() const {
        std::string text =
            fmt::format("\n# Level {}: {}.\n[[objective]]\nid       = {}\nlevel    = \"{}\"\n",
                        to_string(wishes_.level), plain_words(wishes_.level), quoted(id()), to_string(wishes_.level));
        switch (wishes_.level) {
            case Level::A0:
            case Level::A1: text += "budget   = \"60 min per week\"  # that much outage is accepted  <--\n"; break;
            case Level::A2: text += "budget   = \"50 min per week\"  # that much outage is accepted  <--\n"; break;
            case Level::A3:
                text +=
                    "bands    = [ { up_to = \"2s\", at_least = \"98%\" } ]  # which share of the runs is how fast  "
                    "<--\n"
                    "budget   = \"60 min per week\"  # that much outage is accepted  <--\n";
                break;
            case Level::A4:
                text += info_.example.find("(?<user>") != std::string_view::npos
                            ? "users    = \"200 active within 15 min\"  # how many work with it  <--\n"
                              "work     = \"30 per user per hour\"  # and how much each gets done  <--\n"
                            : "total    = \"1000 per hour\"  # how much is got done by all  <--\n";
                text += "budget   = \"2 h per week\"  # minutes in which less was got done than that  <--\n";
                break;
        }
        return text + "recovery = \"15 min\"  # the outage that matters: probes must run often enough to see it  <--\n";
    }

    [[nodiscard]] std::string probe() const {
        std::string text =
            fmt::format("\n[[probe]]\nid       = {}\nlevel    = \"{}\"", quoted(id()), to_string(wishes_.level));
        std::string others;
        for (const std::string_view level : schemas::levels_of(info_)) {
            others += level == to_string(wishes_.level) ? "" : fmt::format("{}{}", others.empty() ? "" : ", ", level);
        }
        text += others.empty() ? "\n" : fmt::format("  # {} fits {} too\n", info_.name, others);
        if (!target_.empty()) {
            text += fmt::format("targets  = [{}]  # one series each; ${{target}} in the steps  <--\n", quoted(target_));
            text += "#from     = [\"noc\"]  # the locations that run it; omitted: every one\n";
        } else {
            text += "#from     = [\"host\"]  # only the prober on the host that it looks at; omitted: every one\n";
        }
        const auto [timeout, every] = pace();
        text += fmt::format("every    = \"{}\"\ntimeout  = \"{}\"  # of the whole script\n",
                            every == Duration(60s) ? "60s" : schemas::to_text(every), schemas::to_text(timeout));
        return text + "#think    = \"1s..4s\"  # a pause before each step, as users make it\n";
    }

    /// Long enough for the steps, and both seldom enough and often enough to see an outage of 15 min.
    [[nodiscard]] std::pair<Duration, Duration> pace() const {
        Duration needed = 0s;
        for (const OperationInfo* step : script_) {
            const Example example(*step);
            needed += std::max(example.duration("timeout"), example.duration("within") + Duration(1s));
        }
        for (const Duration timeout : {Duration(20s), Duration(30s), Duration(60s), Duration(120s), Duration(300s)}) {
            if (needed < timeout) {
                return {timeout, std::max(timeout, Duration(60s))};
            }
        }
        return {needed + Duration(60s), Duration(300s)};
    }

    /// A step of another operation: its example, and no more.
    [[nodiscard]] std::string side_step(const OperationInfo& step) const {
        const Example example(step);
        std::string text = "[[probe.step]]";
        text += example.always() ? "  # after a failure too: back to a known state\n"
                                 : fmt::format("  # 'slimtax-prober list {}' shows its options\n", step.name);
        for (const Line& line : example.lines) {
            const bool own = std::ranges::find(step.parameters, line.key, &Parameter::name) != step.parameters.end();
            text += line.text + (own ? "  # <--\n" : "\n");
        }
        return text;
    }

    /// The step that the file is about: what its example has as it stands, all else as comments.
    [[nodiscard]] std::string main_step() const {
        const Example example(info_);
        std::string text = "[[probe.step]]\n";
        for (const Line& line : example.lines) {
            text += live_line(line);
        }
        std::string options;
        for (const Parameter& parameter : info_.parameters) {
            if (example.has(parameter.name) && !replaced_by_target(parameter.name)) {
                continue;
            }
            const bool must = parameter.required && (parameter.name != info_.target_parameter || target_.empty());
            std::string& place = must ? text : options;
            place += about(info_, parameter);
            place += fmt::format("{}{} = {}{}\n", must ? "" : "#", parameter.name, schemas::sample_value(parameter),
                                 must ? "  # <--" : "");
        }
        if (!options.empty()) {
            text += "\n# --- Options of " + std::string(info_.name) + "\n" + options;
        }
        return text + common(example);
    }

    [[nodiscard]] std::string live_line(const Line& line) const {
        const auto parameter = std::ranges::find(info_.parameters, line.key, &Parameter::name);
        if (parameter == info_.parameters.end()) {
            return line.text + "\n";
        }
        if (replaced_by_target(line.key)) {
            return "";
        }
        const bool settled = line.text.find("${target}") != std::string::npos;
        return about(info_, *parameter) + line.text + (settled ? "\n" : "  # <--\n");
    }

    /// `url = "https://${target}/"` makes no sense with a target that is an address itself: that fills it.
    [[nodiscard]] bool replaced_by_target(std::string_view key) const {
        return key == info_.target_parameter && target_.find("://") != std::string::npos;
    }

    /// The keys of every step, and what `expect` and `save` may look at.
    [[nodiscard]] std::string common(const Example& example) const {
        std::string text = "\n# --- Options of every step\n";
        const bool own_name = std::ranges::find(info_.parameters, "name", &Parameter::name) != info_.parameters.end();
        if (!own_name && !example.has("name")) {
            text += "#name = \"what pages call this step\"\n";
        }
        if (!example.has("timeout")) {
            text += fmt::format("#timeout = \"{}\"  # of this step\n", schemas::to_text(std::get<0>(pace())));
        }
        if (!example.has("within")) {
            const Duration limit = example.duration("timeout");
            text += fmt::format("#within = \"{}\"  # slower is `slow`, not `failed`\n",
                                limit > Duration(0) && limit <= Duration(2s) ? schemas::to_text(limit / 2) : "2s");
        }
        if (!info_.outputs.empty()) {
            text += "# It leaves behind, for `expect` and `save`:\n";
            for (const schemas::Output& output : info_.outputs) {
                text += comment(fmt::format("{} ({}): {}", output.name, schemas::word_of(output.type),
                                            schemas::as_sentence(output.help)),
                                "#   ");
            }
            if (!example.has("expect")) {
                text += fmt::format("#expect = \"{}\"\n", sample_condition(info_));
            }
            if (!example.has("save")) {
                text += fmt::format("#save = {{ it = \"{}\" }}  # ${{save.it}} in later steps\n",
                                    info_.outputs.front().name);
            }
        }
        return text;
    }

    [[nodiscard]] std::string id() const {
        std::string id(info_.name);
        std::ranges::replace(id, '.', '-');
        return id;
    }

    const OperationInfo& info_;
    const NewDefinition& wishes_;
    std::vector<const OperationInfo*> script_;
    std::string service_;
    std::string target_;
};

}  // namespace

Level usual_level(const OperationInfo& info) {
    std::vector<Level> levels;
    for (const std::string_view word : schemas::levels_of(info)) {
        if (const auto level = schemas::parse_level(word)) {
            levels.push_back(*level);
        }
    }
    if (levels.empty()) {
        return Level::A2;
    }
    const bool remote = !info.target_parameter.empty() || !info.after.empty();
    const auto seen = std::ranges::find_if(levels, [](Level level) { return level >= Level::A2; });
    return remote && seen != levels.end() ? *seen : levels.front();
}

std::string new_definition(const OperationInfo& info, schemas::Catalog catalog, const NewDefinition& wishes) {
    return Writer(info, catalog, wishes).write();
}

}  // namespace slimtax::prober
