#include "reporter/mail/message.hpp"

#include <fmt/format.h>

#include "reporter/judgement.hpp"
#include "reporter/mail/encoding.hpp"
#include "reporter/render/render.hpp"
#include "reporter/render/wall_clock.hpp"

namespace slimtax::reporter {
namespace {

/// A period's name in a file's name or a Message-ID: "2026-11-16-to-2026-11-23".
std::string plain_name(std::string_view name) {
    std::string plain;
    for (const char c : name) {
        const bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                          c == '_' || c == '.';
        plain += good ? c : '-';
    }
    return plain;
}

/// One part with its headers. A text is readable in the raw message; anything else is Base64.
std::string part(std::string_view type, std::string_view more_headers, std::string_view content) {
    const bool readable = type.starts_with("text/plain");
    return fmt::format("Content-Type:{}{}\r\nContent-Transfer-Encoding: {}\r\n{}\r\n{}",
                       type.size() > 60 ? "\r\n " : " ", type,  // a spreadsheet's is longer than a line
                       readable ? "quoted-printable" : "base64", more_headers,
                       readable ? quoted_printable(content) : base64_lines(content));
}

/// `parts` between lines of a boundary. No line of a part begins with "--=": quoted-printable writes '=' as "=3D",
/// Base64 has no '-'.
std::string together(std::string_view kind, const std::vector<std::string>& parts) {
    const std::string boundary = fmt::format("=_slimtax_{}", kind);
    std::string text = fmt::format("Content-Type: multipart/{}; boundary=\"{}\"\r\n\r\n", kind, boundary);
    for (const std::string& one : parts) {
        text += fmt::format("--{}\r\n{}", boundary, one);
    }
    return text + fmt::format("--{}--\r\n", boundary);
}

}  // namespace

std::string mail_bytes(const MailMessage& message) {
    std::string out = address_line("From", {message.from}) + address_line("To", message.to) +
                      header_line("Subject", message.subject) + fmt::format("Date: {}\r\n", mail_date(message.date)) +
                      fmt::format("Message-ID: <{}>\r\n", message.id) +
                      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
    std::vector<std::string> parts{together("alternative", {part("text/plain; charset=utf-8", "", message.text),
                                                            part("text/html; charset=utf-8", "", message.html)})};
    for (const Attachment& attachment : message.attachments) {
        parts.push_back(
            part(attachment.type,
                 fmt::format("Content-Disposition: attachment;\r\n filename=\"{}\"\r\n", plain_name(attachment.name)),
                 attachment.content));
    }
    return out + together("mixed", parts);
}

std::string mail_subject(const Report& report) {
    const Headline line = headline(report);
    // Without the services' names: they make it long, and stand in the first line of the text.
    std::string answer = line.sentence.substr(0, line.sentence.find(": "));
    if (answer.ends_with('.')) {
        answer.pop_back();
    }
    return fmt::format("slimtax: {} {}, {}", line.answer, answer, period_title(report));
}

MailMessage report_message(const Report& report, const schemas::MailSettings& settings,
                           std::vector<schemas::Mailbox> to, const Edition& edition, schemas::Instant now) {
    const std::string period = plain_name(report.period.name);
    MailMessage message;
    message.from = settings.from;
    message.to = std::move(to);
    message.subject = mail_subject(report);
    message.id = fmt::format("slimtax-{}-{}-{}-{}@{}", edition.store, plain_name(edition.period), settings.id,
                             edition.copy, settings.from.address.substr(settings.from.address.find('@') + 1));
    message.date = now;
    message.text = render_text(report);
    std::string whole;  // the attached file that holds the report as a page
    for (const std::string& word : settings.attach) {
        if (const auto format = parse_format(word)) {
            const std::string name = fmt::format("report-{}.{}", period, word);
            whole = *format == Format::html ? name : whole;
            message.attachments.push_back({name, std::string(media_type(*format)), render(report, *format)});
        }
    }
    message.html = render_mail(report, whole);
    return message;
}

}  // namespace slimtax::reporter
