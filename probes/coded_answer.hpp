// Answers that begin with three digits, on one line or several: what SMTP (RFC 5321 §4.2) and FTP (RFC 959 §4.2) have
// in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probes/conversation.hpp"

namespace slimtax::probes {

struct CodedAnswer {
    int code = 0;
    std::string text;                ///< of the last line
    std::vector<std::string> lines;  ///< what follows the codes

    [[nodiscard]] bool good() const { return code >= 200 && code < 300; }
    /// "SERVER refused WHAT: 535 text".
    [[nodiscard]] Trouble refusal(const Conversation& conversation, std::string_view what) const;
};

/// The next answer. `protocol` is for the sentence about something else: "answered something that is not SMTP". In
/// SMTP each line has the code; in FTP the lines between the first and the last are anything.
Task<tl::expected<CodedAnswer, Trouble>> coded_answer(Conversation& conversation, std::string_view protocol,
                                                      std::string_view action, const Patience& patience);

/// Says a line and returns the answer; "answer NAME" is what the server is to do.
Task<tl::expected<CodedAnswer, Trouble>> ask_coded(Conversation& conversation, std::string_view protocol,
                                                   std::string_view line, std::string_view name,
                                                   const Patience& patience);

}  // namespace slimtax::probes
