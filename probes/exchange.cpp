#include "probes/exchange.hpp"

#include <fmt/format.h>

namespace slimtax::probes {

namespace {

std::string in_words(const Conversation& conversation, std::string_view said) {
    return said.empty() ? "nothing" : "\"" + conversation.quoted(said, 100) + "\"";
}

std::string too_many(std::size_t replies, std::size_t texts) {
    return fmt::format(
        "there are {} `replies` to {} text{} in `send`; what comes before the first one is the `greeting`", replies,
        texts, texts == 1 ? "" : "s");
}

}  // namespace

std::optional<std::string> too_many_replies(const Arguments& arguments) {
    const std::size_t replies = arguments.patterns("replies").size();
    const std::size_t texts = arguments.list("send").size();
    return replies <= texts ? std::nullopt : std::optional(too_many(replies, texts));
}

std::string exchange_contradiction(const schemas::WrittenParameters& written) {
    const std::size_t replies = written.items("replies");
    const std::size_t texts = written.items("send");
    return replies <= texts ? "" : too_many(replies, texts);
}

Task<tl::expected<std::string, Trouble>> hear(Conversation& conversation, const schemas::Pattern& pattern,
                                              const Patience& patience) {
    const std::string action = "say anything that holds '" + pattern.text() + "'";
    while (!pattern.found_in(conversation.pending())) {
        Conversation::Result<bool> open = false;  // too much has been said
        if (conversation.pending().size() <= exchange_limits.line) {
            open = co_await conversation.more(action, patience);
        }
        if (!open) {
            if (open.error().kind == Trouble::Kind::timed_out && !conversation.pending().empty()) {
                co_return tl::unexpected(Trouble{
                    Trouble::Kind::timed_out,
                    fmt::format("{} said {}, which does not hold '{}', and no more {}", conversation.server(),
                                in_words(conversation, conversation.pending()), pattern.text(), patience.in_words())});
            }
            co_return tl::unexpected(open.error());
        }
        if (!*open) {
            co_return tl::unexpected(conversation.wrong(fmt::format(
                "said {}, which does not hold '{}'", in_words(conversation, conversation.pending()), pattern.text())));
        }
    }
    std::string said(conversation.pending());
    conversation.take(said.size());
    conversation.heard(said);
    co_return said;
}

Task<Outcome> run_exchange(StepContext& context, Conversation& conversation, const Patience& patience) {
    const Arguments& arguments = context.arguments;
    if (auto wrong = too_many_replies(arguments)) {
        co_return Outcome::fault(std::move(*wrong));
    }
    const schemas::PatternList& patterns = arguments.patterns("replies");
    Stages stages(context.report, &conversation.stream());
    std::string said;
    bool answered = false;  // the last thing that happened was an answer
    if (const schemas::Pattern* const greeting = arguments.pattern("greeting")) {
        auto heard = co_await hear(conversation, *greeting, patience);
        if (!heard) {
            co_return outcome_of(std::move(heard.error()));
        }
        said = std::move(*heard);
        stages.ended("greeting");
    }
    const schemas::TextList& texts = arguments.list("send");
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto sent = co_await conversation.send(texts[i], "take what was sent", patience);
        if (!sent) {
            co_return outcome_of(sent.error());
        }
        context.report.note(fmt::format("sent {} bytes", texts[i].size()));
        answered = i < patterns.size() && !patterns[i].text().empty();
        if (answered) {
            auto heard = co_await hear(conversation, patterns[i], patience);
            if (!heard) {
                co_return outcome_of(std::move(heard.error()));
            }
            said = std::move(*heard);
        }
    }
    if (answered) {
        stages.ended("exchange");
        context.report.response(patience.spent_until(conversation.stream().arrived()));
    } else {
        stages.ended_by_us("exchange");
    }
    context.report.output("said", std::move(said));
    co_return Outcome::ok();
}

}  // namespace slimtax::probes
