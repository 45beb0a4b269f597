#include "schemas/definition.hpp"

#include <doctest/doctest.h>

using namespace slimtax::schemas;

TEST_CASE("an objective without probes is over every measurement probe of its level") {
    Definition definition;
    const auto add = [&](const char* id, Level level, Purpose purpose) {
        Probe probe;
        probe.id = id;
        probe.level = level;
        probe.purpose = purpose;
        definition.probes.push_back(probe);
    };
    add("login", Level::A2, Purpose::measurement);
    add("list", Level::A3, Purpose::measurement);
    add("second-login", Level::A2, Purpose::measurement);
    add("ping", Level::A2, Purpose::diagnostic);

    Objective objective;
    objective.level = Level::A2;
    const auto all = definition.probes_of(objective);
    REQUIRE(all.size() == 2);
    CHECK(all[0]->id == "login");
    CHECK(all[1]->id == "second-login");

    objective.probes = {"second-login"};
    const auto named = definition.probes_of(objective);
    REQUIRE(named.size() == 1);
    CHECK(named[0]->id == "second-login");

    CHECK(definition.find_probe("list") == &definition.probes[1]);
    CHECK(definition.find_probe("none") == nullptr);
    CHECK(definition.find_objective("none") == nullptr);
}
