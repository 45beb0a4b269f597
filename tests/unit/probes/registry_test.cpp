// Every row of the table describes itself so that reader, list, schema and reference page can stand on it.
#include "probes/registry.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "schemas/definition_reader.hpp"

using namespace slimtax;

namespace {

// A definition whose last step is the row's example, after the steps that it needs.
std::string definition_with(const schemas::OperationInfo& info) {
    std::string text = R"([service]
id = "example"
title = "Example"
owner = "somebody@campus.example"
about = "An example."

[[probe]]
id = "example"
level = "A2"
targets = ["server.campus.example"]
every = "60s"
timeout = "30s"
)";
    if (!info.after.empty()) {
        text += "\n[[probe.step]]\n" + std::string(probes::find_operation(info.after)->info.example) + "\n";
    }
    return text + "\n[[probe.step]]\n" + std::string(info.example) + "\n";
}

}  // namespace

TEST_CASE("every operation's example is a step that the reader takes without a word") {
    for (const schemas::OperationInfo* info : probes::catalog()) {
        CAPTURE(info->name);
        const auto read = schemas::read_definition(definition_with(*info), "example.toml", probes::catalog());
        for (const schemas::Problem& problem : read.problems) {
            // An example need not stand alone as a probe that an objective uses.
            CHECK_MESSAGE(problem.kind != schemas::Problem::Kind::error, schemas::to_string(problem));
        }
        REQUIRE(read.definition);
        CHECK(read.definition->probes.front().steps.back().operation == info->name);
    }
}

TEST_CASE("every operation, parameter and output says what it is, once") {
    const schemas::Catalog catalog = probes::catalog();
    CHECK(std::ranges::is_sorted(catalog, {}, [](const auto* info) { return info->name; }));
    std::set<std::string_view> operations;
    for (const schemas::OperationInfo* info : catalog) {
        CAPTURE(info->name);
        CHECK(operations.insert(info->name).second);
        CHECK_FALSE(info->summary.empty());
        CHECK_FALSE(info->summary.ends_with('.'));
        CHECK_FALSE(info->levels.empty());
        std::set<std::string_view> names;
        for (const schemas::Parameter& parameter : info->parameters) {
            CAPTURE(parameter.name);
            CHECK(names.insert(parameter.name).second);
            CHECK_FALSE(parameter.help.empty());
            CHECK((parameter.type == schemas::ParameterType::choice) == !parameter.choices.empty());
            CHECK_FALSE((parameter.required && !parameter.fallback.empty()));
        }
        std::set<std::string_view> outputs;
        for (const schemas::Output& output : info->outputs) {
            CAPTURE(output.name);
            CHECK(outputs.insert(output.name).second);
            CHECK_FALSE(output.help.empty());
        }
        if (!info->target_parameter.empty()) {
            CHECK(names.contains(info->target_parameter));
        }
        if (!info->after.empty()) {
            CHECK(probes::find_operation(info->after) != nullptr);
        }
    }
}

TEST_CASE("an operation that does not exist is not found") {
    CHECK(probes::find_operation("ldap.bnid") == nullptr);
    CHECK(probes::find_operation("ldap.bind") != nullptr);
}
