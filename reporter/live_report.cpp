#include "reporter/live_report.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "reporter/report_maker.hpp"

namespace slimtax::reporter {
namespace {

using std::chrono::steady_clock;

/// Time alone changes lights: a run that does not come is noticed without an event.
constexpr std::chrono::seconds at_least_every{5};
constexpr std::chrono::seconds at_most_every{1};
/// Of one thread's time, so that a long history cannot starve ingest: 1 part of computing, 4 of rest.
constexpr int rest_for_work = 4;

/// What a viewer would see change: lights, reasons, outages.
std::string shown_in(const Report& report) {
    std::string text;
    for (const ServiceReport& service : report.services) {
        for (const ObjectiveReport& objective : service.objectives) {
            text += fmt::format("{}/{} {} {} {}\n", service.id, objective.id, static_cast<int>(objective.light),
                                objective.light_reason, objective.outages.size());
        }
    }
    return text;
}

}  // namespace

LiveReport::LiveReport(Store& store, EventHub& events, std::function<schemas::Instant()> now)
    : store_(store),
      events_(events),
      now_(std::move(now)),
      subject_(std::make_shared<Subject>()),
      report_(std::make_shared<Report>()) {}

LiveReport::~LiveReport() {
    stop();
}

void LiveReport::set_subject(std::shared_ptr<const Subject> subject) {
    {
        const std::lock_guard lock(mutex_);
        subject_ = std::move(subject);
        subject_changed_ = true;
    }
    changed_.notify_all();
}

std::shared_ptr<const Subject> LiveReport::subject() const {
    const std::lock_guard lock(mutex_);
    return subject_;
}

void LiveReport::start() {
    make();
    thread_ = std::thread([this] { serve(); });
}

void LiveReport::stop() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void LiveReport::results_came() {
    {
        const std::lock_guard lock(mutex_);
        results_came_ = true;
    }
    changed_.notify_all();
}

std::shared_ptr<const Report> LiveReport::current() const {
    const std::lock_guard lock(mutex_);
    return report_;
}

LiveReport::Health LiveReport::health() const {
    const std::lock_guard lock(mutex_);
    return health_;
}

void LiveReport::serve() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
        const auto began = steady_clock::now();
        health_.turned = began;
        lock.unlock();
        make();
        lock.lock();
        const auto took = steady_clock::now() - began;
        const auto rest = std::max<steady_clock::duration>(at_most_every - took, rest_for_work * took);
        changed_.wait_for(lock, rest, [&] { return ending_ || subject_changed_; });
        changed_.wait_for(lock, std::max<steady_clock::duration>(at_least_every - rest, {}),
                          [&] { return ending_ || results_came_ || subject_changed_; });
    }
}

void LiveReport::make() {
    std::shared_ptr<const Subject> subject;
    {
        const std::lock_guard lock(mutex_);
        subject = subject_;
        results_came_ = false;
        subject_changed_ = false;
    }
    const auto began = steady_clock::now();
    const schemas::Instant now = now_();
    const std::uint64_t revision = store_.revision();
    const auto period = asked_period("", "", "", subject->definitions, now);
    const auto locations = known_locations(store_, subject->locations);
    auto report = !period     ? Stored<Report>(tl::unexpected(StoreError{period.error(), false}))
                  : locations ? make_report(store_, subject->definitions, *locations, *period, now)
                              : tl::unexpected(locations.error());
    std::string shown = report ? shown_in(*report) : std::string();
    bool tell = false;
    {
        const std::lock_guard lock(mutex_);
        if (report) {
            report_ = std::make_shared<const Report>(std::move(*report));
            health_.made = now;
            ++health_.made_count;
            if (!health_.error.empty()) {
                spdlog::info("the report can be made again");
            }
            health_.error.clear();
            tell = revision != revision_ || shown != shown_;
            revision_ = revision;
            shown_ = std::move(shown);
        } else if (health_.error != report.error().reason) {
            health_.error = report.error().reason;
            spdlog::error("the report cannot be made: {}", health_.error);
        }
        health_.took = steady_clock::now() - began;
    }
    if (tell) {
        events_.publish("changed", std::to_string(revision));
    }
}

}  // namespace slimtax::reporter
