// What series remember across runs and restarts (a log's read position), on disk: one small JSON file a series.
//
// Each `remember` replaces the file whole, by rename: kill -9 leaves the old or the new values. After a power cut
// the file may be older, or unreadable; the series then starts as if it were new, which the log says. When the disk
// takes nothing the values live on in this process, and the next `remember` tries again.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "probes/operation.hpp"
#include "schemas/series.hpp"

namespace slimtax::prober {

/// The memories of all series of a prober. One thread.
class Memories {
public:
    /// `folder` is made when first needed.
    explicit Memories(std::filesystem::path folder);
    ~Memories();
    Memories(const Memories&) = delete;
    Memories& operator=(const Memories&) = delete;

    /// The memory of a series, read from its file at the first call; lives as long as this.
    [[nodiscard]] probes::Memory& of(const schemas::SeriesKey& series);

private:
    class OneSeries;
    std::filesystem::path folder_;
    std::map<schemas::SeriesKey, std::unique_ptr<OneSeries>> series_;
};

}  // namespace slimtax::prober
