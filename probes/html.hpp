// Reads HTML as servers send it: tags, their attributes and the text between, from left to right.
//
// Our own and not a library, because what is read may be hostile and is read on the loop. A page of 100 KB of "<b>"
// holds libgumbo 0.10 up for 26 s, one tag with 400 KB of attributes libxml2 2.9.14 for 2 s, and neither can be
// stopped meanwhile (measured, one core). This reader takes time and memory proportional to the text, whatever it is.
// What it leaves out of HTML 5: the adoption agency, foster parents of tables, and the rarer of the named characters.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "schemas/extraction.hpp"

namespace slimtax::probes {

/// The next thing that a page holds.
struct HtmlEvent {
    enum class Kind { start, end, text };
    Kind kind = Kind::text;
    std::string name;  ///< of the element, in lower case
    /// Names in lower case, values with their character references decoded; the first `HtmlReader::most_attributes`.
    std::vector<std::pair<std::string, std::string>> attributes;
    std::string text;  ///< decoded, but for scripts and styles

    /// The value of an attribute, or null. Of a repeated one the first counts.
    [[nodiscard]] const std::string* attribute(std::string_view name) const;
};

/// Splits a page; end tags come as they are written, matching or not. `page` must outlive it.
class HtmlReader {
public:
    static constexpr std::size_t most_attributes = 256;

    explicit HtmlReader(std::string_view page) : page_(page) {}

    /// The next event, or nothing at the end.
    std::optional<HtmlEvent> next();

private:
    std::optional<HtmlEvent> markup();
    HtmlEvent start_tag();
    void read_attributes(HtmlEvent& tag);
    [[nodiscard]] std::size_t raw_end() const;

    std::string_view page_;
    std::size_t at_ = 0;
    std::string raw_;  ///< inside <script>, <style>, <textarea> or <title>: only its end tag ends it
};

/// True for an element that has no content, and so no end: `<br>`, `<input>` …
[[nodiscard]] bool is_void_element(std::string_view name);

/// What `css("PATH")` stands for in a page: the first matching element's attribute, or its text with blanks run
/// together. The error ends a sentence: "there is no input[name=token] in the answer".
[[nodiscard]] tl::expected<std::string, std::string> find_in_html(std::string_view page, const schemas::HtmlPath& path,
                                                                  std::string_view written);

}  // namespace slimtax::probes
