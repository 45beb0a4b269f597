// HTML and SVG that cannot forget to escape: markup is built from values, text becomes markup only by being
// escaped, and tag and attribute names exist only at compile time.
//
//   Html row = element("tr", {}, {element("th", {{"scope", "row"}}, service.title), cell(minutes)});
//
// What the types rule out: raw text as markup (there is no way in but `Html`'s escaping constructor), attribute
// or tag names from outside (consteval), script and style in attributes (`on…` and `style` do not compile),
// and links to anything but http, https, mailto and our own paths (checked when the link is made).
//
// Tried in thought and dropped: ctemplate. It escapes by context too, but its templates are text that is parsed
// when the program runs, so a wrong name shows as an empty page; it keeps global state; and loops and plurals
// need a dictionary of strings for each row, about as long as the builder's code.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace slimtax::reporter {

/// `text` as valid UTF-8 without control characters (but tab and newline) and without characters that turn the
/// reading direction of what follows: each is replaced by U+FFFD. For names and reasons that come from outside.
[[nodiscard]] std::string clean_text(std::string_view text);

/// A name fixed at compile time.
class MarkupName {
public:
    consteval MarkupName(const char* name) : name_(name) {  // NOLINT: meant to convert
        for (const char c : name_) {
            const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
            if (!good) {
                throw "a tag or attribute name has letters, digits and '-' only";
            }
        }
        if (name_.starts_with("on") || name_ == "style") {
            throw "scripts and styles live in files of their own";
        }
    }
    [[nodiscard]] constexpr std::string_view view() const { return name_; }

private:
    std::string_view name_;
};

/// A style that is fixed at compile time, for mails: their readers drop style sheets. Pages have files for that.
class InlineStyle {
public:
    consteval InlineStyle(const char* text) : text_(text) {  // NOLINT: meant to convert
        for (const char c : text_) {
            if (c == '"' || c == '<' || c == '&' || c == '(') {
                throw "a style in an attribute has no quotes, no markup and no url()";
            }
        }
    }
    [[nodiscard]] constexpr std::string_view view() const { return text_; }

private:
    std::string_view text_;
};

/// One attribute. href and src keep only links that lead to http, https, mailto or inside our own site;
/// anything else becomes "#". A `bool` says whether the attribute is there at all.
class Attribute {
public:
    Attribute(MarkupName name, std::string_view value);
    Attribute(MarkupName name, const char* value) : Attribute(name, std::string_view(value)) {}
    Attribute(MarkupName name, const std::string& value) : Attribute(name, std::string_view(value)) {}
    template <std::same_as<bool> Flag>
    Attribute(MarkupName name, Flag there) : text_(there ? " " + std::string(name.view()) : std::string()) {}
    template <std::integral Number>
    requires(!std::same_as<Number, bool>) Attribute(MarkupName name, Number value)
        : Attribute(name, std::string_view(std::to_string(value))) {}
    /// At most three decimals: for coordinates.
    Attribute(MarkupName name, double value);

    /// ` style="…"`, in mails only.
    [[nodiscard]] static Attribute look(InlineStyle style);

    [[nodiscard]] const std::string& markup() const { return text_; }

private:
    Attribute() = default;
    std::string text_;  ///< ` name="escaped"`
};

using Attributes = std::vector<Attribute>;

/// A file that was embedded when the program was built; see assets.hpp.
struct Asset;

/// A piece of finished markup. Text that is put into it is escaped and cleaned.
class Html {
public:
    Html() = default;
    Html(std::string_view text);                                     // NOLINT: meant to convert
    Html(const char* text) : Html(std::string_view(text)) {}         // NOLINT
    Html(const std::string& text) : Html(std::string_view(text)) {}  // NOLINT
    Html(std::initializer_list<Html> parts);

    Html& operator+=(const Html& more) {
        markup_ += more.markup_;
        return *this;
    }
    [[nodiscard]] friend Html operator+(Html left, const Html& right) {
        left += right;
        return left;
    }
    [[nodiscard]] bool empty() const { return markup_.empty(); }
    [[nodiscard]] const std::string& markup() const { return markup_; }

private:
    friend Html element(MarkupName, const Attributes&, const Html&);
    friend Html inline_style(const Asset&);
    friend Html document(const Attributes&, const Html&, const Html&);
    std::string markup_;
};

/// `<name attributes>content</name>`; elements that HTML does not close are not closed.
[[nodiscard]] Html element(MarkupName name, const Attributes& attributes = {}, const Html& content = {});

/// `<style>` with an embedded file, for the report that is one file.
[[nodiscard]] Html inline_style(const Asset& asset);

/// `<!doctype html>` and the whole page. `attributes` go to `<html>`.
[[nodiscard]] Html document(const Attributes& attributes, const Html& head, const Html& body);

/// A link. Bad addresses become text without a link.
[[nodiscard]] Html link(std::string_view address, const Html& text, Attributes attributes = {});

/// True for http, https, mailto and addresses inside the site.
[[nodiscard]] bool is_safe_link(std::string_view address);

/// Text from outside, kept apart in its reading direction (`<bdi>`).
[[nodiscard]] Html foreign(std::string_view text);

/// For one part of a path or a value of a query: everything but letters, digits and `-._~` as %XX.
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace slimtax::reporter
