#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace {

std::string text_of(const std::string& path) {
    std::ifstream file(std::string(SLIMTAX_SOURCE_DIR) + "/" + path);
    REQUIRE_MESSAGE(file.good(), path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("what docs/add-a-probe.md quotes stands in the sources, word for word") {
    const std::string page = text_of("docs/add-a-probe.md");
    const std::string mark = "<!-- quoted from ";
    int quotes = 0;
    for (auto place = page.find(mark); place != std::string::npos; place = page.find(mark, place + 1)) {
        const auto path_start = place + mark.size();
        const std::string path = page.substr(path_start, page.find(" -->", path_start) - path_start);
        const auto fence = page.find("```", path_start);
        const auto start = page.find('\n', fence) + 1;
        const std::string quote = page.substr(start, page.find("\n```", start) - start);
        CHECK_MESSAGE(text_of(path).find(quote) != std::string::npos, path, " does not hold:\n", quote);
        ++quotes;
    }
    CHECK(quotes >= 9);
    // And nothing is shown that is not quoted: each fenced block follows a mark.
    int fences = 0;
    for (auto place = page.find("\n```"); place != std::string::npos; place = page.find("\n```", place + 1)) {
        ++fences;
    }
    CHECK(fences == 2 * quotes);
}
