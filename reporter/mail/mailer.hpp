// The daemon's side of the mail: a thread that begins each list's turn when it is due, and tries what waits.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "reporter/ledger/period.hpp"
#include "reporter/mail/outbox.hpp"
#include "reporter/mail/smtp.hpp"
#include "reporter/report.hpp"
#include "schemas/definition.hpp"

namespace slimtax::reporter {

/// How a list stands, for /metrics.
struct MailHealth {
    std::string list;
    std::uint64_t sent = 0;    ///< recipients, since the start
    std::uint64_t failed = 0;  ///< attempts, since the start
    Outbox::Figures figures;   ///< from the store: what `send` did counts as well
};

class Mailer {
public:
    /// What it works with; all functions are called from its thread.
    struct Place {
        std::filesystem::path store;
        std::function<schemas::Instant()> now;
        std::function<schemas::Definitions()> definitions;
        std::function<tl::expected<Report, std::string>(const schemas::Definitions&, const AskedPeriod&)> report;
        /// A mail server accepted that report for somebody; may be empty.
        std::function<void(const Report&)> given_out;
        SmtpPatience patience{};
        std::chrono::milliseconds turn_every = std::chrono::seconds(5);
    };

    explicit Mailer(Place place);
    ~Mailer();  ///< as stop()

    /// From any thread; counts from the next turn on.
    void set_lists(std::vector<schemas::MailSettings> lists, std::shared_ptr<const schemas::Secrets> secrets);

    void start();
    /// Ends the thread. A message that is on its way is waited for a while (SmtpPatience::when_stopping).
    void stop();

    /// What the thread does every few seconds. Only while it does not run: for tests.
    void turn();

    /// Of the lists in the settings.
    [[nodiscard]] std::vector<MailHealth> health() const;

private:
    using List = schemas::MailSettings;

    void serve();
    [[nodiscard]] Stored<void> try_turn();
    [[nodiscard]] Stored<void> begin_if_due(const List& list, schemas::Instant now);
    [[nodiscard]] bool is_over(const List& list, const AskedPeriod& period, schemas::Instant now) const;
    [[nodiscard]] Stored<void> send_what_waits(schemas::Instant now);
    [[nodiscard]] Stored<void> send(const List& list, const std::string& period, std::vector<MailCopy> copies);
    [[nodiscard]] tl::expected<Report, std::string> report_of(const List& list, const std::string& period) const;
    [[nodiscard]] Stored<void> drop(std::vector<MailCopy> copies, const std::string& why);
    void tell(const MailCopy& copy, const SmtpOutcome& outcome, const std::string& not_noted);
    [[nodiscard]] Stored<void> take_figures();

    Place place_;
    std::unique_ptr<Outbox> outbox_;
    std::string trouble_;  ///< with the store, as it was logged

    // Of the turn under way.
    std::vector<List> lists_;
    std::shared_ptr<const schemas::Secrets> secrets_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<List> next_lists_;
    std::shared_ptr<const schemas::Secrets> next_secrets_;
    std::map<std::string, MailHealth> health_;
    std::atomic<bool> ending_ = false;
    std::thread thread_;
};

}  // namespace slimtax::reporter
