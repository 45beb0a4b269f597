// What stands behind an EventHub: its open streams. For http_server.cpp, which owns their connections.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>

#include "reporter/http/server.hpp"

namespace slimtax::reporter {

/// One browser that listens. Its connection sleeps (`asleep`) while there is nothing to send.
struct EventStream {
    std::map<std::string, std::string, std::less<>> waiting;  ///< newest text of each event
    std::string sending;
    std::size_t sent = 0;
    bool asleep = false;
    std::function<void()> wake;
    std::list<EventStream*>::iterator place;
};

struct EventHub::State {
    mutable std::mutex mutex;
    std::size_t most = 0;
    std::map<std::string, std::string, std::less<>> newest;
    std::list<EventStream*> streams;
    bool ended = false;

    /// False when there are too many, or the end has come.
    [[nodiscard]] bool join(EventStream& stream);
    void leave(EventStream& stream);

    /// Copies what is to be sent. 0: nothing now, and `sleep` was called (under the lock, so that no event slips
    /// between); -1: the end.
    [[nodiscard]] std::ptrdiff_t read(EventStream& stream, char* buffer, std::size_t size,
                                      const std::function<void()>& sleep);

    /// `text` in the form of server-sent events, for all streams; kept for later ones when it has a name.
    void send(std::string_view event, const std::string& text);

    /// Ends all streams and takes no more.
    void end();
    void begin();
};

/// "event: changed\ndata: 17\n\n".
[[nodiscard]] std::string event_text(std::string_view event, std::string_view data);

}  // namespace slimtax::reporter
