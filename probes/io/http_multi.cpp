#include "probes/io/http_multi.hpp"

#include <chrono>
#include <stdexcept>

#include <curl/curl.h>

namespace slimtax::probes {
namespace {

constexpr std::size_t most_pooled = 256;  // some 6 KB each

}  // namespace

HttpMulti::HttpMulti(Loop& loop) : loop_(loop), multi_(curl_multi_init()) {
    if (multi_ == nullptr) {
        throw std::runtime_error("libcurl has no memory");
    }
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(
        multi_, CURLMOPT_SOCKETFUNCTION, +[](CURL* easy, curl_socket_t fd, int what, void* self, void*) {
            static_cast<HttpMulti*>(self)->watch(easy, fd, what);
            return 0;
        });
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(
        multi_, CURLMOPT_TIMERFUNCTION, +[](CURLM*, long milliseconds, void* self) {
            static_cast<HttpMulti*>(self)->want_timer(milliseconds);
            return 0;
        });
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
}

HttpMulti::~HttpMulti() {
    loop_.cancel(timer_);
    for (CURL* easy : pool_) {
        curl_easy_cleanup(easy);
    }
    curl_multi_cleanup(multi_);
}

void* HttpMulti::take() {
    if (pool_.empty()) {
        return curl_easy_init();
    }
    CURL* const easy = pool_.back();
    pool_.pop_back();
    return easy;
}

void HttpMulti::give_back(void* easy) {
    if (pool_.size() >= most_pooled) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    pool_.push_back(easy);
}

bool HttpMulti::start(void* easy, Ended& waiting) {
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &waiting);
    return curl_multi_add_handle(multi_, easy) == CURLM_OK;
}

void HttpMulti::remove(void* easy) {
    curl_multi_remove_handle(multi_, easy);
}

void HttpMulti::watch(void* easy, int fd, int what) {
    if (what == CURL_POLL_REMOVE) {
        loop_.unwatch(fd);
        return;
    }
    // A connection is never shared or reused here: it belongs to this transfer as long as it is watched.
    void* waiting = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &waiting);
    auto* const transfer = static_cast<Ended*>(waiting);
    const auto ready = [this, fd, transfer](bool readable, bool writable) {
        if (readable) {
            transfer->readable(fd);
        }
        act(fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
    };
    loop_.watch(fd, (what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0, ready);
}

/// curl asks for a timer at almost every step, mostly for 0 ms. An armed one that is early enough is kept (1.3 times
/// the throughput); since curl does not repeat itself, what it wants is remembered.
void HttpMulti::want_timer(long milliseconds) {
    wanted_ = milliseconds < 0 ? never : Loop::now() + std::chrono::milliseconds(milliseconds);
    arm();
}

void HttpMulti::arm() {
    if (wanted_ == never || (timer_ != 0 && armed_ <= wanted_)) {
        return;
    }
    loop_.cancel(timer_);
    armed_ = wanted_;
    timer_ = loop_.call_at(armed_, [this] {
        timer_ = 0;
        if (Loop::now() >= wanted_) {
            wanted_ = never;
            act(CURL_SOCKET_TIMEOUT, 0);
        }
        arm();
    });
}

void HttpMulti::act(int fd, int events) {
    int running = 0;
    curl_multi_socket_action(multi_, fd, events, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg == CURLMSG_DONE) {
            void* waiting = nullptr;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &waiting);
            static_cast<Ended*>(waiting)->ended(message->data.result);
        }
    }
}

}  // namespace slimtax::probes
