#include "prober/commands/timeline.hpp"

#include <doctest/doctest.h>

#include <chrono>

#include "schemas/utf8.hpp"

using namespace slimtax;
using namespace std::chrono_literals;
using prober::TimelineRow;
using schemas::Verdict;
using State = TimelineRow::State;

namespace {

// A log-in of two parts, a page after a pause, and one that is under way.
std::vector<TimelineRow> some_rows() {
    TimelineRow login{"log in", State::done, Verdict::ok, {}, {}, 0ms, 40ms, {{"connect", 10ms}, {"login", 20ms}}};
    TimelineRow page{"page", State::running, Verdict::ok, 40ms, 20ms, 60ms, {}, {{"connect", 10ms}}};
    return {login, page, {"log out", State::waiting, Verdict::ok, {}, {}, {}, {}, {}}};
}

}  // namespace

TEST_CASE("bars show each part in proportion to the run's time, with a letter each") {
    const auto lines = prober::timeline(some_rows(), 80ms, 76, false);
    REQUIRE(lines.size() == 4);
    CHECK(lines[0] == "  ok                40 ms  log in   cccccllllllllll=====                    ");
    CHECK(lines[1] == "  running           20 ms  page                         ..........ccccc>>>>>");
    CHECK(lines[2] == "                           log out                                          ");
    CHECK(lines[3] == "                            0 to 80 ms   c connect, l login, = rest, . pause");
}

TEST_CASE("a time that lies within the others has no place in the bar") {
    auto rows = some_rows();
    rows[0].parts = {{"connect", 10ms}, {"server", 5ms}, {"login", 20ms}};
    CHECK(prober::timeline(rows, 80ms, 76, false) == prober::timeline(some_rows(), 80ms, 76, false));
}

TEST_CASE("no line is wider than the terminal, however narrow it is; a narrow one has no bars") {
    auto rows = some_rows();
    rows[0].label = "einen sehr langen Namen für den Schritt, länger als jede Spalte";
    for (std::size_t columns = 31; columns < 200; ++columns) {
        const auto lines = prober::timeline(rows, 80ms, columns, false);
        CHECK(lines.size() == (columns >= 69 ? 4 : 3));
        for (const std::string& line : lines) {
            CHECK(schemas::count_code_points(line) <= columns);
            CHECK(schemas::first_invalid_utf8(line) == std::string::npos);
        }
    }
}

TEST_CASE("colours say nothing that letters and words do not say") {
    const auto plain = prober::timeline(some_rows(), 80ms, 100, false);
    const auto coloured = prober::timeline(some_rows(), 80ms, 100, true);
    REQUIRE(plain.size() == coloured.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
        std::string stripped;
        for (std::size_t at = 0; at < coloured[i].size(); ++at) {
            if (coloured[i][at] == '\x1b') {
                at = coloured[i].find('m', at);
                continue;
            }
            stripped += coloured[i][at];
        }
        CHECK(stripped == plain[i]);
    }
    CHECK(coloured[0].find('\x1b') != std::string::npos);
    CHECK(plain[0].find('\x1b') == std::string::npos);
}

TEST_CASE("parts with the same first letter get different ones, however many there are") {
    TimelineRow row{"x", State::done, Verdict::ok, {}, {}, {}, 1s, {}};
    for (const char* name : {"lookup", "login", "list", "l", "ll", "first_byte", "2"}) {
        row.parts.push_back({name, 1ms});
    }
    const auto legend = prober::legend_of({row});
    std::string letters;
    for (const auto& [name, letter] : legend) {
        CHECK(letters.find(letter) == std::string::npos);
        letters += letter;
    }
    CHECK(letters == "loiABfC");
}

TEST_CASE("what took no whole column is seen, and a run that just began has no scale to divide by") {
    TimelineRow quick{"quick", State::done, Verdict::failed, {}, {}, 0us, 10us, {}};
    TimelineRow slow{"slow", State::done, Verdict::ok, {}, {}, 10us, 10s, {{"wait", 10s}}};
    const auto lines = prober::timeline({quick, slow}, 10s + 10us, 80, false);
    CHECK(lines[0].find("quick  =") != std::string::npos);
    CHECK(lines[1].find("slow   wwww") != std::string::npos);
    const auto begun = prober::timeline({{"x", State::running, Verdict::ok, {}, {}, 0us, {}, {}}}, 0us, 80, false);
    CHECK(begun.size() == 2);
}
