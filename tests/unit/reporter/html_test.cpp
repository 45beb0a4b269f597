#include "reporter/html.hpp"

#include <doctest/doctest.h>

#include "reporter/assets.hpp"

using namespace slimtax::reporter;

TEST_CASE("text becomes markup only by being escaped") {
    CHECK(Html("a < b & c > d \"e\" 'f'").markup() == "a &lt; b &amp; c &gt; d &quot;e&quot; &#39;f&#39;");
    CHECK(element("p", {{"title", "\"><script>"}}, "<b>").markup() ==
          R"(<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt;</p>)");
    CHECK(element("p", {}, element("b", {}, "x")).markup() == "<p><b>x</b></p>");
}

TEST_CASE("what is no text for a page is replaced: control characters, broken UTF-8, direction overrides") {
    CHECK(clean_text("a\x1B[31mb") == "a\xEF\xBF\xBD[31mb");
    CHECK(clean_text(std::string_view("a\0b", 3)) ==
          "a\xEF\xBF\xBD"
          "b");
    CHECK(clean_text("\xE2\x80\xAE"
                     "evil") ==
          "\xEF\xBF\xBD"
          "evil");
    CHECK(clean_text("\xC2\x9B"
                     "c1") ==
          "\xEF\xBF\xBD"
          "c1");
    CHECK(clean_text("\xFF") == "\xEF\xBF\xBD");
    CHECK(clean_text("tab\tline\n") == "tab\tline\n");
    CHECK(clean_text("\xD7\xA9\xF0\x9F\x98\x80") == "\xD7\xA9\xF0\x9F\x98\x80");
}

TEST_CASE("a link leads to http, https, mailto or our own pages, else it is text") {
    for (const char* good : {"https://a.example/x", "HTTP://a", "mailto:a@b", "/services/x", "#top", "?week=1"}) {
        CAPTURE(good);
        CHECK(is_safe_link(good));
    }
    for (const char* bad : {"javascript:alert(1)", "JaVaScRiPt:x", " javascript:x", "java\nscript:x",
                            "data:text/html,x", "//evil.example", "/\\evil.example", "vbscript:x", ""}) {
        CAPTURE(bad);
        CHECK_FALSE(is_safe_link(bad));
        CHECK(link(bad, "words").markup() == "words");
        CHECK(element("a", {{"href", bad}}).markup() == "<a href=\"#\"></a>");
    }
}

TEST_CASE("attributes: numbers are short, flags are there or not") {
    CHECK(element("rect", {{"x", 1.5}, {"y", 2.0}, {"width", -0.0001}, {"height", 1.0 / 3}}).markup() ==
          R"(<rect x="1.5" y="2" width="0" height="0.333"></rect>)");
    CHECK(element("input", {{"disabled", true}, {"checked", false}, {"size", 3}}).markup() ==
          R"(<input disabled size="3">)");
}

TEST_CASE("a part of a path is percent-encoded") {
    CHECK(percent_encoded("a/b?c d\"\xC3\xA9-._~") == "a%2Fb%3Fc%20d%22%C3%A9-._~");
}

TEST_CASE("an inline style is admitted by its hash") {
    CHECK(policy_hash({"x", "text/css", ""}) == "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
}
