// A report as a mail: RFC 5322 headers, a text and an html body to choose from (RFC 2046), and the whole report as
// attachments.
#pragma once

#include <string>
#include <vector>

#include "reporter/report.hpp"
#include "schemas/mail_settings.hpp"

namespace slimtax::reporter {

struct Attachment {
    std::string name;  ///< "report-2026-W47.html": letters, digits, '-', '_' and '.' only
    std::string type;  ///< "text/html; charset=utf-8"
    std::string content;
};

struct MailMessage {
    schemas::Mailbox from;
    std::vector<schemas::Mailbox> to;
    std::string subject;
    std::string id;  ///< without its angle brackets
    schemas::Instant date;
    std::string text;
    std::string html;
    std::vector<Attachment> attachments;
};

/// The message as it is sent: CR LF at each line's end, seven bits, no line longer than 78. The same message gives the
/// same bytes.
[[nodiscard]] std::string mail_bytes(const MailMessage& message);

/// Which sending of a report it is: makes the Message-ID, by which mail servers know a message again.
struct Edition {
    std::string store;   ///< the store's own name (Outbox::store_name)
    std::string period;  ///< as it is booked there
    int copy = 1;        ///< more than 1: a person wanted it sent once more
};

/// "slimtax: No. 2 of 20 services missed a promise, week 47 of 2026".
[[nodiscard]] std::string mail_subject(const Report& report);

/// The report for a list, to `to`. A word in `settings.attach` that is no format is left out.
[[nodiscard]] MailMessage report_message(const Report& report, const schemas::MailSettings& settings,
                                         std::vector<schemas::Mailbox> to, const Edition& edition,
                                         schemas::Instant now);

}  // namespace slimtax::reporter
