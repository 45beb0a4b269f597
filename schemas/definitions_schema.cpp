#include "schemas/definitions_schema.hpp"

#include <algorithm>
#include <map>
#include <vector>

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
        case ParameterType::pattern_list:
            schema["type"] = "array";
            schema["items"] = {{"type", "string"}, {"format", "regex"}};
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

/// What the base file says of a definition, with the keys that stand beside the reference: many an editor shows only
/// the one or the other.
void inline_references(Json& node, const Json& definitions) {
    if (node.is_object()) {
        if (const auto reference = node.find("$ref"); reference != node.end() && node.size() > 1) {
            constexpr std::string_view prefix = "#/$defs/";
            Json whole = definitions.at(reference->get<std::string>().substr(prefix.size()));
            node.erase("$ref");
            whole.update(node);
            node = std::move(whole);
        }
        for (auto& [key, child] : node.items()) {
            inline_references(child, definitions);
        }
    } else if (node.is_array()) {
        for (Json& child : node) {
            inline_references(child, definitions);
        }
    }
}

/// What each key of a step means, whichever operation it belongs to. The cases below judge; but some editors look
/// for explanations only here (taplo does not look into `if` and `then`).
void explain_keys(Json& properties, Catalog catalog) {
    std::map<std::string, std::vector<std::pair<std::string, std::string>>, std::less<>> meanings;
    std::vector<std::string> order;
    for (const OperationInfo* info : catalog) {
        for (const Parameter& parameter : info->parameters) {
            const std::string name(parameter.name);
            if (!meanings.contains(name)) {
                order.push_back(name);
            }
            auto& all = meanings[name];
            const auto same = std::ranges::find(all, parameter.help, &std::pair<std::string, std::string>::second);
            if (same == all.end()) {
                all.emplace_back(info->name, parameter.help);
            } else {
                same->first += fmt::format(", {}", info->name);
            }
        }
    }
    for (const std::string& name : order) {
        std::string text;
        if (const auto common = properties.find(name); common != properties.end()) {
            text = common->at("description").get<std::string>();
        }
        for (const auto& [operations, help] : meanings.at(name)) {
            text += fmt::format("{}{}: {}", text.empty() ? "" : "\n\n", operations, help);
        }
        properties[name] = {{"description", text}};
    }
}

Json required(const std::vector<std::string_view>& names) {
    return {{"required", names}};
}

/// Which of the parameters a step may or must have; nothing where the target may fill one of them: the reader knows.
Json presence_of(const Alternatives& alternatives, const OperationInfo& info) {
    using HowMany = Alternatives::HowMany;
    const auto& names = alternatives.names;
    if (std::ranges::find(names, info.target_parameter) != names.end()) {
        return Json::object();
    }
    Json singles = Json::array();
    Json pairs = Json::array();
    for (std::size_t i = 0; i < names.size(); ++i) {
        singles.push_back(required({names[i]}));
        for (std::size_t j = i + 1; j < names.size(); ++j) {
            pairs.push_back(required({names[i], names[j]}));
        }
    }
    switch (alternatives.allowed) {
        case HowMany::at_most_one: return {{"not", {{"anyOf", pairs}}}};
        case HowMany::at_least_one: return {{"anyOf", singles}};
        case HowMany::exactly_one: return {{"oneOf", singles}};
    }
    return Json::object();
}

/// A step of one operation: the keys of every step and the operation's own.
Json step_of(const OperationInfo& info, const Json& common) {
    Json properties = common;
    properties["do"] = {{"const", info.name}};
    Json needed = Json::array({"do"});
    for (const Parameter& parameter : info.parameters) {
        properties[std::string(parameter.name)] = schema_of(parameter);
        // The target may fill it: whether there is one, the reader knows.
        if (parameter.required && parameter.name != info.target_parameter) {
            needed.push_back(parameter.name);
        }
    }
    if (info.outputs.empty()) {
        properties["expect"] = false;
        properties["save"] = false;
    }
    Json step{{"description", description_of(info)},
              {"type", "object"},
              {"required", needed},
              {"additionalProperties", false},
              {"properties", properties}};
    for (const Alternatives& alternatives : info.alternatives) {
        step["allOf"].push_back(presence_of(alternatives, info));
    }
    return step;
}

}  // namespace

std::string definitions_schema(Catalog catalog) {
    Json schema = Json::parse(embedded::definitions_base_json);
    const Json base = schema["$defs"];
    inline_references(schema, base);
    Json& definitions = schema["$defs"];
    const Json common = definitions["step"]["properties"];
    Json names = Json::array();
    Json descriptions = Json::array();
    Json cases = Json::array();
    for (const OperationInfo* info : catalog) {
        const std::string name = fmt::format("step {}", info->name);
        names.push_back(info->name);
        descriptions.push_back(description_of(*info));
        definitions[name] = step_of(*info, common);
        Json one;
        one["if"]["properties"]["do"]["const"] = info->name;
        one["if"]["required"] = Json::array({"do"});
        one["then"]["$ref"] = fmt::format("#/$defs/step%20{}", info->name);
        cases.push_back(std::move(one));
    }
    Json& step = definitions["step"];
    Json& properties = step["properties"];
    properties = Json::object();
    properties["do"] = {{"description", "The operation."}, {"enum", names}};
    properties["do"]["x-taplo"]["docs"]["enumValues"] = descriptions;  // taplo's way to explain one choice
    for (const auto& [key, value] : common.items()) {
        if (key != "do") {
            properties[key] = {{"description", value.at("description")}};
        }
    }
    explain_keys(properties, catalog);
    // Not beside the properties: taplo completes nothing in a table whose schema has an `allOf` of its own.
    step["if"]["required"] = Json::array({"do"});
    step["then"]["allOf"] = cases;
    return schema.dump(2) + "\n";
}

}  // namespace slimtax::schemas
