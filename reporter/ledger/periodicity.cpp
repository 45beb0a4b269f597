#include "reporter/ledger/periodicity.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "reporter/ledger/uncertainty.hpp"
#include "reporter/words.hpp"

namespace slimtax::reporter {
namespace {

using namespace std::chrono_literals;
using schemas::Duration;
using schemas::Instant;

/// More begins than this say nothing new.
constexpr std::size_t most_begins = 1000;
constexpr std::size_t most_found = 3;
constexpr std::size_t most_refinements = 200;
constexpr int most_widths = 8;
constexpr Duration day = 24h;
constexpr Duration week = 7 * day;

constexpr std::array<Duration, 18> usual{1min, 2min, 5min, 10min, 15min, 20min, 30min, 1h,   2h,
                                         3h,   4h,   6h,   8h,    12h,   day,   week,  3min, 90min};

/// One outage's begin, in UTC and by the clock on the wall, in microseconds.
struct Begin {
    std::int64_t utc = 0;
    std::int64_t local = 0;
    std::size_t outage = 0;
};

bool by_wall_clock(Duration every) {
    return every >= 1h;
}

struct Candidate {
    Duration every{};
    bool exact = true;  ///< one of the usual ones, or else found between outages and to be refined
    Duration doubt{};   ///< how far from `every` the true one may be
};

/// Begins that lie together on the drum.
struct Bundle {
    Duration every{};
    double log_chance = 0;  ///< that random begins lie so, by its logarithm, with all tries that were made
    std::int64_t from = 0;  ///< on the drum
    std::int64_t width = 0;
    std::vector<std::size_t> members;  ///< indices of begins, in order, one a turn
};

std::int64_t floor_mod(std::int64_t value, std::int64_t by) {
    const std::int64_t rest = value % by;
    return rest < 0 ? rest + by : rest;
}

/// How unlikely it is that of n begins strewn evenly, `together` or more lie on a part `share` of the drum around one
/// of them: the logarithm of a bound (Chernoff's), since with a thousand begins it is very unlikely.
double log_chance_of(std::size_t n, std::size_t together, double share) {
    const auto others = static_cast<double>(n - 1);
    const double there = static_cast<double>(together - 1) / others;
    if (together < 2 || share >= 1 || there <= share) {
        return 0;
    }
    const double away = there < 1 ? (1 - there) * std::log((1 - there) / (1 - share)) : 0;
    return std::min(0.0, std::log(static_cast<double>(n)) - others * (there * std::log(there / share) + away));
}

/// The fewest turns that a rhythm has to be seen in.
std::size_t fewest(Duration every) {
    return every >= week ? 4 : every >= day ? 4 : 6;
}

class Search {
public:
    Search(std::vector<Begin> begins, Duration gap) : begins_(std::move(begins)), gap_(std::max<Duration>(gap, 1s)) {
        span_ = Duration(begins_.back().utc - begins_.front().utc);
    }

    std::optional<Bundle> best() {
        std::vector<Candidate> candidates;
        for (const Duration every : usual) {
            candidates.push_back({every, true, {}});
        }
        from_distances(candidates);
        std::optional<Bundle> best;
        for (const Candidate& candidate : candidates) {
            // Begins are known to a gap: a rhythm not much slower cannot be told from the runs' own.
            if (candidate.every < 4 * gap_ || candidate.every * 3 > span_) {
                continue;
            }
            const std::vector<Duration> tried = refinements(candidate);
            // Whoever tries often finds something: each kind of candidate pays for all of its tries.
            const double tries = candidate.exact ? static_cast<double>(usual.size()) : 6.0 * most_refinements;
            for (const Duration every : tried) {
                Bundle bundle = wind(every);
                bundle.log_chance += std::log(tries * most_widths);
                if (bundle.log_chance < (best ? best->log_chance : 0)) {
                    best = std::move(bundle);
                }
            }
        }
        return best;
    }

private:
    /// The distances from one begin to the next that occur most often, and a half and a third of them.
    void from_distances(std::vector<Candidate>& candidates) const {
        std::vector<std::int64_t> distances;
        for (std::size_t i = 0; i + 1 < begins_.size(); ++i) {
            distances.push_back(begins_[i + 1].utc - begins_[i].utc);
        }
        std::sort(distances.begin(), distances.end());
        for (int found = 0; found < 2 && distances.size() >= 4; ++found) {
            // Both ends are known to a gap only.
            std::size_t first = 0;
            std::size_t many = 0;
            for (std::size_t low = 0, high = 0; low < distances.size(); ++low) {
                while (high < distances.size() && distances[high] - distances[low] <= 2 * gap_.count()) {
                    ++high;
                }
                if (high - low > many) {
                    many = high - low;
                    first = low;
                }
            }
            if (many < 3 || !telling(many, distances.size())) {
                return;
            }
            std::int64_t sum = 0;
            for (std::size_t i = first; i < first + many; ++i) {
                sum += distances[i];
            }
            const auto count = static_cast<std::int64_t>(many);
            const auto doubt =
                static_cast<std::int64_t>(2 * static_cast<double>(gap_.count()) / std::sqrt(static_cast<double>(many)));
            for (const std::int64_t part : {1, 2, 3}) {
                candidates.push_back({Duration(sum / count / part), false, Duration(doubt / part)});
            }
            distances.erase(distances.begin() + static_cast<std::ptrdiff_t>(first),
                            distances.begin() + static_cast<std::ptrdiff_t>(first + many));
        }
    }

    /// Whether so many equal distances are more than chance puts there; else they are not worth a closer look.
    [[nodiscard]] bool telling(std::size_t equal, std::size_t all) const {
        const double mean = schemas::to_seconds(span_) / static_cast<double>(begins_.size() - 1);
        const double share = -std::expm1(-2 * schemas::to_seconds(gap_) / mean);
        const double chance = incomplete_beta(static_cast<double>(equal), static_cast<double>(all - equal + 1), share);
        return chance * static_cast<double>(all) < 0.05;
    }

    /// A wrong interval strews over the drum what lies together: tried in steps that shift the last begin against the
    /// first by half a gap.
    [[nodiscard]] std::vector<Duration> refinements(const Candidate& candidate) const {
        std::vector<Duration> every{candidate.every};
        if (candidate.exact) {
            return every;
        }
        const double turns = std::max(1.0, schemas::to_seconds(span_) / schemas::to_seconds(candidate.every));
        const auto step =
            std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(gap_.count()) / 2 / turns));
        const std::int64_t steps =
            std::min<std::int64_t>(candidate.doubt.count() / step, static_cast<std::int64_t>(most_refinements / 2));
        for (std::int64_t i = 1; i <= steps; ++i) {
            every.push_back(candidate.every + Duration(i * step));
            if (candidate.every > Duration(i * step)) {
                every.push_back(candidate.every - Duration(i * step));
            }
        }
        return every;
    }

    Bundle wind(Duration every) {
        struct Place {
            std::int64_t at;
            std::int64_t turn;
            std::size_t begin;
        };
        const std::int64_t around = every.count();
        std::vector<Place> places;
        for (std::size_t i = 0; i < begins_.size(); ++i) {
            // Weeks begin on Mondays; 1970-01-05 was the first one.
            const std::int64_t t =
                (by_wall_clock(every) ? begins_[i].local : begins_[i].utc) - Duration(4 * day).count();
            const std::int64_t at = floor_mod(t, around);
            places.push_back({at, (t - at) / around, i});
        }
        std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.at < b.at; });
        const std::size_t n = places.size();
        // Once more around, so that a bundle may lie across the drum's seam.
        for (std::size_t i = 0; i < n; ++i) {
            places.push_back({places[i].at + around, places[i].turn, places[i].begin});
        }
        Bundle best;
        best.every = every;
        Duration width = gap_;
        for (int i = 0; i < most_widths && (width * 4 <= every || width == gap_); ++i, width *= 2) {
            std::size_t high = 0;
            std::size_t most = 0;
            std::size_t first = 0;
            for (std::size_t low = 0; low < n; ++low) {
                high = std::max(high, low);
                while (high < low + n && places[high].at - places[low].at <= width.count()) {
                    ++high;
                }
                if (high - low > most) {
                    most = high - low;
                    first = low;
                }
            }
            std::vector<std::pair<std::int64_t, std::size_t>> turns;
            for (std::size_t i = first; i < first + most; ++i) {
                turns.emplace_back(places[i].turn + places[i].at / around, places[i].begin);
            }
            std::sort(turns.begin(), turns.end());
            const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
            turns.erase(std::unique(turns.begin(), turns.end(), same), turns.end());
            if (turns.size() < fewest(every)) {
                continue;
            }
            // Begins are known to a gap, and a prober's runs may have a raster of their own.
            const double share = schemas::to_seconds(width + gap_) / schemas::to_seconds(every);
            const double chance = log_chance_of(n, turns.size(), share);
            if (chance < best.log_chance) {
                best.log_chance = chance;
                best.from = places[first].at;
                best.width = places[first + most - 1].at - places[first].at;
                best.members.clear();
                for (const auto& [turn, begin] : turns) {
                    best.members.push_back(begin);
                }
            }
        }
        return best;
    }

    std::vector<Begin> begins_;
    Duration gap_;
    Duration span_{};
};

std::string about(Duration duration) {
    const double seconds = schemas::to_seconds(duration);
    const auto rounded = [](double value, std::string_view unit) {
        const auto whole = static_cast<std::uint64_t>(std::llround(value));
        return whole == 1 ? fmt::format("1 {}", unit) : fmt::format("{} {}s", whole, unit);
    };
    if (seconds < 50) {
        return rounded(std::max(1.0, seconds), "second");
    }
    if (seconds < 100 * 60) {
        return rounded(seconds / 60, "minute");
    }
    return seconds < 36 * 3600 ? rounded(seconds / 3600, "hour") : rounded(seconds / 86400, "day");
}

constexpr std::array<const char*, 7> day_names{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                               "Thursday", "Friday", "Saturday"};

std::string clock_words(std::chrono::minutes of_day) {
    return fmt::format("{:02}:{:02}", of_day.count() / 60 % 24, of_day.count() % 60);
}

struct WallTime {
    std::string day;
    std::string clock;
    std::string date;
};

WallTime wall_time(const Zone& zone, Instant instant) {
    const LocalTime local = zone.local_of(instant);
    const auto date = std::chrono::floor<std::chrono::days>(local);
    const std::chrono::year_month_day ymd(date);
    constexpr std::array<const char*, 12> months{"January", "February", "March",     "April",   "May",      "June",
                                                 "July",    "August",   "September", "October", "November", "December"};
    return {day_names.at(std::chrono::weekday(date).c_encoding()),
            clock_words(std::chrono::floor<std::chrono::minutes>(local - date)),
            fmt::format("{} {}", static_cast<unsigned>(ymd.day()), months.at(static_cast<unsigned>(ymd.month()) - 1))};
}

/// "every 10 minutes", or "every 10 min 3 s" where the whole minutes would mislead.
std::string interval_words(Duration every) {
    const double seconds = schemas::to_seconds(every);
    const double minutes = seconds / 60;
    if (std::abs(minutes - std::round(minutes)) * 60 < 1 && minutes < 100) {
        return about(every);
    }
    const double hours = minutes / 60;
    if (std::abs(hours - std::round(hours)) * 3600 < 30) {
        return about(every);
    }
    const auto whole = std::llround(seconds);
    return whole < 3600 ? fmt::format("{} min {} s", whole / 60, whole % 60)
                        : fmt::format("{} h {} min", (whole + 30) / 3600, (whole + 30) % 3600 / 60);
}

std::string sentence_of(const Periodicity& found, const Bundle& bundle, const Zone& zone) {
    const WallTime since = wall_time(zone, found.since);
    const std::string length = "about " + about(found.length);
    const bool long_ago = found.until - found.since > 6 * day;
    const std::string begun = long_ago ? since.day + " " + since.date : since.day;
    if (bundle.every == week) {
        const auto begin = std::chrono::floor<std::chrono::minutes>(Duration(bundle.from % Duration(week).count()));
        const auto end = std::chrono::ceil<std::chrono::minutes>(Duration(bundle.from + bundle.width) + found.length);
        const auto weekday =
            static_cast<std::size_t>((begin / std::chrono::duration_cast<std::chrono::minutes>(day) + 1) % 7);
        return fmt::format("{}, {}s {}\u2013{}, since {}", length, day_names.at(weekday), clock_words(begin % (24h)),
                           clock_words(end % (24h)), since.date);
    }
    if (bundle.every == day) {
        const auto middle = std::chrono::round<std::chrono::minutes>(Duration(bundle.from + bundle.width / 2));
        return fmt::format("{}, every day around {}, since {}", length, clock_words(middle % (24h)), begun);
    }
    return fmt::format("{}, every {}, since {} {}", length,
                       bundle.every == 1h ? std::string("hour") : interval_words(found.every), begun, since.clock);
}

Periodicity describe(const Bundle& bundle, const std::vector<Begin>& begins, const std::vector<Outage>& outages,
                     const Zone& zone) {
    Periodicity found;
    found.every = bundle.every;
    found.times = bundle.members.size();
    std::vector<Duration> lengths;
    for (const std::size_t member : bundle.members) {
        lengths.push_back(outages[begins[member].outage].nominal);
    }
    std::nth_element(lengths.begin(), lengths.begin() + static_cast<std::ptrdiff_t>(lengths.size() / 2), lengths.end());
    found.length = lengths[lengths.size() / 2];
    found.since = outages[begins[bundle.members.front()].outage].from;
    found.until = outages[begins[bundle.members.back()].outage].to;
    found.sentence = sentence_of(found, bundle, zone);
    return found;
}

/// Members that lie alone, far before the others, are there by chance: the rhythm begins with the first two that are
/// at most so many turns apart.
void trim(Bundle& bundle, const std::vector<Begin>& begins) {
    auto& members = bundle.members;
    const auto apart = [&](std::size_t i) { return begins[members[i + 1]].utc - begins[members[i]].utc; };
    const double turns = static_cast<double>(begins[members.back()].utc - begins[members.front()].utc) /
                         static_cast<double>(bundle.every.count());
    // Of a rhythm that is seen each n-th time, ten times that is far.
    const auto far = static_cast<std::int64_t>(10 * std::max(1.0, turns / static_cast<double>(members.size())) *
                                               static_cast<double>(bundle.every.count()));
    while (members.size() > 2 && apart(0) > far) {
        members.erase(members.begin());
    }
    while (members.size() > 2 && apart(members.size() - 2) > far) {
        members.pop_back();
    }
}

}  // namespace

std::vector<Periodicity> find_periodicity(const std::vector<Outage>& outages, Duration gap, const Zone& zone) {
    std::vector<Begin> begins;
    for (std::size_t i = 0; i < outages.size() && begins.size() < most_begins; ++i) {
        if (!outages[i].since_before) {
            const std::int64_t utc = outages[i].from.time_since_epoch().count();
            begins.push_back({utc, zone.local_of(outages[i].from).time_since_epoch().count(), i});
        }
    }
    std::vector<Periodicity> found;
    while (begins.size() >= 4 && found.size() < most_found) {
        std::optional<Bundle> bundle = Search(begins, gap).best();
        if (!bundle || bundle->log_chance > std::log(false_find_rate / 10)) {
            break;
        }
        trim(*bundle, begins);
        found.push_back(describe(*bundle, begins, outages, zone));
        // What is left may have another rhythm. All of this one goes, also what lay with it on the same turn.
        const std::int64_t reach = bundle->width + std::max<Duration>(gap, 1s).count();
        std::erase_if(begins, [&](const Begin& begin) {
            const std::int64_t t = (by_wall_clock(bundle->every) ? begin.local : begin.utc) - Duration(4 * day).count();
            return floor_mod(t - bundle->from, bundle->every.count()) <= reach;
        });
    }
    return found;
}

}  // namespace slimtax::reporter
