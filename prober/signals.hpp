// Signals, delivered on the loop.
#pragma once

#include <functional>
#include <map>

#include "probes/io/loop.hpp"

namespace slimtax::prober {

/// While it lives, the signals call their functions on the loop. One at a time in a process. Handlers, not a
/// blocked mask: programs that operations start would inherit the mask.
class Signals {
public:
    Signals(probes::Loop& loop, std::map<int, std::function<void()>> calls);
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

private:
    void drain();

    probes::Loop& loop_;
    std::map<int, std::function<void()>> calls_;
    int read_end_ = -1;
};

}  // namespace slimtax::prober
