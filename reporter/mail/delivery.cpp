#include "reporter/mail/delivery.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "reporter/mail/schedule.hpp"

namespace slimtax::reporter {
namespace {

void take_outcome(MailCopy& copy, MailState before, const SmtpOutcome& outcome, schemas::Instant now) {
    copy.changed = now;
    copy.says = outcome.says;
    ++copy.attempts;
    switch (outcome.kind) {
        case SmtpOutcome::Kind::accepted: copy.state = MailState::accepted; return;
        case SmtpOutcome::Kind::uncertain: copy.state = MailState::uncertain; return;
        case SmtpOutcome::Kind::refused: copy.state = MailState::failed; return;
        case SmtpOutcome::Kind::later: break;
    }
    copy.state = before;
    copy.next = now + retry_pause(copy.attempts);
    if (before == MailState::waiting && copy.next > copy.begun + retry_limit) {
        copy.state = MailState::failed;
        copy.says = fmt::format("given up after {} h: {}", retry_limit.count(), outcome.says);
    }
}

bool matches(const schemas::MailSettings& settings, const schemas::Service& service) {
    if (!settings.services.empty() && std::ranges::find(settings.services, service.id) == settings.services.end()) {
        return false;
    }
    return std::ranges::all_of(
        settings.tags, [&](const auto& tag) { return std::ranges::find(service.tags, tag) != service.tags.end(); });
}

}  // namespace

void deliver(const MailRound& round, const std::vector<MailCopy>& copies) {
    std::map<int, std::string> messages;
    std::optional<SmtpOutcome> for_all = round.hindrance;
    for (MailCopy copy : copies) {
        const MailState before = copy.state;
        SmtpOutcome outcome;
        if (for_all) {
            outcome = *for_all;
        } else {
            const auto [message, fresh] = messages.try_emplace(copy.copy);
            if (fresh) {
                message->second = round.message(copy.copy);
            }
            outcome = round.client->send(copy.address, message->second, [&] {
                copy.state = MailState::sending;
                copy.changed = round.now();
                copy.says = "is being sent";
                return round.outbox->write(copy);
            });
        }
        take_outcome(copy, before, outcome, round.now());
        const auto noted = round.outbox->write(copy);
        if (outcome.of_the_server) {
            for_all = outcome;
        }
        round.told(copy, outcome, noted ? std::string() : noted.error().reason);
    }
}

tl::expected<schemas::Definitions, std::string> services_of(const schemas::MailSettings& settings,
                                                            const schemas::Definitions& all) {
    for (const std::string& id : settings.services) {
        if (std::ranges::none_of(all, [&](const auto& definition) { return definition->service.id == id; })) {
            return tl::unexpected(
                fmt::format("the mail list '{}' names the service '{}', which is not defined", settings.id, id));
        }
    }
    schemas::Definitions chosen;
    std::ranges::copy_if(all, std::back_inserter(chosen),
                         [&](const auto& definition) { return matches(settings, definition->service); });
    if (chosen.empty()) {
        return tl::unexpected(
            fmt::format("no service is there for the mail list '{}': its 'services' and 'tags' fit none", settings.id));
    }
    return chosen;
}

}  // namespace slimtax::reporter
