// Response times of one series as a small picture, made so that several can be compared: the same scale, the same
// stretch of time, failures marked by a cross on a line of their own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reporter/html.hpp"
#include "reporter/render/scale.hpp"
#include "reporter/render/wall_clock.hpp"
#include "reporter/store/run.hpp"
#include "schemas/time.hpp"

namespace slimtax::reporter {

/// What is drawn: how long runs took (ms), or what users got done (units a minute, A4).
enum class Quantity { response, work };

/// One drawn column: the values of the completed runs that started in it, and how many others did.
struct PictureColumn {
    std::size_t runs = 0;
    double least = 0;
    double middle = 0;  ///< the median
    double most = 0;
    std::size_t failed = 0;   ///< failed and timeout
    std::size_t unknown = 0;  ///< prober_fault and not_run
};

struct SeriesPicture {
    schemas::SeriesKey key;
    Quantity quantity = Quantity::response;
    schemas::Instant from;
    schemas::Instant to;
    std::vector<PictureColumn> columns;
    std::size_t completed = 0;
    std::size_t failed = 0;
    std::size_t unknown = 0;
    double p50 = 0;
    double p95 = 0;
    double least = 0;  ///< of all values; 0 without any
    double most = 0;
};

/// Sorts the runs that were intended in [from, to) into columns.
[[nodiscard]] SeriesPicture picture_of(const SeriesRuns& runs, Quantity quantity, schemas::Instant from,
                                       schemas::Instant to);

/// What several pictures of the same quantity share.
[[nodiscard]] Scale scale_for(const std::vector<SeriesPicture>& pictures, std::optional<double> limit);

/// The picture with its caption. `limit`, in the scale's unit: what was promised, as a dashed line.
[[nodiscard]] Html drawn(const SeriesPicture& picture, const Scale& scale, std::optional<double> limit,
                         const WallClock& clock);

}  // namespace slimtax::reporter
