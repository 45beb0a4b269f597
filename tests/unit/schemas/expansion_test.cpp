#include "schemas/expansion.hpp"

#include <doctest/doctest.h>

using namespace slimtax::schemas;

namespace {
using Kind = Reference::Kind;

tl::expected<std::string, std::string> value_of(const Reference& reference) {
    switch (reference.kind) {
        case Kind::target: return "im1";
        case Kind::location: return "noc";
        case Kind::save: return "saved " + reference.name;
        case Kind::secret: return "secret " + reference.name;
        case Kind::unknown: break;
    }
    return tl::unexpected("unknown " + reference.name);
}
}  // namespace

TEST_CASE("references expand, and $${ writes a plain ${") {
    struct Row {
        std::string text;
        const char* expanded;
    };
    const Row rows[] = {
        {"", ""},
        {"plain $ { } text", "plain $ { } text"},
        {"https://${target}/", "https://im1/"},
        {"${location}${target}", "nocim1"},
        {"${save.token}", "saved token"},
        {"Bearer ${secret:im-probe.2}", "Bearer secret im-probe.2"},
        {"$${target}", "${target}"},
        {"$$${target}", "$${target}"},
        {"$$", "$$"},
        {"cost: 5$", "cost: 5$"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(expand(row.text, value_of) == row.expanded);
    }
}

TEST_CASE("unknown and unclosed references are found with their places") {
    struct Row {
        std::string text;
        const char* name;
        std::size_t offset;
        bool closed;
    };
    const Row rows[] = {
        {"a${tagret}", "tagret", 1, true},        {"${}", "", 0, true},
        {"${save.}", "save.", 0, true},           {"${secret:}", "secret:", 0, true},
        {"${secret:a b}", "secret:a b", 0, true}, {"ü${target", "target", 2, false},
        {"${ target }", " target ", 0, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto all = references(row.text);
        REQUIRE(all.size() == 1);
        CHECK(all[0].kind == Kind::unknown);
        CHECK(all[0].name == row.name);
        CHECK(all[0].offset == row.offset);
        CHECK(all[0].closed == row.closed);
        CHECK_FALSE(expand(row.text, value_of));
    }
}

TEST_CASE("all references of a text come in order") {
    const auto all = references("${target} ${secret:a} $${location} ${save.b}");
    REQUIRE(all.size() == 3);
    CHECK(all[0].kind == Kind::target);
    CHECK(all[1].kind == Kind::secret);
    CHECK(all[1].name == "a");
    CHECK(all[2].kind == Kind::save);
    CHECK(all[2].offset == 35);
}

TEST_CASE("what a reference expands to is not expanded again") {
    const auto tricky = [](const Reference&) { return tl::expected<std::string, std::string>("${secret:other}"); };
    CHECK(expand("${target}", tricky) == "${secret:other}");
}
