// The current week's report, kept fresh by a thread of its own: what the pages show and /metrics counts.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "reporter/http/server.hpp"
#include "reporter/report.hpp"
#include "reporter/store/store.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

/// What a report is made of beside the store: shared, never changed, replaced as a whole by a reload.
struct Subject {
    schemas::Definitions definitions;
    std::vector<std::string> locations;  ///< of the configured probers; empty: all that the store knows
};

class LiveReport {
public:
    /// `store` and `events` must outlive it.
    LiveReport(Store& store, EventHub& events, std::function<schemas::Instant()> now);
    ~LiveReport();  ///< as stop()

    void set_subject(std::shared_ptr<const Subject> subject);
    [[nodiscard]] std::shared_ptr<const Subject> subject() const;

    /// Makes the first report, then starts the thread.
    void start();
    void stop();

    /// Results came: make it new soon (at most once a second, and never more than a fifth of the time).
    void results_came();

    /// The newest report; never null. Empty before the first could be made.
    [[nodiscard]] std::shared_ptr<const Report> current() const;

    struct Health {
        std::string error;                             ///< why the newest attempt failed; empty: it did not
        std::optional<schemas::Instant> made;          ///< when the current report was made
        std::chrono::steady_clock::time_point turned;  ///< when the thread last began a turn
        std::uint64_t made_count = 0;
        std::chrono::duration<double> took{};  ///< for the newest one
    };
    [[nodiscard]] Health health() const;

private:
    void serve();
    void make();
    Store& store_;
    EventHub& events_;
    std::function<schemas::Instant()> now_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::shared_ptr<const Subject> subject_;
    std::shared_ptr<const Report> report_;
    Health health_;
    std::string shown_;  ///< lights and reasons of the last report, to see what changed
    std::uint64_t revision_ = 0;
    bool results_came_ = false;
    bool subject_changed_ = false;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace slimtax::reporter
