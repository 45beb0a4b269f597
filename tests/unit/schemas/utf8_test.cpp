#include "schemas/utf8.hpp"

#include <doctest/doctest.h>

using namespace slimtax::schemas;

TEST_CASE("the first byte that is not UTF-8 is found") {
    struct Row {
        std::string text;
        std::size_t at;
    };
    constexpr auto none = std::string_view::npos;
    const Row rows[] = {
        {"", none},
        {"plain", none},
        {"Prüfung — ✓ 😀", none},
        {"a\xff", 1},
        {"ab\x80", 2},            // continuation without a lead
        {"\xc3", 0},              // cut off
        {"\xc0\xaf", 0},          // overlong
        {"\xe0\x80\xaf", 0},      // overlong
        {"\xed\xa0\x80", 0},      // surrogate
        {"\xf4\x90\x80\x80", 0},  // beyond U+10FFFF
        {"\xf4\x8f\xbf\xbf", none},
        {"ü\xe2\x82", 2},
    };
    for (const Row& row : rows) {
        CHECK(first_invalid_utf8(row.text) == row.at);
    }
}

TEST_CASE("bad bytes become replacement characters and nothing else changes") {
    CHECK(to_valid_utf8("Prüfung") == "Prüfung");
    CHECK(to_valid_utf8("a\xff\xfe"
                        "b") ==
          "a\xef\xbf\xbd\xef\xbf\xbd"
          "b");
    CHECK(to_valid_utf8("\xc3") == "\xef\xbf\xbd");
}

TEST_CASE("code points are counted, not bytes") {
    CHECK(count_code_points("") == 0);
    CHECK(count_code_points("Prüfung") == 7);
    CHECK(count_code_points("😀✓") == 2);
}

TEST_CASE("a long text is cut between characters") {
    CHECK(shortened("short", 5) == "short");
    CHECK(shortened("shorter", 6) == "sho…");
    CHECK(shortened("aüüü", 6) == "aü…");
    CHECK(shortened("aüüü", 5) == "a…");
    CHECK(first_invalid_utf8(shortened("✓✓✓✓✓✓✓✓", 20)) == std::string_view::npos);
}
