// Performance figures as Nagios plugins print them after "|": 'label'=value[unit];[warn];[crit];[min];[max], separated
// by blanks (Monitoring Plugins Development Guidelines, "Performance data").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slimtax::probes {

struct PerformanceFigure {
    std::string label;
    double value = 0;
    std::string unit;  ///< "s", "ms", "%", "MB", "c" …; empty: none
    // As the plugin wrote them, empty where it did not; the first two are ranges ("10:20", "@1:2").
    std::string warn;
    std::string crit;
    std::string min;
    std::string max;
};

struct PerformanceData {
    std::vector<PerformanceFigure> figures;
    std::vector<std::string> malformed;  ///< what is no figure, as written; a value "U" (unknown) is none, and no fault
};

[[nodiscard]] PerformanceData parse_performance_data(std::string_view text);

}  // namespace slimtax::probes
