#include "schemas/selector.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// As names are in HTML and CSS, foreign letters included.
bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == ':' || static_cast<unsigned char>(c) >= 0x80;
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return result;
}

class PathParser {
public:
    explicit PathParser(std::string_view text) : text_(text) {}

    tl::expected<HtmlPath, ConditionError> parse() {
        HtmlPath path;
        skip_blanks();
        for (bool child = false;;) {
            HtmlStep step;
            step.child = child;
            if (!read_step(step)) {
                return tl::unexpected(error_);
            }
            path.steps.push_back(std::move(step));
            if (path.steps.size() > HtmlPath::most_steps) {
                fail(at_, fmt::format("a path has at most {} elements", HtmlPath::most_steps));
                return tl::unexpected(error_);
            }
            skip_blanks();
            if (at_ == text_.size()) {
                return path;
            }
            if (text_[at_] == '@') {
                return with_attribute(std::move(path));
            }
            child = text_[at_] == '>';
            if (child) {
                ++at_;
                skip_blanks();
            }
        }
    }

private:
    tl::expected<HtmlPath, ConditionError> with_attribute(HtmlPath path) {
        ++at_;
        path.attribute = lower(take_name(true));
        if (path.attribute.empty()) {
            fail(at_, fmt::format("expected the name of an attribute after @, found {}", rest()));
            return tl::unexpected(error_);
        }
        skip_blanks();
        if (at_ != text_.size()) {
            fail(at_, fmt::format("expected the end after @{}, found {}", path.attribute, rest()));
            return tl::unexpected(error_);
        }
        return path;
    }

    bool read_step(HtmlStep& step) {
        const std::size_t start = at_;
        if (at_ < text_.size() && text_[at_] == '*') {
            ++at_;
        } else {
            step.tag = lower(take_name(false));
        }
        while (at_ < text_.size() && (text_[at_] == '#' || text_[at_] == '.' || text_[at_] == '[')) {
            if (!read_test(step)) {
                return false;
            }
        }
        if (at_ == start) {
            return fail(at_, fmt::format("expected an element such as input[name=token], found {}", rest()));
        }
        if (at_ < text_.size() && !is_blank(text_[at_]) && text_[at_] != '>' && text_[at_] != '@') {
            return fail(at_, fmt::format("{} is not understood", rest()),
                        "there are tag, #id, .class, [name=value], a blank, > and @attribute");
        }
        return true;
    }

    bool read_test(HtmlStep& step) {
        HtmlTest test;
        const char sign = text_[at_++];
        if (sign == '[') {
            if (!read_attribute(test)) {
                return false;
            }
        } else {
            test.attribute = sign == '#' ? "id" : "class";
            test.match = sign == '#' ? HtmlTest::Match::equal : HtmlTest::Match::word;
            test.value = take_name(false);
            if (test.value.empty()) {
                return fail(at_, fmt::format("expected a name after {}, found {}", sign, rest()));
            }
        }
        step.tests.push_back(std::move(test));
        return true;
    }

    /// Behind the `[`.
    bool read_attribute(HtmlTest& test) {
        skip_blanks();
        test.attribute = lower(take_name(true));
        if (test.attribute.empty()) {
            return fail(at_, fmt::format("expected the name of an attribute, found {}", rest()));
        }
        skip_blanks();
        if (at_ < text_.size() && text_[at_] != ']' && !read_value(test)) {
            return false;
        }
        skip_blanks();
        if (at_ == text_.size() || text_[at_] != ']') {
            return fail(at_, fmt::format("expected \"]\", found {}", rest()));
        }
        ++at_;
        return true;
    }

    bool read_value(HtmlTest& test) {
        using Match = HtmlTest::Match;
        static constexpr std::pair<char, Match> signs[] = {
            {'~', Match::word}, {'^', Match::prefix}, {'$', Match::suffix}, {'*', Match::part}};
        test.match = Match::equal;
        for (const auto& [sign, match] : signs) {
            if (text_[at_] == sign) {
                test.match = match;
                ++at_;
                break;
            }
        }
        if (at_ == text_.size() || text_[at_] != '=') {
            return fail(at_, fmt::format("expected =, ~=, ^=, $=, *= or \"]\", found {}", rest()));
        }
        ++at_;
        skip_blanks();
        if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
            std::vector<std::size_t> places;
            auto value = read_quoted(text_, at_, places);
            if (!value) {
                error_ = std::move(value.error());
                return false;
            }
            test.value = std::move(*value);
            return true;
        }
        const std::size_t start = at_;
        while (at_ < text_.size() && text_[at_] != ']' && !is_blank(text_[at_])) {
            ++at_;
        }
        test.value = text_.substr(start, at_ - start);
        return !test.value.empty() || fail(at_, fmt::format("expected a value, found {}", rest()));
    }

    std::string_view take_name(bool with_dots) {
        const std::size_t start = at_;
        while (at_ < text_.size() &&
               ((is_name(text_[at_]) && (with_dots || text_[at_] != ':')) || (with_dots && text_[at_] == '.'))) {
            ++at_;
        }
        return text_.substr(start, at_ - start);
    }

    void skip_blanks() {
        while (at_ < text_.size() && is_blank(text_[at_])) {
            ++at_;
        }
    }

    [[nodiscard]] std::string rest() const {
        return at_ < text_.size() ? fmt::format("\"{}\"", shortened(to_valid_utf8(text_.substr(at_)), 40)) : "the end";
    }

    bool fail(std::size_t at, std::string message, std::string hint = {}) {
        error_ = {at, std::move(message), std::move(hint)};
        return false;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    ConditionError error_;
};

}  // namespace

tl::expected<HtmlPath, ConditionError> parse_html_path(std::string_view text) {
    return PathParser(text).parse();
}

}  // namespace slimtax::schemas
