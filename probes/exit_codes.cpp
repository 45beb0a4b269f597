#include "probes/exit_codes.hpp"

#include <charconv>

#include <fmt/format.h>

#include "probes/patience.hpp"

namespace slimtax::probes {
namespace {

std::string_view trimmed(std::string_view text) {
    const std::size_t start = text.find_first_not_of(" \t\r\n");
    const std::size_t end = text.find_last_not_of(" \t\r\n");
    return start == std::string_view::npos ? "" : text.substr(start, end - start + 1);
}

}  // namespace

std::optional<bool> holds_code(std::string_view codes, int code) {
    if (trimmed(codes) == "any") {
        return true;
    }
    bool found = false;
    while (true) {
        const std::size_t comma = codes.find(',');
        const std::string_view part = trimmed(codes.substr(0, comma));
        int from = 0;
        auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), from);
        int to = from;
        if (error == std::errc() && end != part.data() + part.size() && *end == '-') {
            const auto range = std::from_chars(end + 1, part.data() + part.size(), to);
            end = range.ptr;
            error = range.ec;
        }
        if (error != std::errc() || end != part.data() + part.size() || from < 0 || to < from || to > 255) {
            return std::nullopt;
        }
        found = found || (code >= from && code <= to);
        if (comma == std::string_view::npos) {
            return found;
        }
        codes.remove_prefix(comma + 1);
    }
}

std::string exit_codes_flaw(std::string_view codes) {
    return holds_code(codes, 0) ? std::string()
                                : fmt::format(
                                      "\"{}\" is no list of exit codes: write numbers from 0 to 255 and ranges, "
                                      "as in \"0, 2-3\", or \"any\"",
                                      quotable(codes));
}

}  // namespace slimtax::probes
