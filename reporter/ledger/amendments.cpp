#include "reporter/ledger/amendments.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;
using schemas::State;

constexpr std::string_view example = "campus-im/sign-in@2026-11-17T15:02";

/// The instant that a time cut off somewhere begins with, and how long what it leaves open is.
std::optional<std::pair<Instant, Duration>> open_time(std::string_view text) {
    struct Form {
        std::size_t length;
        std::string_view rest;
        Duration open;
    };
    constexpr Form forms[] = {{10, "T00:00:00Z", std::chrono::days(1)},
                              {13, ":00:00Z", std::chrono::hours(1)},
                              {16, ":00Z", std::chrono::minutes(1)},
                              {19, "Z", std::chrono::seconds(1)}};
    while (text.ends_with('Z')) {
        text.remove_suffix(1);
    }
    for (const Form& form : forms) {
        if (text.size() == form.length) {
            if (const auto instant = schemas::parse_rfc3339(std::string(text) + std::string(form.rest))) {
                return std::pair(*instant, form.open);
            }
        }
    }
    if (text.size() > 20 && text[19] == '.') {
        if (const auto instant = schemas::parse_rfc3339(std::string(text) + "Z")) {
            Duration open(1'000'000);
            for (std::size_t digits = text.size() - 20; digits > 0; --digits) {
                open = std::max(Duration(1), open / 10);
            }
            return std::pair(*instant, open);
        }
    }
    return std::nullopt;
}

FoundOutage* outage_of(std::vector<FoundOutage>& outages, const RecordedAmendment& amendment) {
    for (FoundOutage& found : outages) {
        if (found.began <= amendment.began && amendment.began < found.ended) {
            return &found;
        }
    }
    for (FoundOutage& found : outages) {
        if (found.began < amendment.ended && amendment.began < found.ended) {
            return &found;
        }
    }
    return nullptr;
}

/// What the amendments that stand come to; of several of a kind the last one counts.
void conclude(Outage& outage) {
    std::ranges::sort(outage.amendments, {}, &Amendment::number);
    for (const Amendment& undo : outage.amendments) {
        for (Amendment& other : outage.amendments) {
            // What undoes is not undone itself: say it again instead.
            other.undone = other.undone || (undo.kind == Amendment::Kind::undo && other.number == undo.undoes);
        }
    }
    for (const Amendment& amendment : outage.amendments) {
        if (amendment.undone) {
            continue;
        }
        if (amendment.kind == Amendment::Kind::cause) {
            outage.cause = amendment.cause;
            outage.evidence.clear();
        } else if (amendment.kind != Amendment::Kind::undo) {
            outage.excused = amendment.kind;
        }
    }
}

/// Overlays [from, to) of the open hours.
void overlay(CalendarSpans& calendar, Instant from, Instant to, Hours hours) {
    CalendarSpans result;
    const auto add = [&](Instant begin, Instant end, Hours kind) {
        if (begin >= end) {
            return;
        }
        if (!result.empty() && result.back().hours == kind) {
            result.back().to = end;
        } else {
            result.push_back({begin, end, kind});
        }
    };
    for (const CalendarSpan& span : calendar) {
        const Instant begin = std::clamp(from, span.from, span.to);
        const Instant end = std::clamp(to, begin, span.to);
        add(span.from, begin, span.hours);
        add(begin, end, span.hours == Hours::open ? hours : span.hours);
        add(end, span.to, span.hours);
    }
    calendar = std::move(result);
}

/// Makes the outage up, and the doubt around it, which only it can have raised.
void clear(StateSpans& spans, Instant began, Instant ended) {
    const auto up = [](State state) { return state == State::down ? State::up : state; };
    for (StateSpan& span : spans) {
        if (span.from < ended && began < span.to) {
            span.nominal = up(span.nominal);
            span.shortest = up(span.shortest);
            span.longest = up(span.longest);
        }
    }
    const auto doubtful = [](const StateSpan& span) {
        return span.nominal != State::down && span.longest == State::down;
    };
    for (std::size_t i = 0; i < spans.size(); ++i) {
        if (spans[i].from == ended) {
            for (; i < spans.size() && doubtful(spans[i]); ++i) {
                spans[i].longest = spans[i].nominal;
            }
            break;
        }
    }
    for (std::size_t i = spans.size(); i-- > 0;) {
        if (spans[i].to == began) {
            for (std::size_t j = i + 1; j-- > 0 && doubtful(spans[j]);) {
                spans[j].longest = spans[j].nominal;
            }
            break;
        }
    }
}

}  // namespace

std::string outage_id(std::string_view service, std::string_view objective, Instant began) {
    return fmt::format("{}/{}@{}", service, objective, schemas::to_rfc3339(began));
}

tl::expected<OutageName, std::string> parse_outage_id(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::size_t at = text.find('@', slash == std::string_view::npos ? 0 : slash);
    if (slash == std::string_view::npos || at == std::string_view::npos || slash == 0 || at == slash + 1) {
        return tl::unexpected(
            fmt::format("'{}' names no outage: expected SERVICE/OBJECTIVE@TIME as `slimtax-reporter "
                        "outages` shows it, such as {}",
                        text, example));
    }
    OutageName name{std::string(text.substr(0, slash)),
                    std::string(text.substr(slash + 1, at - slash - 1)),
                    std::string(text.substr(at + 1)),
                    {},
                    {}};
    const auto time = open_time(name.began);
    if (!time) {
        return tl::unexpected(
            fmt::format("'{}' is no time that an outage began at: expected one in UTC such as "
                        "2026-11-17T15:02, as `slimtax-reporter outages` shows it",
                        name.began));
    }
    name.first = time->first;
    name.after = time->first + time->second;
    return name;
}

void amend(std::vector<FoundOutage>& outages, std::string_view service, std::string_view objective,
           const Amendments& amendments) {
    for (const RecordedAmendment& amendment : amendments) {
        if (amendment.service != service || amendment.objective != objective) {
            continue;
        }
        if (FoundOutage* found = outage_of(outages, amendment)) {
            found->outage.amendments.push_back(amendment.said);
        }
    }
    for (FoundOutage& found : outages) {
        conclude(found.outage);
    }
}

Excused excuse(const StateSpans& spans, const CalendarSpans& calendar, const std::vector<FoundOutage>& outages) {
    Excused result{spans, calendar, calendar};
    for (const FoundOutage& found : outages) {
        if (found.outage.excused == Amendment::Kind::planned) {
            overlay(result.calendar, found.began, found.ended, Hours::planned);
        } else if (found.outage.excused == Amendment::Kind::not_an_outage) {
            clear(result.spans, found.began, found.ended);
        }
        if (found.outage.excused) {
            overlay(result.counted, found.due_from, found.due_to, Hours::planned);
        }
    }
    return result;
}

}  // namespace slimtax::reporter
