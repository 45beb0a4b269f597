// Texts sent and patterns awaited, over whatever stream: what tcp.connect, tcp.exchange and unix.exchange share.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "probes/conversation.hpp"
#include "schemas/pattern.hpp"

namespace slimtax::probes {

/// What one side may say before a pattern is found in it.
inline constexpr ConversationLimits exchange_limits{.line = 65536, .total = 1 << 20};

/// `greeting`, `send`, `replies`.
inline constexpr std::array exchange_parameters{
    schemas::Parameter{.name = "greeting",
                       .type = schemas::ParameterType::pattern,
                       .help = "Must be found in what the server says before anything is sent.",
                       .example = "'^220 '"},
    schemas::Parameter{.name = "send",
                       .type = schemas::ParameterType::text_list,
                       .help = "Texts that are sent one after the other, as they are: line ends have to be written.",
                       .example = R"(["EHLO probe\r\n", "QUIT\r\n"])"},
    schemas::Parameter{.name = "replies",
                       .type = schemas::ParameterType::pattern_list,
                       .help = "The first must be found in what the server says after the first "
                               "text, before the second is sent, and so on. \"\" awaits nothing.",
                       .example = "['^250 ', '^221 ']"},
};

/// More `replies` than texts in `send`, as a sentence; empty: there are not.
[[nodiscard]] std::string exchange_contradiction(const schemas::WrittenParameters& written);

/// Left by `run_exchange`.
inline constexpr std::array exchange_outputs{
    schemas::Output{"said", schemas::OutputType::text, "What the server said last, to the end of what was awaited."},
    schemas::Output{"time.greeting", schemas::OutputType::duration, "Until the greeting; only with `greeting`."},
    schemas::Output{"time.exchange", schemas::OutputType::duration, "From the first text to the last reply."},
};

/// Whether there are more `replies` than texts in `send`: then a sentence about it.
[[nodiscard]] std::optional<std::string> too_many_replies(const Arguments& arguments);

/// Reads until the pattern is found in what has come since the last call, and returns all of that.
Task<tl::expected<std::string, Trouble>> hear(Conversation& conversation, const schemas::Pattern& pattern,
                                              const Patience& patience);

/// The conversation that `exchange_parameters` describe. Leaves `exchange_outputs`.
Task<Outcome> run_exchange(StepContext& context, Conversation& conversation, const Patience& patience);

}  // namespace slimtax::probes
