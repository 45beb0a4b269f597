#include "probes/html.hpp"

#include <doctest/doctest.h>

using namespace slimtax;
using namespace slimtax::probes;

namespace {

std::string find(std::string_view page, std::string_view path) {
    const auto what = schemas::Extraction::parse_whole("css(\"" + std::string(path) + "\")");
    REQUIRE_MESSAGE(what, what.error().message);
    const auto found = find_in_html(page, what->path, what->argument);
    return found ? *found : "! " + found.error();
}

std::string repeated(std::string_view part, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) {
        text += part;
    }
    return text;
}

constexpr std::string_view login = R"(<!DOCTYPE html><html><head><title>Sign in &mdash; Library</title>
<!-- <input name="token" value="no"> --><script>if (a<b) document.write('<input name=token value=no>');</script></head>
<body><form action=/search><input name=q></form>
<FORM ID="login" class="wide  main"><input type=hidden NAME='token' value="a&amp;b&#x41;&#66;">
<p>Welcome<p class=error>Wrong <b>password</b>,
  try   again<div>or ask</div><ul><li>one<li class=x>two<li>three</ul>
<table><tr><td>a<td>b<tr><td class=x>c</table></form><a href=x>y</body></html>)";

}  // namespace

TEST_CASE("elements are found by tag, id, class, attribute and place") {
    CHECK(find(login, "title") == "Sign in — Library");
    CHECK(find(login, "form input[name=token]@value") == "a&bAB");
    CHECK(find(login, "form#login.main input@value") == "a&bAB");
    CHECK(find(login, "form > input@name") == "q");
    CHECK(find(login, "form#login > input@name") == "token");
    CHECK(find(login, "body > input@name") == "! there is no body > input@name in the answer");
    CHECK(find(login, "form[action^='/se'] input[name]@name") == "q");
    CHECK(find(login, "[type=hidden]@value") == "a&bAB");
    CHECK(find(login, "form.wid") == "! there is no form.wid in the answer");
    CHECK(find(login, "input@value") == "a&bAB");
    CHECK(find(login, "input@size") == "! no input@size in the answer has that attribute");
}

TEST_CASE("the text of an element is what a reader sees, however sloppy the page") {
    CHECK(find(login, ".error") == "Wrong password, try again");
    CHECK(find(login, "li.x") == "two");
    CHECK(find(login, "ul") == "onetwothree");
    CHECK(find(login, "table tr td.x") == "c");
    CHECK(find(login, "a") == "y");
    CHECK(find("<div id=a><div>x</div>y</div>z", "#a") == "xy");
    CHECK(find("<div id=a><b>x</div>y", "#a") == "x");
    CHECK(find("<p>a < b && c &unknown; &#0; &#x110000;</p>", "p") == "a < b && c &unknown; � �");
    CHECK(find("<input class=e>x", "input") == "");
    CHECK(find("</p></x><p>a", "p") == "a");
    CHECK(find("", "p") == "! there is no p in the answer");
    CHECK(find("<p", "p") == "");
}

TEST_CASE("broken UTF-8 and NULs are passed on as they are") {
    CHECK(find(std::string_view("<p a=\"\xff\0\">\xff\0</p>", 16), "p") == std::string_view("\xff\0", 2));
    CHECK(find(std::string_view("<p a=\"\xff\0\">", 10), "p@a") == std::string_view("\xff\0", 2));
}

TEST_CASE("pages made to hang a reader are read or refused in time proportional to their size") {
    constexpr std::size_t size = 1'000'000;
    CHECK(find(repeated("<b>", size), "p") == "! the HTML of the answer is nested deeper than 256 elements");
    std::string attributes = "<a";
    for (int i = 0; attributes.size() < size; ++i) {
        attributes += " a" + std::to_string(i);
    }
    CHECK(find(attributes + "><p>x", "p") == "x");
    CHECK(find(repeated("<b>", 600) + repeated("</x>", size), "p") == "! there is no p in the answer");
    for (const std::string_view part :
         {"<",      "</",   "<!--",    "<p", "<p ", "&", "&#",   "\"",    "<script>", "</script",
          "<a b='", "<td>", "<p><li>", "<!", "<?",  "=", "<a =", "<br/>", "\xff",     ">"}) {
        CAPTURE(part);
        const std::string found = find(repeated(part, size), "#none");
        CHECK(found.starts_with("! "));
    }
    CHECK(find("<p>" + repeated("x ", size), "p").size() <= 100'000);
}
