// An intrusive doubly-linked ring: membership costs no allocation, and what is destroyed leaves its list by itself.
#pragma once

#include <coroutine>

namespace slimtax::probes {

/// A member of a ring, or its head. Alone, it points at itself.
struct Link {
    Link() = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link() { unlink(); }

    [[nodiscard]] bool alone() const { return next == this; }

    void unlink() {
        prev->next = next;
        next->prev = prev;
        prev = next = this;
    }

    /// Leaves its ring and goes before `head`: to the end of the ring that `head` heads.
    void append_to(Link& head) {
        unlink();
        prev = head.prev;
        next = &head;
        prev->next = this;
        head.prev = this;
    }

    /// Takes over all members of `other`, which is left alone. This one must be alone.
    void take_over(Link& other) {
        if (other.alone()) {
            return;
        }
        next = other.next;
        prev = other.prev;
        next->prev = this;
        prev->next = this;
        other.prev = other.next = &other;
    }

    Link* prev = this;
    Link* next = this;
};

/// A coroutine in the loop's queue.
struct Queued : Link {
    std::coroutine_handle<> handle;
};

}  // namespace slimtax::probes
