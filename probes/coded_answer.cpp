#include "probes/coded_answer.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace slimtax::probes {

namespace {

// Nobody needs more than some dozen.
constexpr std::size_t most_lines = 200;

// The three digits that a line begins with; 0: none.
int code_of(const std::string& line) {
    const bool digits = line.size() >= 3 && line.find_first_not_of("0123456789") >= 3;
    const bool marked = line.size() == 3 || (line.size() > 3 && (line[3] == ' ' || line[3] == '-'));
    return digits && marked ? std::stoi(line.substr(0, 3)) : 0;
}

}  // namespace

Trouble CodedAnswer::refusal(const Conversation& conversation, std::string_view what) const {
    return conversation.wrong(fmt::format("refused {}: {} {}", what, code, conversation.quoted(text)));
}

Task<tl::expected<CodedAnswer, Trouble>> coded_answer(Conversation& conversation, std::string_view protocol,
                                                      std::string_view action, const Patience& patience) {
    const bool code_on_each = protocol == "SMTP";
    CodedAnswer answer;
    for (;;) {
        const Conversation::Result<std::string> line = co_await conversation.line(action, patience);
        if (!line) {
            co_return tl::unexpected(line.error());
        }
        const int code = code_of(*line);
        const bool between = answer.code != 0 && code != answer.code;
        if (between ? code_on_each : code == 0) {
            co_return tl::unexpected(conversation.wrong(
                fmt::format("answered something that is not {}: \"{}\"", protocol, conversation.quoted(*line, 60))));
        }
        answer.text = between ? *line : line->substr(std::min<std::size_t>(line->size(), 4));
        answer.lines.push_back(answer.text);
        if (!between) {
            answer.code = code;
            if (line->size() == 3 || (*line)[3] == ' ') {
                co_return answer;
            }
        }
        if (answer.lines.size() > most_lines) {
            co_return tl::unexpected(conversation.wrong("sent an answer that does not end"));
        }
    }
}

Task<tl::expected<CodedAnswer, Trouble>> ask_coded(Conversation& conversation, std::string_view protocol,
                                                   std::string_view line, std::string_view name,
                                                   const Patience& patience) {
    const std::string action = fmt::format("answer {}", name);
    const Conversation::Result<void> said = co_await conversation.say(line, action, patience);
    if (!said) {
        co_return tl::unexpected(said.error());
    }
    co_return co_await coded_answer(conversation, protocol, action, patience);
}

}  // namespace slimtax::probes
