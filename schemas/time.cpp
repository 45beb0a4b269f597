#include "schemas/time.hpp"

#include <cctype>

#include <fmt/format.h>

namespace slimtax::schemas {
namespace {

namespace chrono = std::chrono;

/// Reads fixed forms from left to right; every `take` fails for good once one of them has failed.
class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    /// Exactly `digits` decimal digits.
    int number(int digits) {
        int value = 0;
        for (int i = 0; i < digits; ++i) {
            if (rest_.empty() || !is_digit(rest_.front())) {
                good_ = false;
                return 0;
            }
            value = value * 10 + (rest_.front() - '0');
            rest_.remove_prefix(1);
        }
        return value;
    }

    /// One of the characters of `any`, or 0.
    char one_of(std::string_view any) {
        if (rest_.empty() || any.find(rest_.front()) == std::string_view::npos) {
            return '\0';
        }
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    void need(std::string_view any) { good_ = one_of(any) != '\0' && good_; }

    /// The digits of a fraction of a second, as microseconds: further digits are cut off.
    int fraction() {
        int value = 0;
        int digits = 0;
        while (!rest_.empty() && is_digit(rest_.front())) {
            if (digits < 6) {
                value = value * 10 + (rest_.front() - '0');
            }
            ++digits;
            rest_.remove_prefix(1);
        }
        good_ = good_ && digits >= 1 && digits <= 9;
        for (int i = digits; i < 6; ++i) {
            value *= 10;
        }
        return value;
    }

    [[nodiscard]] bool good_to_the_end() const { return good_ && rest_.empty(); }

private:
    static bool is_digit(char c) { return c >= '0' && c <= '9'; }

    std::string_view rest_;
    bool good_ = true;
};

}  // namespace

std::string to_rfc3339(Instant instant) {
    const auto day = chrono::floor<chrono::days>(instant);
    const chrono::year_month_day date(day);
    const auto in_day = instant - day;
    const auto whole = chrono::floor<chrono::seconds>(in_day);
    const auto seconds = whole.count();
    std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                   seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (const auto fraction = (in_day - whole).count(); fraction != 0) {
        text += fmt::format(".{:06}", fraction);
    }
    return text + "Z";
}

std::optional<Instant> parse_rfc3339(std::string_view text) {
    Scanner scan(text);
    const chrono::year year(scan.number(4));
    scan.need("-");
    const chrono::month month(static_cast<unsigned>(scan.number(2)));
    scan.need("-");
    const chrono::day day(static_cast<unsigned>(scan.number(2)));
    scan.need("Tt");
    const int hours = scan.number(2);
    scan.need(":");
    const int minutes = scan.number(2);
    scan.need(":");
    const int seconds = scan.number(2);
    const int micros = scan.one_of(".") != '\0' ? scan.fraction() : 0;

    chrono::minutes offset{};
    if (scan.one_of("Zz") == '\0') {
        const char sign = scan.one_of("+-");
        const int offset_hours = scan.number(2);
        scan.need(":");
        const int offset_minutes = scan.number(2);
        if (sign == '\0' || offset_hours > 23 || offset_minutes > 59) {
            return std::nullopt;
        }
        offset = chrono::hours(offset_hours) + chrono::minutes(offset_minutes);
        if (sign == '-') {
            offset = -offset;
        }
    }
    const chrono::year_month_day date(year, month, day);
    // A leap second (":60") does not exist on this time line.
    if (!scan.good_to_the_end() || !date.ok() || hours > 23 || minutes > 59 || seconds > 59) {
        return std::nullopt;
    }
    return Instant(chrono::sys_days(date)) + chrono::hours(hours) + chrono::minutes(minutes) +
           chrono::seconds(seconds) + chrono::microseconds(micros) - offset;
}

}  // namespace slimtax::schemas
