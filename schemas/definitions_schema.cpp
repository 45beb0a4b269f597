#include "schemas/definitions_schema.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "schemas/schema_files.hpp"
#include "schemas/toml_document.hpp"

namespace slimtax::schemas {
namespace {

using Json = nlohmann::ordered_json;

/// A value that a row holds as TOML text ("443", "\"/\""), or nothing when it is empty or none.
Json json_of(const TomlNode& node) {
    if (const auto* text = node.as<std::string>()) {
        return *text;
    }
    if (const auto* integer = node.as<std::int64_t>()) {
        return *integer;
    }
    if (const auto* number = node.as<double>()) {
        return *number;
    }
    if (const auto* flag = node.as<bool>()) {
        return *flag;
    }
    Json json;
    if (const auto* items = node.as<TomlNode::Array>()) {
        json = Json::array();
        for (const TomlNode& item : *items) {
            json.push_back(json_of(item));
        }
    } else if (const auto* entries = node.as<TomlNode::Table>()) {
        json = Json::object();
        for (const TomlNode::Entry& entry : *entries) {
            json[entry.key] = json_of(entry.node);
        }
    }
    return json;
}

Json json_of_toml(std::string_view text) {
    Problems problems;
    const auto document = TomlDocument::parse(fmt::format("value = {}", text), "", problems);
    return document ? json_of(*document->root().find("value")) : Json();
}

/// Everything but a pattern may be computed when the script runs.
Json computed() {
    return {{"type", "string"}, {"pattern", R"(\$\{)"}};
}

Json type_of(const Parameter& parameter) {
    Json schema;
    switch (parameter.type) {
        case ParameterType::text: schema["type"] = "string"; break;
        case ParameterType::integer: {
            Json integer{{"type", "integer"}};
            if (parameter.least != parameter.most) {
                integer["minimum"] = parameter.least;
                integer["maximum"] = parameter.most;
            }
            schema["anyOf"] = Json::array({integer, computed()});
            break;
        }
        case ParameterType::boolean: schema["anyOf"] = Json::array({Json{{"type", "boolean"}}, computed()}); break;
        case ParameterType::duration:
            schema["anyOf"] = Json::array({Json{{"$ref", "#/$defs/duration"}}, computed()});
            break;
        case ParameterType::text_list:
            schema["type"] = "array";
            schema["items"] = {{"type", "string"}};
            break;
        case ParameterType::text_map:
            schema["type"] = "object";
            schema["additionalProperties"] = {{"type", "string"}};
            break;
        case ParameterType::pattern:
            schema["type"] = "string";
            schema["format"] = "regex";
            break;
        case ParameterType::choice: {
            Json choices = Json::array();
            for (const std::string_view choice : parameter.choices) {
                choices.push_back(choice);
            }
            schema["anyOf"] = Json::array({Json{{"enum", choices}}, computed()});
            break;
        }
    }
    return schema;
}

Json schema_of(const Parameter& parameter) {
    Json schema{{"description", parameter.help}};
    schema.update(type_of(parameter));
    if (!parameter.fallback.empty()) {
        if (const Json fallback = json_of_toml(parameter.fallback); !fallback.is_null()) {
            schema["default"] = fallback;
        }
    }
    if (!parameter.example.empty()) {
        if (const Json example = json_of_toml(parameter.example); !example.is_null()) {
            schema["examples"] = Json::array({example});
        }
    }
    return schema;
}

std::string description_of(const OperationInfo& info) {
    std::string text = fmt::format("{} ({})", info.summary, info.levels);
    if (!info.after.empty()) {
        text += fmt::format(" After {}.", info.after);
    }
    if (!info.outputs.empty()) {
        text += " Outputs:";
        for (const Output& output : info.outputs) {
            text += fmt::format("{} {}", &output == &info.outputs.front() ? "" : ",", output.name);
        }
        text += ".";
    }
    return text;
}

/// A step of one operation: the keys of every step and the operation's own.
Json step_of(const OperationInfo& info, const Json& common) {
    Json properties = common;
    properties["do"] = {{"const", info.name}};
    Json required = Json::array({"do"});
    for (const Parameter& parameter : info.parameters) {
        properties[std::string(parameter.name)] = schema_of(parameter);
        // The target may fill it: whether there is one, the reader knows.
        if (parameter.required && parameter.name != info.target_parameter) {
            required.push_back(parameter.name);
        }
    }
    if (info.outputs.empty()) {
        properties["expect"] = false;
        properties["save"] = false;
    }
    return {{"description", description_of(info)},
            {"type", "object"},
            {"required", required},
            {"additionalProperties", false},
            {"properties", properties}};
}

}  // namespace

std::string definitions_schema(Catalog catalog) {
    Json schema = Json::parse(embedded::definitions_base_json);
    Json& definitions = schema["$defs"];
    const Json common = definitions["step"]["properties"];
    Json names = Json::array();
    Json cases = Json::array();
    for (const OperationInfo* info : catalog) {
        const std::string name = fmt::format("step {}", info->name);
        names.push_back(info->name);
        definitions[name] = step_of(*info, common);
        Json one;
        one["if"]["properties"]["do"]["const"] = info->name;
        one["if"]["required"] = Json::array({"do"});
        one["then"]["$ref"] = fmt::format("#/$defs/step%20{}", info->name);
        cases.push_back(std::move(one));
    }
    Json& step = definitions["step"];
    step["properties"] = {{"do", {{"description", "The operation."}, {"enum", names}}}};
    step["allOf"] = cases;
    return schema.dump(2) + "\n";
}

}  // namespace slimtax::schemas
