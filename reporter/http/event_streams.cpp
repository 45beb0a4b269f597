#include "reporter/http/event_streams.hpp"

#include <algorithm>
#include <cstring>

namespace slimtax::reporter {

std::string event_text(std::string_view event, std::string_view data) {
    std::string text = "event: ";
    text.append(event).append("\n");
    while (true) {
        const std::size_t end = data.find('\n');
        text.append("data: ").append(data.substr(0, end)).append("\n");
        if (end == std::string_view::npos) {
            return text + "\n";
        }
        data.remove_prefix(end + 1);
    }
}

bool EventHub::State::join(EventStream& stream) {
    const std::lock_guard lock(mutex);
    if (ended || streams.size() >= most) {
        return false;
    }
    stream.waiting = newest;
    // Browsers come back by themselves after a restart; not all at the same moment as their own default says.
    stream.sending = "retry: 2000\n\n";
    stream.place = streams.insert(streams.end(), &stream);
    return true;
}

void EventHub::State::leave(EventStream& stream) {
    const std::lock_guard lock(mutex);
    streams.erase(stream.place);
}

std::ptrdiff_t EventHub::State::read(EventStream& stream, char* buffer, std::size_t size,
                                     const std::function<void()>& sleep) {
    const std::lock_guard lock(mutex);
    if (stream.sent == stream.sending.size()) {
        stream.sending.clear();
        stream.sent = 0;
        for (const auto& [event, text] : stream.waiting) {
            stream.sending += text;
        }
        stream.waiting.clear();
    }
    if (stream.sending.empty()) {
        if (ended) {
            return -1;
        }
        stream.asleep = true;
        sleep();
        return 0;
    }
    const std::size_t length = std::min(size, stream.sending.size() - stream.sent);
    std::memcpy(buffer, stream.sending.data() + stream.sent, length);
    stream.sent += length;
    return static_cast<std::ptrdiff_t>(length);
}

void EventHub::State::send(std::string_view event, const std::string& text) {
    const std::lock_guard lock(mutex);
    if (!event.empty()) {
        newest.insert_or_assign(std::string(event), text);
    }
    for (EventStream* stream : streams) {
        stream->waiting.insert_or_assign(std::string(event), text);
        if (std::exchange(stream->asleep, false)) {
            stream->wake();
        }
    }
}

void EventHub::State::end() {
    const std::lock_guard lock(mutex);
    ended = true;
    for (EventStream* stream : streams) {
        if (std::exchange(stream->asleep, false)) {
            stream->wake();
        }
    }
}

void EventHub::State::begin() {
    const std::lock_guard lock(mutex);
    ended = false;
}

EventHub::EventHub(std::size_t most_streams) : state_(std::make_shared<State>()) {
    state_->most = most_streams;
}

EventHub::~EventHub() = default;

void EventHub::publish(std::string_view event, std::string_view data) {
    state_->send(event, event_text(event, data));
}

std::size_t EventHub::streams() const {
    const std::lock_guard lock(state_->mutex);
    return state_->streams.size();
}

}  // namespace slimtax::reporter
