#include "reporter/snapshot.hpp"

#include <utility>

#include <spdlog/spdlog.h>

namespace slimtax::reporter {

Snapshot::Snapshot(std::function<Stored<Report>()> make, std::function<void(std::uint64_t)> changed)
    : make_(std::move(make)), changed_(std::move(changed)) {
    refresh();
    thread_ = std::thread([this] { keep_fresh(); });
}

Snapshot::~Snapshot() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

std::shared_ptr<const Report> Snapshot::current() const {
    const std::lock_guard lock(mutex_);
    return report_;
}

void Snapshot::outdated() {
    {
        const std::lock_guard lock(mutex_);
        outdated_ = true;
    }
    wake_.notify_all();
}

std::string Snapshot::trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

void Snapshot::refresh() {
    auto made = make_();
    std::uint64_t number = 0;
    {
        const std::lock_guard lock(mutex_);
        if (!made) {
            if (trouble_ != made.error().reason) {
                spdlog::error("the lights are not fresh: {}", made.error().reason);
            }
            trouble_ = made.error().reason;
            return;
        }
        trouble_.clear();
        report_ = std::make_shared<const Report>(std::move(*made));
        number = ++number_;
    }
    changed_(number);
}

void Snapshot::keep_fresh() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
        wake_.wait_for(lock, least_pause, [this] { return ending_; });
        wake_.wait_for(lock, longest_age - least_pause, [this] { return ending_ || outdated_; });
        if (ending_) {
            return;
        }
        outdated_ = false;
        lock.unlock();
        refresh();
        lock.lock();
    }
}

}  // namespace slimtax::reporter
