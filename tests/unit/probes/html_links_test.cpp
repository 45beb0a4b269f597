#include "probes/html_links.hpp"

#include <doctest/doctest.h>

using slimtax::probes::page_parts;
using Links = std::vector<std::string>;

TEST_CASE("style sheets, icons, scripts and pictures are a page's parts, each once and in its order") {
    CHECK(page_parts(R"(<link rel="stylesheet" href="a.css"><LINK REL='shortcut ICON' HREF=/favicon.ico>
        <link rel="alternate stylesheet" href=no.css><link rel=canonical href=no><link href=no>
        <script src=//cdn.example/x.js></script><script>document.write('<img src=no>')</script>
        <img src=" b.png#top "><img src=b.png><img alt=x><input type=IMAGE src=c.gif><input src=no>
        <!-- <img src=no> --><img src=data:,x><img src="blob:no"><a href=no><img src="">
        <img src="https://other.example:8443/d?x=1&amp;y=2">)",
                     "http://www.example/dir/page?q#f") ==
          Links{"http://www.example/dir/a.css", "http://www.example/favicon.ico", "http://cdn.example/x.js",
                "http://www.example/dir/b.png", "http://www.example/dir/c.gif",
                "https://other.example:8443/d?x=1&y=2"});
}

TEST_CASE("the first base counts, wherever it leads") {
    CHECK(page_parts("<base href=/static/><base href=/no/><img src=a.png>", "http://www.example/dir/") ==
          Links{"http://www.example/static/a.png"});
    CHECK(page_parts("<base href='https://cdn.example/v2/'><img src=a.png>", "http://www.example/") ==
          Links{"https://cdn.example/v2/a.png"});
    CHECK(page_parts("<base href='ftp://x/'><img src=a.png>", "http://www.example/d/") ==
          Links{"http://www.example/d/a.png"});
}

TEST_CASE("an address that is none stays as it is written") {
    CHECK(page_parts("<img src='http://[/'>", "http://www.example/") == Links{"http://[/"});
}
