// Calls from other threads to a loop, and a descriptor that tells it of them. Shared with the worker threads, which
// may outlive the loop: what they post then is dropped.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

namespace slimtax::probes {

class Mailbox {
public:
    /// Throws std::system_error when there is no descriptor left.
    Mailbox();
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    /// Readable while there may be something to take.
    [[nodiscard]] int fd() const { return fd_; }

    /// From any thread.
    void post(std::function<void()> call);
    /// Makes `fd` readable without a call. From any thread; also safe in a signal handler.
    void wake() const;

    /// Everything posted so far, in order. The loop's thread.
    [[nodiscard]] std::vector<std::function<void()>> take();

    /// The loop is gone: drops what is there and whatever comes.
    void close();

private:
    int fd_;
    std::mutex mutex_;
    std::vector<std::function<void()>> calls_;
    bool closed_ = false;
};

}  // namespace slimtax::probes
