#include "probes/io/workers.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace slimtax::probes {

struct Workers::Shared {
    struct Job {
        std::function<void()> work;
        TimePoint deadline;
    };

    explicit Shared(unsigned limit) : most(limit) {}

    void serve() {
        std::unique_lock lock(mutex);
        while (true) {
            ++idle;
            wake.wait(lock, [this] { return stopping || !jobs.empty(); });
            --idle;
            if (stopping) {
                break;
            }
            Job job = std::move(jobs.front());
            jobs.pop_front();
            lock.unlock();
            if (SteadyClock::now() < job.deadline) {
                job.work();
            }
            job.work = nullptr;  // what it owns is destroyed outside the lock
            lock.lock();
        }
        --threads;
        gone.notify_all();
    }

    const unsigned most;
    std::mutex mutex;
    std::condition_variable wake;
    std::condition_variable gone;
    std::deque<Job> jobs;
    unsigned threads = 0;
    unsigned idle = 0;
    bool stopping = false;
};

Workers::Workers(unsigned most) : shared_(std::make_shared<Shared>(most)) {}

Workers::~Workers() {
    std::deque<Shared::Job> dropped;
    std::unique_lock lock(shared_->mutex);
    shared_->stopping = true;
    dropped.swap(shared_->jobs);
    shared_->wake.notify_all();
    shared_->gone.wait_for(lock, std::chrono::seconds(1), [this] { return shared_->threads == 0; });
}

void Workers::submit(std::function<void()> work, TimePoint deadline) {
    const std::lock_guard lock(shared_->mutex);
    shared_->jobs.push_back({std::move(work), deadline});
    if (shared_->idle < shared_->jobs.size() && shared_->threads < shared_->most) {
        // Detached on purpose: joining a thread that hangs in a system call would hang the program's end.
        std::thread([shared = shared_] { shared->serve(); }).detach();
        ++shared_->threads;
    }
    shared_->wake.notify_one();
}

}  // namespace slimtax::probes
