// Memory for coroutine frames. A run makes a dozen of them and lets them go again, in the same few sizes: they are kept
// for the next run, since the general allocator is slow beyond 1 KB.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace slimtax::probes::detail {

class FrameMemory {
public:
    [[nodiscard]] static void* take(std::size_t size) {
        if (!keeps || size > largest) {
            return ::operator new(size);
        }
        Shelf& shelf = shelves[place_of(size)];
        if (shelf.first == nullptr) {
            return ::operator new((place_of(size) + 1) * step);
        }
        Free* const frame = shelf.first;
        shelf.first = frame->next;
        --shelf.count;
        return frame;
    }

    static void give_back(void* frame, std::size_t size) noexcept {
        if (keeps && size <= largest) {
            Shelf& shelf = shelves[place_of(size)];
            if (shelf.count < most_kept) {
                shelf.first = new (frame) Free{shelf.first};
                ++shelf.count;
                return;
            }
        }
        ::operator delete(frame);
    }

private:
    struct Free {
        Free* next;
    };
    struct Shelf {
        Free* first;
        std::uint32_t count;
    };
    // Not where a sanitizer watches: it would not see a frame used after its end.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    static constexpr bool keeps = false;
#else
    static constexpr bool keeps = true;
#endif
    static constexpr std::size_t step = 128;
    static constexpr std::size_t largest = 4096;
    static constexpr std::uint32_t most_kept = 64;  // of one size, a thread: some 100 KB after a crowd

    static constexpr std::size_t place_of(std::size_t size) {
        return (size - 1) / step;
    }

    static inline constinit thread_local std::array<Shelf, largest / step> shelves{};
};

}  // namespace slimtax::probes::detail
