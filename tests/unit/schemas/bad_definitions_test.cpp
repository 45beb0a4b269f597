// Every file of tests/bad-definitions has one mistake (a few have several) and begins with what must be said of it,
// one comment a problem: `# expect: LINE:COLUMN fragment of the message`.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "schemas/definition_reader.hpp"
#include "tests/unit/schemas/fake_catalog.hpp"

using namespace slimtax::schemas;
namespace fs = std::filesystem;

namespace {

struct Expected {
    std::string place;
    std::string fragment;
};

std::string text_of(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
}

std::vector<Expected> expected_of(const std::string& text) {
    constexpr std::string_view mark = "# expect: ";
    std::vector<Expected> all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line) && line.starts_with(mark);) {
        line.erase(0, mark.size());
        const std::size_t blank = line.find(' ');
        all.push_back({line.substr(0, blank), line.substr(std::min(line.size(), blank + 1))});
    }
    return all;
}

}  // namespace

TEST_CASE("each bad definition is refused, and its mistakes are said at their places") {
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(SLIMTAX_SOURCE_DIR) / "tests/bad-definitions")) {
        if (entry.path().extension() != ".toml") {
            continue;
        }
        ++files;
        const std::string name = entry.path().filename().string();
        CAPTURE(name);
        const std::string text = text_of(entry.path());
        const auto expected = expected_of(text);
        const auto read = read_definition(text, name, fake_catalog());
        CHECK_FALSE(read.definition);
        std::vector<std::string> errors;
        std::vector<std::string> places;
        for (const Problem& problem : read.problems) {
            if (problem.kind == Problem::Kind::error) {
                errors.push_back(to_string(problem));
                places.push_back(std::to_string(problem.at.line) + ":" + std::to_string(problem.at.column));
            }
        }
        REQUIRE_FALSE(expected.empty());
        REQUIRE(errors.size() == expected.size());
        for (std::size_t i = 0; i < errors.size(); ++i) {
            CHECK(places[i] == expected[i].place);
            REQUIRE_FALSE(expected[i].fragment.empty());
            CHECK_MESSAGE(errors[i].find(expected[i].fragment) != std::string::npos, errors[i]);
        }
    }
    CHECK(files >= 45);
}

TEST_CASE("an empty file and one that is too large are refused") {
    const auto empty = read_definition("", "empty.toml", fake_catalog());
    CHECK_FALSE(empty.definition);
    REQUIRE(empty.problems.size() == 1);
    CHECK(to_string(empty.problems[0]) ==
          "empty.toml:1:1: error: this file lacks 'service', expected a table [service] with an id");
    const auto large = read_definition(std::string(5 * 1024 * 1024, '\n'), "large.toml", fake_catalog());
    CHECK_FALSE(large.definition);
    REQUIRE(large.problems.size() == 1);
    CHECK(large.problems[0].message.starts_with("the file is larger than 1 MiB"));
}

TEST_CASE("a file full of mistakes is refused without drowning its author, and without hanging") {
    std::string text =
        "[service]\nid = \"x\"\n[[probe]]\nid = \"p\"\nlevel = \"A2\"\nevery = \"1s\"\n"
        "timeout = \"1s\"\n[[probe.step]]\ndo = \"http.get\"\nurl = \"";
    while (text.size() < 900'000) {
        text += "${x}";
    }
    text += "\"\ntargets = [";
    for (int i = 0; i < 10'000; ++i) {
        text += "\"same\", ";
    }
    text += "]\n";
    const auto read = read_definition(text, "full.toml", fake_catalog());
    CHECK_FALSE(read.definition);
    REQUIRE(read.problems.size() == 500);
    CHECK(std::ranges::any_of(read.problems, [](const Problem& problem) {
        return problem.message == "there are 500 problems or more: those after this line are not looked at";
    }));
}
