// A definition is made for every operation of the registry and read back.
#include "prober/commands/new_definition.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "prober/commands/operations.hpp"
#include "probes/registry.hpp"
#include "schemas/definition_reader.hpp"
#include "schemas/operation_words.hpp"

using namespace slimtax;
using prober::NewDefinition;

namespace {

schemas::ReadDefinition read(const std::string& text) {
    return schemas::read_definition(text, "new.toml", probes::catalog());
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(line);
    }
    return lines;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) {
        text += line + "\n";
    }
    return text;
}

std::string make(std::string_view name, NewDefinition wishes = {}) {
    const schemas::OperationInfo& info = *schemas::find_operation(probes::catalog(), name);
    return prober::new_definition(info, probes::catalog(), wishes);
}

std::vector<std::string> operations_of(const std::string& text) {
    const auto definition = read(text).definition;
    REQUIRE(definition);
    std::vector<std::string> names;
    for (const schemas::Step& step : definition->probes.front().steps) {
        names.push_back(step.operation);
    }
    return names;
}

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// The key of a line `key = value`; empty: it is none.
std::string_view key_of(std::string_view line) {
    const std::size_t end = line.find_first_of(" =");
    return line.starts_with('#') || end == std::string_view::npos ? "" : line.substr(0, end);
}

/// The parameters that a step cannot have together with `name`.
std::vector<std::string_view> excluded_by(const schemas::OperationInfo& info, std::string_view name) {
    std::vector<std::string_view> others;
    for (const schemas::Alternatives& alternatives : info.alternatives) {
        if (alternatives.allowed != schemas::Alternatives::HowMany::at_least_one &&
            std::ranges::find(alternatives.names, name) != alternatives.names.end()) {
            std::ranges::copy_if(alternatives.names, std::back_inserter(others),
                                 [&](std::string_view other) { return other != name; });
        }
    }
    return others;
}

/// The option without which another is none, as its help says: "together with `key`".
std::string needed_by(const schemas::OperationInfo& info, std::string_view key) {
    constexpr std::string_view mark = "ogether with `";
    const auto parameter = std::ranges::find(info.parameters, key, &schemas::Parameter::name);
    const std::size_t at = parameter == info.parameters.end() ? std::string_view::npos : parameter->help.find(mark);
    if (at == std::string_view::npos) {
        return {};
    }
    const std::string_view rest = parameter->help.substr(at + mark.size());
    return std::string(rest.substr(0, rest.find('`')));
}

}  // namespace

TEST_CASE("a new definition is good as it stands, for every operation at each of its levels") {
    for (const schemas::OperationInfo* info : probes::catalog()) {
        for (const std::string_view word : schemas::levels_of(*info)) {
            CAPTURE(info->name);
            CAPTURE(word);
            const auto level = schemas::parse_level(word);
            REQUIRE(level);
            const std::string text = prober::new_definition(*info, probes::catalog(), {"", "", *level});
            const auto made = read(text);
            for (const schemas::Problem& problem : made.problems) {  // advice, too
                CHECK_MESSAGE(false, schemas::to_string(problem), "\n", text);
            }
            REQUIRE(made.definition);
            REQUIRE(made.definition->probes.size() == 1);
            CHECK(made.definition->probes.front().level == *level);
            REQUIRE(made.definition->objectives.size() == 1);
            CHECK(made.definition->probes_of(made.definition->objectives.front()).size() == 1);
            CHECK(std::ranges::any_of(made.definition->probes.front().steps,
                                      [&](const schemas::Step& step) { return step.operation == info->name; }));
        }
    }
}

TEST_CASE("taking the # away from any one option, and what goes with it, leaves a new definition good") {
    for (const schemas::OperationInfo* info : probes::catalog()) {
        const auto lines = lines_of(make(info->name, {"", "", prober::usual_level(*info)}));
        const auto probe = std::ranges::find(lines, "[[probe]]");
        REQUIRE(probe != lines.end());
        std::size_t options = 0;
        for (auto i = static_cast<std::size_t>(probe - lines.begin()); i < lines.size(); ++i) {
            if (!lines[i].starts_with('#') || lines[i].starts_with("# ")) {
                continue;
            }
            ++options;
            auto changed = lines;
            changed[i].erase(0, 1);
            CAPTURE(changed[i]);
            for (const std::string_view other : excluded_by(*info, key_of(changed[i]))) {
                bool said = false;
                for (std::size_t above = i; above > 0 && lines[above - 1].starts_with("# "); --above) {
                    said = said || holds(lines[above - 1], "'" + std::string(other) + "'");
                }
                CHECK_MESSAGE(said, std::string(info->name), ": ", changed[i], " does not say that it excludes ",
                              std::string(other));
                std::erase_if(changed, [&](const std::string& line) { return key_of(line) == other; });
            }
            if (const std::string needed = needed_by(*info, key_of(changed[i])); !needed.empty()) {
                for (std::string& line : changed) {
                    line.erase(0, line.starts_with("#" + needed + " =") ? 1 : 0);
                }
            }
            for (const schemas::Problem& problem : read(joined(changed)).problems) {
                CHECK_MESSAGE(problem.kind != schemas::Problem::Kind::error, std::string(info->name), ": ",
                              schemas::to_string(problem));
            }
        }
        CHECK(options >= 3);
    }
}

TEST_CASE("every parameter and output of the operation is explained in its new definition") {
    for (const schemas::OperationInfo* info : probes::catalog()) {
        CAPTURE(info->name);
        const auto lines = lines_of(make(info->name, {"", "", prober::usual_level(*info)}));
        const auto has = [&](const std::string& begin) {
            return std::ranges::any_of(lines, [&](const std::string& line) { return line.starts_with(begin); });
        };
        for (const schemas::Parameter& parameter : info->parameters) {
            CAPTURE(parameter.name);
            const std::string name(parameter.name);
            CHECK(has("# " + name + ": "));
            CHECK((has(name + " ") || has("#" + name + " ")));
        }
        for (const schemas::Output& output : info->outputs) {
            CHECK(has("#   " + std::string(output.name) + " ("));
        }
        CHECK(std::ranges::none_of(lines, [](const std::string& line) { return line.ends_with(' '); }));
    }
}

TEST_CASE("an operation that needs an earlier one brings it along, and what logs out comes with always") {
    const std::string text = make("xmpp.roster", {"", "", schemas::Level::A3});
    CHECK(operations_of(text) == std::vector<std::string>{"xmpp.login", "xmpp.roster", "xmpp.logout"});
    const auto definition = read(text).definition;
    CHECK(definition->probes.front().steps.back().always);
    CHECK_FALSE(definition->probes.front().steps.front().always);
    CHECK(operations_of(make("xmpp.login")) == std::vector<std::string>{"xmpp.login", "xmpp.logout"});
    CHECK(operations_of(make("xmpp.logout")) == std::vector<std::string>{"xmpp.login", "xmpp.logout"});
    CHECK(operations_of(make("ldap.bind")) == std::vector<std::string>{"ldap.bind", "ldap.unbind"});
    CHECK(operations_of(make("tcp.connect")) == std::vector<std::string>{"tcp.connect"});
}

TEST_CASE("target and id stand where they belong") {
    const auto made = read(make("http.get", {"www.library.example", "library", schemas::Level::A3})).definition;
    REQUIRE(made);
    CHECK(made->service.id == "library");
    CHECK(made->probes.front().targets == std::vector<std::string>{"www.library.example"});
    CHECK(made->objectives.front().bands.size() == 1);
    SUBCASE("an address as the target fills the parameter itself") {
        const auto whole = read(make("http.get", {"https://www.library.example/login", "", schemas::Level::A2}));
        REQUIRE(whole.definition);
        CHECK(whole.definition->probes.front().steps.front().parameters.count("url") == 0);
    }
    SUBCASE("a target with a quotation mark stays one text") {
        const auto odd = read(make("tcp.connect", {"a\"b\\c", "", schemas::Level::A2}));
        REQUIRE(odd.definition);
        CHECK(odd.definition->probes.front().targets == std::vector<std::string>{"a\"b\\c"});
    }
}

TEST_CASE("what looks at its own machine gets no target, and the place for its location") {
    const std::string text = make("process.exists", {"", "", schemas::Level::A0});
    CHECK_FALSE(holds(text, "targets"));
    CHECK(holds(text, "#from     = [\"host\"]"));
}

TEST_CASE("only the secrets that the file uses are spoken of at its head") {
    CHECK(holds(make("ldap.bind"), "${secret:directory-probe} is $SLIMTAX_SECRET_DIRECTORY_PROBE"));
    CHECK_FALSE(holds(make("http.get"), "SLIMTAX_SECRET_"));
}

TEST_CASE("operations are found by name, by a part of it, by what they speak of; a misspelt name finds none") {
    const auto found = [](const std::string& word) {
        std::vector<std::string> names;
        for (const auto* info : prober::find_operations(probes::catalog(), word)) {
            names.emplace_back(info->name);
        }
        return names;
    };
    const auto among = [&](const std::string& word, const std::string& name) {
        const auto names = found(word);
        return std::ranges::find(names, name) != names.end();
    };
    CHECK(found("http.get") == std::vector<std::string>{"http.get"});
    CHECK(among("http", "http.get"));
    CHECK(among("http", "http.post"));
    CHECK_FALSE(among("http", "ldap.bind"));
    CHECK(among("login", "ssh.login"));
    CHECK(among("login", "xmpp.login"));
    CHECK(among("Nagios", "command.run"));
    CHECK(found("ldap.bnd").empty());
    CHECK(found("").empty());
    CHECK(found("zzzzz").empty());
    CHECK(prober::unknown_operation(probes::catalog(), "ldap.bnd") ==
          "there is no operation 'ldap.bnd', did you mean 'ldap.bind'? 'slimtax-prober list' shows all");
    CHECK(prober::unknown_operation(probes::catalog(), "zzzzz") ==
          "there is no operation 'zzzzz'; 'slimtax-prober list' shows all");
}
