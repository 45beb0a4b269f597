#include "prober/commands/load.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "probes/registry.hpp"
#include "schemas/definition_reader.hpp"

using namespace slimtax;
using prober::Load;

namespace {

schemas::Definitions read(const std::string& probes, const std::string& service = "web") {
    const std::string text = "[service]\nid = \"" + service + "\"\n" + probes;
    auto made = schemas::read_definition(text, service + ".toml", probes::catalog());
    for (const schemas::Problem& problem : made.problems) {
        CHECK_MESSAGE(problem.kind == schemas::Problem::Kind::advice, schemas::to_string(problem));
    }
    REQUIRE(made.definition);
    return {std::make_shared<const schemas::Definition>(std::move(*made.definition))};
}

std::string probe(const std::string& id, const std::string& more, const std::string& steps = "") {
    return "[[probe]]\nid = \"" + id + "\"\nlevel = \"A2\"\n" + more +
           (steps.empty() ? "[[probe.step]]\ndo = \"tcp.connect\"\nport = 25\n" : steps);
}

Load of(const schemas::Definitions& definitions) {
    return prober::load_of(definitions.front()->probes.front());
}

}  // namespace

TEST_CASE("runs, steps and log-ins a minute follow from the schedule and the script") {
    const std::string script =
        "[[probe.step]]\ndo = \"ldap.bind\"\n[[probe.step]]\ndo = \"ldap.search\"\nbase = \"dc=x\"\n"
        "[[probe.step]]\ndo = \"http.get\"\nurl = \"http://x/\"\nuser = \"u\"\npassword = \"p\"\n"
        "[[probe.step]]\ndo = \"ldap.unbind\"\nalways = true\n";
    const Load load = of(read(probe("p", "targets = [\"a\"]\nevery = \"20s\"\ntimeout = \"10s\"\n", script)));
    CHECK(load.runs == doctest::Approx(3));
    CHECK(load.steps == doctest::Approx(12));
    CHECK(load.logins == doctest::Approx(6));
}

TEST_CASE("as many runs overlap as time-out and jitter let, and one that is exclusive never does") {
    struct Row {
        const char* schedule;
        std::size_t in_flight;
    };
    const Row rows[] = {
        {"every = \"60s\"\ntimeout = \"20s\"\njitter = 0.0\n", 1},
        {"every = \"60s\"\ntimeout = \"60s\"\njitter = 0.0\n", 1},
        {"every = \"60s\"\ntimeout = \"61s\"\njitter = 0.0\n", 2},
        {"every = \"60s\"\ntimeout = \"20s\"\njitter = 0.5\n", 1},
        {"every = \"60s\"\ntimeout = \"50s\"\njitter = 0.5\n", 2},
        {"every = \"1s\"\ntimeout = \"20s\"\njitter = 0.5\n", 21},
        {"every = \"1s\"\ntimeout = \"20s\"\nexclusive = true\n", 1},
    };
    for (const Row& row : rows) {
        CAPTURE(row.schedule);
        CHECK(of(read(probe("p", std::string("targets = [\"a\"]\n") + row.schedule))).in_flight == row.in_flight);
    }
}

TEST_CASE("targets and locations each add up to the whole, over several services") {
    auto definitions =
        read(probe("p", "targets = [\"a\", \"b\"]\nfrom = [\"noc\"]\nevery = \"60s\"\ntimeout = \"9s\"\n") +
             probe("q",
                   "targets = [\"a\"]\nfrom = [\"noc\", \"library\"]\nevery = \"30s\"\n"
                   "timeout = \"9s\"\n"));
    const auto more = read(probe("r", "targets = [\"b\"]\nevery = \"15s\"\ntimeout = \"9s\"\n"), "mail");
    definitions.push_back(more.front());
    const auto table = prober::load_table(definitions);
    CHECK(table.locations == std::vector<std::string>{"library", "noc"});
    REQUIRE(table.by_target.size() == 2);
    CHECK(table.by_target[0].name == "b");  // 1 by p, 2 × 4 by r, which runs at each location
    CHECK(table.by_target[0].load.runs == doctest::Approx(9));
    CHECK(table.by_target[1].load.runs == doctest::Approx(5));
    REQUIRE(table.by_location.size() == 2);
    CHECK(table.by_location[0].load.runs == doctest::Approx(6));
    CHECK(table.by_location[1].load.runs == doctest::Approx(8));
    CHECK(table.sum.runs == doctest::Approx(14));
    CHECK(prober::load_table(definitions, "q").sum.runs == doctest::Approx(4));
}

TEST_CASE("a target that gets more than is sane is spoken of, at the probe that asks most") {
    const auto quick = read(probe("p", "targets = [\"a\", \"b\"]\nevery = \"100ms\"\ntimeout = \"9s\"\n"));
    CHECK(prober::advise_on_load(quick).empty());  // 600 is not more than 600
    const auto several = read(probe("slow", "targets = [\"a\"]\nevery = \"60s\"\ntimeout = \"9s\"\n") +
                              probe("quick", "targets = [\"a\", \"b\"]\nevery = \"100ms\"\ntimeout = \"9s\"\n"));
    const auto advice = prober::advise_on_load(several);
    REQUIRE(advice.size() == 1);
    CHECK(advice[0].kind == schemas::Problem::Kind::advice);
    CHECK(advice[0].message == "target 'a' gets 601 runs a minute, 600 of them by probe 'quick'");
    CHECK(advice[0].at.line == several.front()->find_probe("quick")->at.line);
    const auto twice =
        read(probe("p", "targets = [\"a\"]\nfrom = [\"x\", \"y\"]\nevery = \"100ms\"\ntimeout = \"9s\"\n"));
    CHECK(prober::advise_on_load(twice).size() == 1);
    const auto local = read(probe("p", "every = \"50ms\"\ntimeout = \"9s\"\n",
                                  "[[probe.step]]\ndo = \"process.exists\"\nname = \"init\"\n"));
    CHECK(prober::advise_on_load(local).empty());
}

TEST_CASE("the table says whose load it is") {
    const auto text = prober::load_as_text(
        prober::load_table(read(probe("p", "targets = [\"www.campus.example\"]\nevery = \"8s\"\ntimeout = \"9s\"\n"))));
    CHECK(text.find("from each location that runs them") != std::string::npos);
    CHECK(text.find("www.campus.example       7.5      7.5        0          2\n") != std::string::npos);
    CHECK(text.find("In all 7.5 runs with 7.5 steps, 0 of them log-ins; 2 at most in flight") != std::string::npos);
}
