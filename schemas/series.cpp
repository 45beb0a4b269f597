#include "schemas/series.hpp"

#include <string_view>

#include "schemas/slots.hpp"

namespace slimtax::schemas {
namespace {

std::uint64_t fnv1a(std::uint64_t hash, std::string_view text) {
    constexpr std::uint64_t prime = 0x100000001b3ULL;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * prime;
    }
    return hash * prime;  // the zero byte that ends the part: (hash ^ 0) * prime
}

std::uint64_t split_mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/// The upper 53 bits as a fraction in [0, 1).
double fraction(std::uint64_t hash) {
    return static_cast<double>(hash >> 11) * 0x1.0p-53;
}

}  // namespace

std::string to_string(const SeriesKey& key) {
    std::string text = key.service + "/" + key.probe;
    if (!key.target.empty()) {
        text += " " + key.target;
    }
    return text + "@" + key.location;
}

Schedule::Schedule(const SeriesKey& key, Duration every, double jitter)
    : seed_(seed_of(key)), every_(every), jitter_(jitter) {}

std::uint64_t seed_of(const SeriesKey& key) {
    return fnv1a(fnv1a(fnv1a(fnv1a(0xcbf29ce484222325ULL, key.service), key.probe), key.target), key.location);
}

Instant intended_start(std::uint64_t seed, Duration every, double jitter, std::int64_t slot) {
    const double h = fraction(split_mix(seed ^ split_mix(static_cast<std::uint64_t>(slot))));
    auto offset = static_cast<std::int64_t>(jitter * static_cast<double>(every.count()) * h);
    if (offset >= every.count()) {
        offset = every.count() - 1;  // jitter 1 and h next to 1 may round up to the slot's end
    }
    return Instant(Duration(slot * every.count() + offset));
}

Instant Schedule::intended_start(std::int64_t slot) const {
    return schemas::intended_start(seed_, every_, jitter_, slot);
}

std::int64_t Schedule::slot_at(Instant instant) const {
    const std::int64_t t = instant.time_since_epoch().count();
    const std::int64_t every = every_.count();
    return t / every - (t % every < 0 ? 1 : 0);
}

bool Schedule::is_intended(Instant instant) const {
    return intended_start(slot_at(instant)) == instant;
}

Instant Schedule::first_from(Instant instant) const {
    const std::int64_t slot = slot_at(instant);
    const Instant start = intended_start(slot);
    return start >= instant ? start : intended_start(slot + 1);
}

Duration Schedule::longest_gap() const {
    return every_ + Duration(static_cast<std::int64_t>(jitter_ * static_cast<double>(every_.count())));
}

}  // namespace slimtax::schemas
