// Whether what was promised was kept, and how that is said.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reporter/report.hpp"

namespace slimtax::reporter {

[[nodiscard]] Judgement judge(const ObjectiveReport& objective);
[[nodiscard]] std::string_view judgement_word(Judgement judgement);  ///< "kept", "not measured", …
/// The same, and "probably missed" for what the figures miss but do not prove.
[[nodiscard]] std::string_view judgement_word(const ObjectiveReport& objective);

/// Why it was judged so, as a sentence; never empty.
[[nodiscard]] std::string judgement_reason(const ObjectiveReport& objective, bool so_far);

/// Larger is worse: missed before not proven before met, then by the part of the budget that is used.
[[nodiscard]] double badness(const ObjectiveReport& objective);
[[nodiscard]] std::vector<const ServiceReport*> worst_first(const Report& report);
[[nodiscard]] std::vector<const ObjectiveReport*> worst_first(const ServiceReport& service);

/// Whether the week was all right.
struct Headline {
    Judgement judgement = Judgement::met;  ///< of the worst
    std::string answer;                    ///< "No." "Yes." "So far, yes."
    std::string sentence;
    std::string others = {};  ///< how the services did that the sentence does not speak of; may be empty
};
[[nodiscard]] Headline headline(const Report& report);

/// The worst of them, for a service as a whole: red, amber, grey, blue, green, hollow.
[[nodiscard]] schemas::Light worst_light(const ServiceReport& service);

/// Whether everything is all right now, with the light to show beside it.
struct NowLine {
    schemas::Light light = schemas::Light::green;
    std::string sentence;
};
[[nodiscard]] NowLine now_line(const Report& report);

/// What was promised, in prose: level, budget, bands, window, redundancy. Sentences, ready to print.
[[nodiscard]] std::string promise(const ServiceReport& service, const ObjectiveReport& objective);

/// The promise as it is kept with a report that was given out, to tell later whether it is still the same. Its wording
/// never changes: other words for the same promise would mark every earlier report as revised.
[[nodiscard]] std::string promise_on_record(const ServiceReport& service, const ObjectiveReport& objective);

/// The first sentence of judgement_reason(), for tables; the rest stands with the promise itself.
[[nodiscard]] std::string glance_reason(const ObjectiveReport& objective, bool so_far);

/// "Monday to Friday 06:00–24:00; …" or "always".
[[nodiscard]] std::string window_words(const schemas::Window& window);

/// The objective's definition, or null.
[[nodiscard]] const schemas::Objective* source_of(const ServiceReport& service, const ObjectiveReport& objective);

/// The lines that explain the words of a report to someone who reads one for the first time: term, meaning.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> how_to_read();

/// How minutes were found, and the method's version.
[[nodiscard]] std::string method_words(const Report& report);

}  // namespace slimtax::reporter
