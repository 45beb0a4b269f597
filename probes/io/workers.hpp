// A few threads for what blocks: files on a slow disk, libraries without a non-blocking face.
#pragma once

#include <functional>
#include <memory>

#include "probes/io/time_point.hpp"

namespace slimtax::probes {

/// Threads start when they are needed, at most `most`. Work that hangs (a dead network file system) holds its
/// thread for as long as it hangs; the others go on.
class Workers {
public:
    explicit Workers(unsigned most);
    /// Waits a short while for running work; a thread that hangs is left to itself.
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    /// Runs `work` soon, unless `deadline` passes before a thread is free: then never. `work` must not throw.
    void submit(std::function<void()> work, TimePoint deadline);

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace slimtax::probes
