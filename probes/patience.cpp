#include "probes/patience.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "schemas/utf8.hpp"

namespace slimtax::probes {

schemas::Duration Patience::spent() const {
    return std::chrono::duration_cast<schemas::Duration>(Loop::now() - began);
}

schemas::Duration Patience::spent_until(TimePoint arrived) const {
    return arrived > began ? std::chrono::duration_cast<schemas::Duration>(arrived - began) : spent();
}

std::string Patience::in_words() const {
    double seconds = std::chrono::duration<double>(deadline - began).count();
    if (seconds <= 0) {
        return "in the time left";
    }
    // Rounding hides the time between the step's start and ours: "10 s", not "9.994 s"; "300 ms", not "298 ms".
    const double grain = seconds < 0.095 ? 0.001 : seconds < 0.95 ? 0.01 : 0.05;
    seconds = std::max(std::round(seconds / grain) * grain, 0.001);
    return seconds < 0.9995 ? fmt::format("within {:.3g} ms", seconds * 1e3) : fmt::format("within {:.3g} s", seconds);
}

Trouble ran_out(std::string_view server, std::string_view action, const Patience& patience) {
    return {Trouble::Kind::timed_out, fmt::format("{} did not {} {}", server, action, patience.in_words())};
}

Trouble refused(std::string reason) {
    return {Trouble::Kind::refused, std::move(reason)};
}

Outcome outcome_of(Trouble trouble) {
    switch (trouble.kind) {
        case Trouble::Kind::refused: return Outcome::failed(std::move(trouble.reason));
        case Trouble::Kind::timed_out: return Outcome::timeout(std::move(trouble.reason));
        case Trouble::Kind::ours: break;
    }
    return Outcome::fault(std::move(trouble.reason));
}

std::string quotable(std::string_view text, std::string_view secret, std::size_t most) {
    std::string clean(text);
    if (!secret.empty()) {
        for (auto at = clean.find(secret); at != std::string::npos; at = clean.find(secret, at + 3)) {
            clean.replace(at, secret.size(), "***");
        }
    }
    clean = schemas::shortened(schemas::to_valid_utf8(clean), most);
    for (char& c : clean) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) {
            c = ' ';
        }
    }
    const auto last = clean.find_last_not_of(' ');
    clean.resize(last == std::string::npos ? 0 : last + 1);
    return clean;
}

}  // namespace slimtax::probes
