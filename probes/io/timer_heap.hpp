// Timers by time: a 4-ary heap whose members know their place, so that cancelling costs O(log n) and no timer
// outlives its owner. 16 bytes a timer beside the owner's node.
#pragma once

#include <cstdint>
#include <vector>

#include "probes/io/time_point.hpp"

namespace slimtax::probes {

/// Where a timer is in its heap; embedded in its owner, which must stay in place while it is armed.
struct TimerNode {
    static constexpr std::uint32_t nowhere = UINT32_MAX;
    enum class Owner : std::uint8_t { wait, call };

    explicit TimerNode(Owner kind) : owner(kind) {}
    TimerNode(const TimerNode&) = delete;
    TimerNode& operator=(const TimerNode&) = delete;

    [[nodiscard]] bool armed() const { return index != nowhere; }

    std::uint32_t index = nowhere;
    Owner owner;
};

class TimerHeap {
public:
    [[nodiscard]] bool empty() const { return entries_.empty(); }
    [[nodiscard]] TimePoint earliest() const { return entries_.front().when; }

    void add(TimePoint when, TimerNode& node) {
        entries_.push_back({when, &node});
        rise(entries_.size() - 1);
    }

    /// Does nothing for a node that is not armed.
    void remove(TimerNode& node) {
        if (!node.armed()) {
            return;
        }
        const std::size_t hole = node.index;
        node.index = TimerNode::nowhere;
        const Entry last = entries_.back();
        entries_.pop_back();
        if (hole < entries_.size()) {
            entries_[hole] = last;
            last.node->index = static_cast<std::uint32_t>(hole);
            rise(hole);
            sink(last.node->index);
        }
    }

    /// The earliest timer when it is due at `now`, taken out; or null.
    TimerNode* take_due(TimePoint now) {
        if (entries_.empty() || entries_.front().when > now) {
            return nullptr;
        }
        TimerNode* const node = entries_.front().node;
        remove(*node);
        return node;
    }

private:
    struct Entry {
        TimePoint when;
        TimerNode* node;
    };

    void put(std::size_t place, const Entry& entry) {
        entries_[place] = entry;
        entry.node->index = static_cast<std::uint32_t>(place);
    }

    void rise(std::size_t place) {
        const Entry moving = entries_[place];
        while (place > 0) {
            const std::size_t parent = (place - 1) / 4;
            if (entries_[parent].when <= moving.when) {
                break;
            }
            put(place, entries_[parent]);
            place = parent;
        }
        put(place, moving);
    }

    void sink(std::size_t place) {
        const Entry moving = entries_[place];
        for (;;) {
            const std::size_t first = place * 4 + 1;
            if (first >= entries_.size()) {
                break;
            }
            std::size_t least = first;
            for (std::size_t child = first + 1; child < first + 4 && child < entries_.size(); ++child) {
                if (entries_[child].when < entries_[least].when) {
                    least = child;
                }
            }
            if (entries_[least].when >= moving.when) {
                break;
            }
            put(place, entries_[least]);
            place = least;
        }
        put(place, moving);
    }

    std::vector<Entry> entries_;
};

}  // namespace slimtax::probes
