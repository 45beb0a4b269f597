// A few threads that take work off others' hands, in order.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace slimtax::reporter {

class WorkPool {
public:
    explicit WorkPool(unsigned threads);
    ~WorkPool();  ///< as finish()
    WorkPool(const WorkPool&) = delete;
    WorkPool& operator=(const WorkPool&) = delete;

    /// False when the pool takes no more work. Work must not throw.
    [[nodiscard]] bool add(std::function<void()> work);

    /// Does what was added, then ends the threads.
    void finish();

private:
    void serve();
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace slimtax::reporter
