// Hands one message to a mail server for one recipient, by libcurl: RFC 5321, STARTTLS (3207), authentication (4954).
// Each recipient is a transaction and a connection of its own, so that what became of it is known for each.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "reporter/store/store.hpp"
#include "schemas/mail_settings.hpp"
#include "schemas/secrets.hpp"

namespace slimtax::reporter {

struct SmtpOutcome {
    enum class Kind {
        accepted,
        refused,    ///< for good (5xx): trying again is no use
        later,      ///< certainly not accepted; a later attempt may succeed
        uncertain,  ///< all was sent, and no answer came
    };
    Kind kind = Kind::later;
    std::string says;            ///< a sentence: what the server said, or what is wrong; no secret is in it
    bool of_the_server = false;  ///< it would be the same for every other recipient
};

/// How long a server may take.
struct SmtpPatience {
    std::chrono::milliseconds until_data = std::chrono::seconds(60);  ///< connection, TLS, log-in, recipient
    std::chrono::milliseconds sending = std::chrono::minutes(10);     ///< the message itself
    /// The answer to it: RFC 5321 (4.5.3.2.6) asks for so much, because giving up early makes doubles.
    std::chrono::milliseconds answer = std::chrono::minutes(10);
    std::chrono::milliseconds farewell = std::chrono::seconds(5);
    /// When `stopping` is true: how long an answer is still waited for.
    std::chrono::milliseconds when_stopping = std::chrono::seconds(20);
};

class SmtpClient {
public:
    /// `redactor` must outlive it. `stopping`, asked about once a second, ends a transfer early; it may be empty.
    SmtpClient(schemas::MailSettings settings, schemas::Redactor& redactor, SmtpPatience patience = {},
               std::function<bool()> stopping = {});
    ~SmtpClient();

    /// `before_data` is called when the server wants the message and before its first byte is sent; when it fails
    /// nothing is sent. Blocks.
    [[nodiscard]] SmtpOutcome send(const std::string& to, const std::string& message,
                                   const std::function<Stored<void>()>& before_data);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::reporter
