// libcurl's multi handle on the loop, with a pool of easy handles. For HttpClient only.
#pragma once

#include <vector>

#include "probes/io/loop.hpp"

namespace slimtax::probes {

/// curl's handles are `void*` here, so that its header stays out of ours.
class HttpMulti {
public:
    /// Somebody who waits for a transfer's end.
    class Ended {
    public:
        virtual ~Ended() = default;
        /// With a CURLcode. Called inside curl: only notes and signals.
        virtual void ended(int result) = 0;
        /// Bytes wait on its socket, and curl reads them next.
        virtual void readable(int fd) = 0;
    };

    /// Throws std::runtime_error when curl has no memory.
    explicit HttpMulti(Loop& loop);
    ~HttpMulti();
    HttpMulti(const HttpMulti&) = delete;
    HttpMulti& operator=(const HttpMulti&) = delete;

    /// An easy handle without any option set, or null.
    [[nodiscard]] void* take();
    void give_back(void* easy);

    /// `waiting` stays in place until the transfer ended or was removed. False when curl refuses.
    [[nodiscard]] bool start(void* easy, Ended& waiting);
    void remove(void* easy);

private:
    void watch(void* easy, int fd, int what);
    void want_timer(long milliseconds);
    void arm();
    void act(int fd, int events);

    Loop& loop_;
    void* multi_;
    std::vector<void*> pool_;
    Loop::TimerId timer_ = 0;
    TimePoint armed_ = never;
    TimePoint wanted_ = never;
};

}  // namespace slimtax::probes
