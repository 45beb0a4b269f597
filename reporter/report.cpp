#include "reporter/report.hpp"

#include <numeric>

namespace slimtax::reporter {

schemas::Duration BookedTime::sum() const {
    return std::accumulate(time.begin(), time.end(), schemas::Duration{});
}

}  // namespace slimtax::reporter
