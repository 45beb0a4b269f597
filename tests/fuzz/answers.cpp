// DNS messages, and what functions look for in answers: JSON, HTML, Prometheus text.

#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "probes/dns_message.hpp"
#include "probes/extract.hpp"
#include "schemas/extraction.hpp"
#include "schemas/utf8.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace slimtax::fuzz {
namespace {

void feed_dns(const std::string& input) {
    const auto message = probes::parse_dns(input);
    if (!message) {
        must(!message.error().empty(), "an error says something", input);
        return;
    }
    must(message->answers.size() <= input.size(), "records do not come from nowhere", input);
    for (const probes::DnsRecord& record : message->answers) {
        // A name is at most 255 bytes on the wire, each shown as at most four characters.
        must(record.name.size() <= 1024, "a name is bounded", input);
        must(schemas::first_invalid_utf8(record.text) == std::string::npos, "a record's text is UTF-8", input);
    }
}

/// Each function on the answer; what comes out is bounded by what went in.
void look(const std::vector<std::string>& functions, const std::string& input) {
    for (const std::string& written : functions) {
        const auto what = schemas::Extraction::parse_whole(written);
        must(what.has_value(), "the function itself is good", written);
        const auto value = probes::extract(*what, input, input);
        if (!value) {
            must(!value.error().empty(), "an error says something", input);
            must(value.error().size() < 2000, "an error is short", input);
        } else if (const auto* text = std::get_if<std::string>(&*value)) {
            must(text->size() <= 4 * input.size(), "a value is not larger than the answer", input);
        }
    }
}

void feed_json(const std::string& input) {
    look({R"f(json("/items/0/id"))f", R"f(json("/a~1b/c"))f", R"f(json(""))f", R"f(json("/items"))f"}, input);
}
void feed_html(const std::string& input) {
    look({R"f(css("form input[name=token]@value"))f", R"f(css("title"))f", R"f(css("div > p.note"))f",
          R"f(css("#x a[href^=http]@href"))f", R"f(regex("(\d+) loans"))f"},
         input);
}
void feed_prometheus(const std::string& input) {
    look({R"f(prometheus("jobs{queue=\"mail\"}"))f", R"f(prometheus("up"))f", R"f(header("content-type"))f"}, input);
}

std::string dns_answer() {
    // A question for im1.campus.test A, and its answer by a pointer into the question.
    std::string bytes("\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00", 12);
    bytes += std::string(
        "\x03im1\x06"
        "campus\x04test\x00\x00\x01\x00\x01",
        21);
    bytes += std::string("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01", 16);
    bytes += std::string("\xc0\x10\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x06\x05hello", 18);
    return bytes;
}

std::string dns_mail() {
    std::string bytes("\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00", 12);
    bytes += std::string(
        "\x06"
        "campus\x04test\x00\x00\x0f\x00\x01",
        17);
    bytes += std::string("\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x09\x00\x0a\x04mail\xc0\x0c", 21);
    return bytes;
}

}  // namespace

const Target dns{"dns",
                 {dns_answer(), dns_mail()},
                 {std::string("\xc0\x0c", 2), std::string("\xc0\xff", 2), std::string("\x00\x06\x00\x01", 4),
                  std::string("\x00\x21\x00\x01", 4), std::string("\x00\x1c\x00\x01", 4), "\x3f"},
                 feed_dns};
const Target json{"json",
                  {R"({"items":[{"id":"a1","n":1.5e3},{"id":null}],"a/b":{"c":true},"u":"\u00e9\ud83d\ude00"})",
                   "[[[[1]]]]", "\"x\""},
                  {"{", "}", "[", "]", ",", ":", "\"", "\\u", "\\ud800", "1e999", "-", "null", "true",
                   "\"items\":", "\"id\":", "\\", "\xff"},
                  feed_json};
const Target html{
    "html",
    {"<!doctype html><title>Loans</title><form class=login><input name=token value='a&amp;b'><input></form><div id=x>"
     "<p class='note x'>3 loans<a href='http://x/'>y</a></div>",
     "<table><tr><td><b><i>x</b></i><svg><style><title>q</title></svg><template><form><input name=token></template>"},
    {"<",          ">",    "</",         "<!--",  "-->",      "<script>",     "</script>",  "<input name=token value=",
     "&#x110000;", "&amp", "<table>",    "<b>",   "<p>",      "</p>",         "<a href=",   "\"",
     "'",          "=",    "<template>", "<svg>", "<select>", "\xef\xbf\xbe", "<plaintext>"},
    feed_html};
const Target prometheus{
    "prometheus",
    {"# HELP jobs x\n# TYPE jobs gauge\njobs{queue=\"mail\",x=\"a\\\"b\"} 12 1700000000\njobs 3\nup 1\n",
     "content-type: text/html\nx: y\n"},
    {"{", "}", "\"", "\\", ",", "=", "\n", "NaN", "+Inf", "1e400", "up ", "jobs{", "#", "queue=\"mail\""},
    feed_prometheus};

}  // namespace slimtax::fuzz
