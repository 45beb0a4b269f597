// css("…"): a path looked for in one go through the page, with the open elements on a stack and no tree.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include <fmt/format.h>

#include "probes/html.hpp"

namespace slimtax::probes {
namespace {

using schemas::HtmlPath;
using schemas::HtmlStep;
using schemas::HtmlTest;

// Real pages have some dozens; what never closes its elements has more.
constexpr std::size_t deepest = 256;
constexpr std::size_t longest_text = 100'000;

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

bool has_word(std::string_view text, std::string_view word) {
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at;
        while (end < text.size() && !is_blank(text[end])) {
            ++end;
        }
        if (text.substr(at, end - at) == word) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

bool passes(const HtmlEvent& tag, const HtmlTest& test) {
    const std::string* value = tag.attribute(test.attribute);
    if (value == nullptr) {
        return false;
    }
    switch (test.match) {
        case HtmlTest::Match::present: return true;
        case HtmlTest::Match::equal: return *value == test.value;
        case HtmlTest::Match::word: return has_word(*value, test.value);
        case HtmlTest::Match::prefix: return value->starts_with(test.value);
        case HtmlTest::Match::suffix: return value->ends_with(test.value);
        case HtmlTest::Match::part: return value->find(test.value) != std::string::npos;
    }
    return false;
}

bool passes(const HtmlEvent& tag, const HtmlStep& step) {
    return (step.tag.empty() || step.tag == tag.name) &&
           std::ranges::all_of(step.tests, [&tag](const HtmlTest& test) { return passes(tag, test); });
}

// End tags that authors may leave out: which start tags close which open element, looked for no further up than
// `within`.
struct Implied {
    std::span<const std::string_view> starts;
    std::span<const std::string_view> closes;
    std::span<const std::string_view> within;
};

constexpr std::array<std::string_view, 1> li{"li"};
constexpr std::array<std::string_view, 3> lists{"ul", "ol", "menu"};
constexpr std::array<std::string_view, 2> terms{"dt", "dd"};
constexpr std::array<std::string_view, 1> dl{"dl"};
constexpr std::array<std::string_view, 1> option{"option"};
constexpr std::array<std::string_view, 2> options_start{"option", "optgroup"};
constexpr std::array<std::string_view, 1> select{"select"};
constexpr std::array<std::string_view, 2> cells{"td", "th"};
constexpr std::array<std::string_view, 2> rows{"tr", "table"};
constexpr std::array<std::string_view, 1> tr{"tr"};
constexpr std::array<std::string_view, 4> rows_start{"tr", "tbody", "thead", "tfoot"};
constexpr std::array<std::string_view, 1> table{"table"};
constexpr std::array<std::string_view, 1> p{"p"};
constexpr std::array<std::string_view, 27> blocks{
    "p",     "div",    "ul",         "ol",  "dl", "table",    "form",   "section", "article",
    "aside", "header", "footer",     "h1",  "h2", "h3",       "h4",     "h5",      "h6",
    "nav",   "main",   "blockquote", "pre", "hr", "fieldset", "figure", "address", "details"};
constexpr std::array<std::string_view, 5> p_scope{"td", "th", "table", "button", "object"};
constexpr std::array<Implied, 6> implied{{{li, li, lists},
                                          {terms, terms, dl},
                                          {options_start, option, select},
                                          {cells, cells, rows},
                                          {rows_start, tr, table},
                                          {blocks, p, p_scope}}};

bool among(std::span<const std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

class PathSearch {
public:
    PathSearch(std::string_view page, const HtmlPath& path, std::string_view written)
        : reader_(page), path_(path), written_(written) {}

    tl::expected<std::string, std::string> run() {
        while (const auto event = reader_.next()) {
            if (event->kind == HtmlEvent::Kind::start) {
                open(*event);
            } else if (event->kind == HtmlEvent::Kind::end) {
                close(event->name);
            } else if (target_depth_ != 0) {
                take_text(event->text);
            }
            if (found_) {
                return finished();
            }
            if (open_.size() > deepest) {
                return tl::unexpected(fmt::format("the HTML of the answer is nested deeper than {} elements", deepest));
            }
        }
        if (target_depth_ != 0) {
            return finished();
        }
        return tl::unexpected(lacking_ ? fmt::format("no {} in the answer has that attribute", written_)
                                       : fmt::format("there is no {} in the answer", written_));
    }

private:
    struct Element {
        std::string name;
        std::uint32_t reached;  // bit i: step i of the path is this element …
        std::uint32_t above;    // … or one that it is inside of
    };

    void open(const HtmlEvent& tag) {
        for (const Implied& rule : implied) {
            if (among(rule.starts, tag.name)) {
                close_implied(rule);
            }
        }
        const bool empty = is_void_element(tag.name);
        const std::uint32_t above = open_.empty() ? 0 : open_.back().above;
        const std::uint32_t reached = target_depth_ == 0 ? steps_reached(tag, above) : 0;
        if ((reached >> (path_.steps.size() - 1) & 1) != 0) {
            hit(tag, empty);
        }
        if (!empty) {
            open_.push_back({tag.name, reached, above | reached});
        }
    }

    [[nodiscard]] std::uint32_t steps_reached(const HtmlEvent& tag, std::uint32_t above) const {
        const std::uint32_t parent = open_.empty() ? 0 : open_.back().reached;
        std::uint32_t reached = 0;
        for (std::size_t i = 0; i < path_.steps.size(); ++i) {
            const HtmlStep& step = path_.steps[i];
            const std::uint32_t before = i == 0 ? 0 : std::uint32_t{1} << (i - 1);
            const bool placed = i == 0 || ((step.child ? parent : above) & before) != 0;
            if (placed && passes(tag, step)) {
                reached |= std::uint32_t{1} << i;
            }
        }
        return reached;
    }

    void hit(const HtmlEvent& tag, bool empty) {
        if (path_.attribute.empty()) {
            found_ = empty;
            target_depth_ = empty ? 0 : open_.size() + 1;
        } else if (const std::string* value = tag.attribute(path_.attribute)) {
            text_ = *value;
            found_ = true;
        } else {
            lacking_ = true;
        }
    }

    void close(std::string_view name) {
        for (std::size_t i = open_.size(); i-- > 0;) {
            if (open_[i].name == name) {
                cut(i);
                return;
            }
        }
    }

    void close_implied(const Implied& rule) {
        for (std::size_t i = open_.size(); i-- > 0 && !among(rule.within, open_[i].name);) {
            if (among(rule.closes, open_[i].name)) {
                cut(i);
                return;
            }
        }
    }

    void cut(std::size_t size) {
        open_.resize(size);
        found_ = found_ || (target_depth_ != 0 && size < target_depth_);
    }

    void take_text(const std::string& text) {
        text_.append(text, 0, longest_text - std::min(text_.size(), longest_text));
    }

    // An attribute as it is; of a text blanks run together, as a browser shows them.
    [[nodiscard]] std::string finished() const {
        if (!path_.attribute.empty()) {
            return text_;
        }
        std::string tidy;
        for (const char c : text_) {
            if (!is_blank(c)) {
                tidy += c;
            } else if (!tidy.empty() && tidy.back() != ' ') {
                tidy += ' ';
            }
        }
        if (tidy.ends_with(' ')) {
            tidy.pop_back();
        }
        return tidy;
    }

    HtmlReader reader_;
    const HtmlPath& path_;
    std::string_view written_;
    std::vector<Element> open_;
    std::size_t target_depth_ = 0;  // how many elements are open inside the target, itself included; 0: not in it
    bool found_ = false;
    bool lacking_ = false;
    std::string text_;
};

}  // namespace

tl::expected<std::string, std::string> find_in_html(std::string_view page, const HtmlPath& path,
                                                    std::string_view written) {
    return PathSearch(page, path, written).run();
}

}  // namespace slimtax::probes
