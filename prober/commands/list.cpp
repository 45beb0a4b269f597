#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "prober/commands/commands.hpp"
#include "prober/commands/common.hpp"
#include "prober/commands/operations.hpp"
#include "probes/registry.hpp"
#include "schemas/definitions_schema.hpp"
#include "schemas/operation_words.hpp"
#include "schemas/reference.hpp"
#include "schemas/words.hpp"

namespace slimtax::prober {
namespace {

using schemas::OperationInfo;
using schemas::Output;
using schemas::Parameter;

// The rest of a paragraph stands below its first line's text.
void print_wrapped(std::string_view text, std::size_t indent) {
    constexpr std::size_t widest = 100;
    std::size_t column = indent;
    std::cout << std::string(indent, ' ');
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (column > indent && column + 1 + end > widest) {
            std::cout << '\n' << std::string(indent, ' ');
            column = indent;
        }
        std::cout << (column > indent ? " " : "") << text.substr(0, end);
        column += end + (column > indent ? 1 : 0);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    std::cout << '\n';
}

void print_full(const OperationInfo& info) {
    std::cout << fmt::format("{}  ({})\n", info.name, info.levels);
    print_wrapped(schemas::as_sentence(info.summary), 2);
    for (const std::string_view word : schemas::levels_of(info)) {
        if (const auto level = schemas::parse_level(word)) {
            std::cout << fmt::format("  {}: {}\n", word, plain_words(*level));
        }
    }
    if (!info.after.empty()) {
        std::cout << fmt::format("  Needs a step {} before it in the script.\n", info.after);
    }
    if (!info.parameters.empty()) {
        std::cout << "\n  Parameters\n";
        for (const Parameter& parameter : info.parameters) {
            const std::string left_out = schemas::when_omitted(info, parameter);
            std::cout << fmt::format("    {:<14} {}{}{}\n", parameter.name, schemas::type_text(parameter),
                                     left_out.empty() ? "" : "; ", left_out);
            if (const std::string beside = schemas::alternatives_text(info, parameter); !beside.empty()) {
                print_wrapped(schemas::as_sentence(beside), 21);
            }
            print_wrapped(schemas::as_sentence(parameter.help), 21);
            if (!parameter.example.empty()) {
                std::cout << fmt::format("{:21}as in: {} = {}\n", "", parameter.name, parameter.example);
            }
        }
    }
    std::cout << "\n  Every step also takes timeout, within, expect, save, think and always.\n";
    if (!info.outputs.empty()) {
        std::cout << "\n  For expect and save\n";
        for (const Output& output : info.outputs) {
            std::cout << fmt::format("    {:<14} {}\n", output.name, schemas::word_of(output.type));
            print_wrapped(schemas::as_sentence(output.help), 21);
        }
    }
    std::cout << "\n  Example\n    [[probe.step]]\n";
    for (std::string_view rest = info.example; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::cout << fmt::format("    {}\n", rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    std::cout << fmt::format("\n  'slimtax-prober new {}' begins a definition with it.\n", info.name);
}

nlohmann::json to_json(const OperationInfo& info) {
    nlohmann::json out{{"name", info.name},
                       {"levels", info.levels},
                       {"summary", info.summary},
                       {"target_parameter", info.target_parameter},
                       {"after", info.after},
                       {"example", info.example},
                       {"parameters", nlohmann::json::array()},
                       {"outputs", nlohmann::json::array()}};
    for (const Parameter& parameter : info.parameters) {
        nlohmann::json row{{"name", parameter.name},         {"type", schemas::word_of(parameter.type)},
                           {"required", parameter.required}, {"default", parameter.fallback},
                           {"help", parameter.help},         {"example", parameter.example}};
        if (parameter.type == schemas::ParameterType::integer && parameter.least != parameter.most) {
            row["least"] = parameter.least;
            row["most"] = parameter.most;
        }
        if (!parameter.choices.empty()) {
            row["choices"] = std::vector<std::string>(parameter.choices.begin(), parameter.choices.end());
        }
        out["parameters"].push_back(std::move(row));
    }
    for (const Output& output : info.outputs) {
        out["outputs"].push_back(
            {{"name", output.name}, {"type", schemas::word_of(output.type)}, {"help", output.help}});
    }
    return out;
}

void print_lines(const std::vector<const OperationInfo*>& infos) {
    std::size_t widest = 0;
    for (const OperationInfo* info : infos) {
        widest = std::max(widest, info->name.size());
    }
    for (const OperationInfo* info : infos) {
        std::cout << fmt::format("{:<{}}  {:<9} {}\n", info->name, widest, info->levels, info->summary);
    }
    std::cout << "\n'slimtax-prober list OPERATION' explains one in full, 'slimtax-prober new OPERATION' begins a "
                 "definition with it.\n";
}

}  // namespace

int list(const ListOptions& options) {
    const schemas::Catalog catalog = probes::catalog();
    const bool all = options.operation.empty();
    const std::vector<const OperationInfo*> infos =
        all ? std::vector<const OperationInfo*>(catalog.begin(), catalog.end())
            : find_operations(catalog, options.operation);
    if (infos.empty()) {
        complain(unknown_operation(catalog, options.operation));
        return 1;
    }
    if (options.format == "schema") {
        std::cout << schemas::definitions_schema(catalog);
    } else if (options.format == "json") {
        nlohmann::json out = nlohmann::json::array();
        for (const OperationInfo* info : infos) {
            out.push_back(to_json(*info));
        }
        std::cout << out.dump(2) << '\n';
    } else if (options.format == "markdown") {
        std::cout << (infos.size() == 1 && !all ? schemas::operation_reference(*infos.front())
                                                : schemas::operations_reference(infos));
    } else if (infos.size() == 1 && !all) {
        print_full(*infos.front());
    } else {
        print_lines(infos);
    }
    return 0;
}

}  // namespace slimtax::prober
