#include <algorithm>
#include <array>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "prober/commands/commands.hpp"
#include "prober/commands/common.hpp"
#include "probes/registry.hpp"
#include "schemas/definitions_schema.hpp"
#include "schemas/problem.hpp"
#include "schemas/reference.hpp"

namespace slimtax::prober {
namespace {

using schemas::OperationInfo;
using schemas::Output;
using schemas::Parameter;

constexpr std::array<std::string_view, 8> type_words{"text",          "whole number",   "true or false", "duration",
                                                     "list of texts", "table of texts", "pattern",       "choice"};
constexpr std::array<std::string_view, 4> output_words{"number", "text", "true or false", "duration"};

std::string type_of(const Parameter& parameter) {
    if (parameter.type == schemas::ParameterType::choice) {
        return fmt::format("{}", fmt::join(parameter.choices, " | "));
    }
    if (parameter.type == schemas::ParameterType::integer && parameter.least < parameter.most) {
        return fmt::format("{}..{}", parameter.least, parameter.most);
    }
    return std::string(type_words.at(static_cast<std::size_t>(parameter.type)));
}

std::string_view type_of(const Output& output) {
    return output_words.at(static_cast<std::size_t>(output.type));
}

// "required", "the target", "default 443", or nothing.
std::string when_left_out(const OperationInfo& info, const Parameter& parameter) {
    if (parameter.name == info.target_parameter) {
        return "default: the probe's target";
    }
    if (parameter.required) {
        return "required";
    }
    return parameter.fallback.empty() ? "" : fmt::format("default {}", parameter.fallback);
}

void print_full(const OperationInfo& info) {
    std::cout << fmt::format("{}  ({})\n  {}\n", info.name, info.levels, info.summary);
    if (!info.after.empty()) {
        std::cout << fmt::format("  Needs {} before it in the script.\n", info.after);
    }
    if (!info.parameters.empty()) {
        std::cout << "\n  Parameters\n";
        for (const Parameter& parameter : info.parameters) {
            const std::string left_out = when_left_out(info, parameter);
            std::cout << fmt::format("    {:<14} {}{}{}\n    {:<14}   {}\n", parameter.name, type_of(parameter),
                                     left_out.empty() ? "" : "; ", left_out, "", parameter.help);
        }
    }
    if (!info.outputs.empty()) {
        std::cout << "\n  For expect and save\n";
        for (const Output& output : info.outputs) {
            std::cout << fmt::format("    {:<14} {}: {}\n", output.name, type_of(output), output.help);
        }
    }
    std::cout << "\n  Example\n    [[probe.step]]\n";
    for (std::string_view rest = info.example; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::cout << fmt::format("    {}\n", rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
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
        nlohmann::json row{{"name", parameter.name},
                           {"type", type_words.at(static_cast<std::size_t>(parameter.type))},
                           {"required", parameter.required},
                           {"default", parameter.fallback},
                           {"help", parameter.help}};
        if (!parameter.choices.empty()) {
            row["choices"] = std::vector<std::string>(parameter.choices.begin(), parameter.choices.end());
        }
        out["parameters"].push_back(std::move(row));
    }
    for (const Output& output : info.outputs) {
        out["outputs"].push_back({{"name", output.name}, {"type", type_of(output)}, {"help", output.help}});
    }
    return out;
}

// All of them; the one of that name; or all of one kind ("ldap").
std::vector<const OperationInfo*> chosen(const std::string& name) {
    std::vector<const OperationInfo*> infos;
    for (const OperationInfo* info : probes::catalog()) {
        if (name.empty() || info->name == name || info->name.starts_with(name + ".")) {
            infos.push_back(info);
        }
    }
    return infos;
}

void complain_unknown(const std::string& name) {
    std::vector<std::string_view> names;
    for (const OperationInfo* info : probes::catalog()) {
        names.push_back(info->name);
    }
    const std::string near = schemas::nearest_word(name, names);
    complain(fmt::format("there is no operation '{}'{}; 'slimtax-prober list' shows all", name,
                         near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
}

}  // namespace

int list(const ListOptions& options) {
    const std::vector<const OperationInfo*> infos = chosen(options.operation);
    if (infos.empty()) {
        complain_unknown(options.operation);
        return 1;
    }
    if (options.format == "schema") {
        std::cout << schemas::definitions_schema(probes::catalog());
    } else if (options.format == "json") {
        nlohmann::json out = nlohmann::json::array();
        for (const OperationInfo* info : infos) {
            out.push_back(to_json(*info));
        }
        std::cout << out.dump(2) << '\n';
    } else if (options.format == "markdown") {
        std::cout << schemas::operations_reference(infos);
    } else if (!options.operation.empty()) {
        for (const OperationInfo* info : infos) {
            std::cout << (info == infos.front() ? "" : "\n");
            print_full(*info);
        }
    } else {
        for (const OperationInfo* info : infos) {
            std::cout << fmt::format("{:<16} {:<9} {}\n", info->name, info->levels, info->summary);
        }
        std::cout << "\n'slimtax-prober list OPERATION' shows its parameters and an example.\n";
    }
    return 0;
}

}  // namespace slimtax::prober
