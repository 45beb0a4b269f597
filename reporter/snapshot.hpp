// The report of the current week, kept fresh for the pages: made anew when results have come, and every few seconds
// because time alone changes it (a run that does not come, a window that closes).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "reporter/report.hpp"
#include "reporter/store.hpp"

namespace slimtax::reporter {

/// Safe from every thread.
class Snapshot {
public:
    /// `make` makes the report of now; called from a thread of its own, and once before the constructor returns.
    /// `changed` is called after each new one, with a number that grows.
    Snapshot(std::function<Stored<Report>()> make, std::function<void(std::uint64_t)> changed);
    ~Snapshot();  ///< waits for a report that is being made
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

    /// Never null: before the first could be made, an empty one.
    [[nodiscard]] std::shared_ptr<const Report> current() const;

    /// Something changed: make it anew soon, at most once a `least_pause`.
    void outdated();

    /// Why the last one could not be made; empty: it could.
    [[nodiscard]] std::string trouble() const;

    static constexpr std::chrono::milliseconds least_pause{1000};
    static constexpr std::chrono::seconds longest_age{5};

private:
    void refresh();
    void keep_fresh();

    std::function<Stored<Report>()> make_;
    std::function<void(std::uint64_t)> changed_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::shared_ptr<const Report> report_ = std::make_shared<Report>();
    std::string trouble_;
    std::uint64_t number_ = 0;
    bool outdated_ = false;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace slimtax::reporter
