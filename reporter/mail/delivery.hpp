// One report to some recipients of a list, each attempt noted before and after: what the daemon and `send` share.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reporter/mail/outbox.hpp"
#include "reporter/mail/smtp.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

struct MailRound {
    Outbox* outbox = nullptr;  ///< locked and settled
    SmtpClient* client = nullptr;
    std::function<schemas::Instant()> now;
    std::function<std::string(int copy)> message;  ///< as bytes, for the copy of that number
    /// Why there is no use in trying; then `message` is not asked for.
    std::optional<SmtpOutcome> hindrance;
    /// After each attempt: how the row stands now, what was heard, and why that could not be noted (else empty).
    std::function<void(const MailCopy&, const SmtpOutcome&, const std::string& not_noted)> told;
};

/// Tries each of `copies` (waiting or failed) once. One that was waiting and was not accepted waits again, until
/// retry_limit after it was begun. What is wrong with the server itself is found out once, not for each recipient.
void deliver(const MailRound& round, const std::vector<MailCopy>& copies);

/// The definitions that a list is about; the error is a sentence: a service that is not there, or none at all.
[[nodiscard]] tl::expected<schemas::Definitions, std::string> services_of(const schemas::MailSettings& settings,
                                                                          const schemas::Definitions& all);

}  // namespace slimtax::reporter
