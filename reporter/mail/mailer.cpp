#include "reporter/mail/mailer.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "reporter/mail/delivery.hpp"
#include "reporter/mail/message.hpp"
#include "reporter/mail/schedule.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;

std::vector<std::string> addresses_of(const schemas::MailSettings& list) {
    std::vector<std::string> addresses;
    for (const schemas::Mailbox& mailbox : list.to) {
        addresses.push_back(mailbox.address);
    }
    return addresses;
}

std::string named(const MailCopy& copy) {
    return fmt::format("report {} of the mail list '{}' to {}", copy.period, copy.list, copy.address);
}

}  // namespace

Mailer::Mailer(Place place) : place_(std::move(place)) {}

Mailer::~Mailer() {
    stop();
}

void Mailer::set_lists(std::vector<schemas::MailSettings> lists, std::shared_ptr<const schemas::Secrets> secrets) {
    {
        const std::lock_guard lock(mutex_);
        std::map<std::string, MailHealth> health;
        for (const List& list : lists) {
            health[list.id] = health_[list.id];
            health[list.id].list = list.id;
        }
        health_ = std::move(health);
        next_lists_ = std::move(lists);
        next_secrets_ = std::move(secrets);
    }
    changed_.notify_all();
}

void Mailer::start() {
    thread_ = std::thread([this] { serve(); });
}

void Mailer::stop() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

std::vector<MailHealth> Mailer::health() const {
    const std::lock_guard lock(mutex_);
    std::vector<MailHealth> all;
    for (const auto& [id, one] : health_) {
        all.push_back(one);
    }
    return all;
}

void Mailer::serve() {
    while (!ending_) {
        turn();
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, place_.turn_every, [&] { return ending_.load(); });
    }
}

void Mailer::turn() {
    {
        const std::lock_guard lock(mutex_);
        lists_ = next_lists_;
        secrets_ = next_secrets_;
    }
    if (lists_.empty()) {
        return;
    }
    const auto done = try_turn();
    const std::string trouble = done ? std::string() : done.error().reason;
    if (trouble != trouble_) {
        if (trouble.empty()) {
            spdlog::info("the mail's book can be kept again");
        } else {
            spdlog::error("no mail is sent, because the store cannot note it: {}", trouble);
        }
        trouble_ = trouble;
    }
}

Stored<void> Mailer::try_turn() {
    if (!outbox_) {
        auto opened = Outbox::open(place_.store);
        if (!opened) {
            return tl::unexpected(opened.error());
        }
        outbox_ = std::move(*opened);
    }
    const Instant now = place_.now();
    for (const List& list : lists_) {
        if (auto done = begin_if_due(list, now); !done) {
            return done;
        }
    }
    if (auto done = send_what_waits(now); !done) {
        return done;
    }
    return take_figures();
}

Stored<void> Mailer::begin_if_due(const List& list, Instant now) {
    if (!list.when) {
        return {};
    }
    const auto last = outbox_->turn(list.id);
    if (!last) {
        return tl::unexpected(last.error());
    }
    // A list that is new begins with its next turn; and so does one whose clock was in the future.
    if (!*last || **last > now) {
        return outbox_->set_turn(list.id, now);
    }
    const MailTurn due = latest_turn(list, now);
    if (due.at <= **last) {
        return {};
    }
    if (now - due.at > catch_up_limit) {
        spdlog::error(
            "report {} of the mail list '{}' was due at {} and is not made up for: that is more than {} h "
            "ago; `slimtax-reporter send` sends it",
            due.period.name, list.id, schemas::to_rfc3339(due.at), catch_up_limit.count());
        return outbox_->set_turn(list.id, due.at);
    }
    if (!is_over(list, due.period, now)) {
        return {};
    }
    if (now - due.at > std::chrono::minutes(1)) {
        spdlog::info("report {} of the mail list '{}' was due at {} and is sent now", due.period.name, list.id,
                     schemas::to_rfc3339(due.at));
    }
    return outbox_->begin_turn(list.id, due.period.name, addresses_of(list), due.at, now);
}

bool Mailer::is_over(const List& list, const AskedPeriod& period, Instant now) const {
    const auto services = services_of(list, place_.definitions());
    if (!services) {
        return true;  // what is wrong is said when it is sent
    }
    return std::ranges::all_of(*services, [&](const auto& definition) {
        return period.in(Zone::find(definition->window.timezone).value_or(Zone())).to <= now;
    });
}

Stored<void> Mailer::send_what_waits(Instant now) {
    const auto waiting = outbox_->waiting();
    const auto sending = outbox_->has_sending();
    if (!waiting || !sending) {
        return tl::unexpected(waiting ? sending.error() : waiting.error());
    }
    const auto is_due = [&](const MailCopy& copy) { return copy.next <= now || copy.changed > now; };
    if (!*sending && std::ranges::none_of(*waiting, is_due)) {
        return {};
    }
    const auto lock = outbox_->try_lock();
    if (!lock) {
        return tl::unexpected(lock.error());
    }
    if (!*lock) {
        return {};  // `send` is at it
    }
    const auto uncertain = outbox_->settle(now);
    if (!uncertain) {
        return tl::unexpected(uncertain.error());
    }
    for (const MailCopy& copy : *uncertain) {
        spdlog::error("{}: {}; to send it once more: slimtax-reporter send --again", named(copy), copy.says);
    }
    // Read again: before there was the lock, another process may have sent some.
    const auto still = outbox_->waiting();
    if (!still) {
        return tl::unexpected(still.error());
    }
    std::map<std::pair<std::string, std::string>, std::vector<MailCopy>> reports;
    for (const MailCopy& copy : *still) {
        if (is_due(copy)) {
            reports[{copy.list, copy.period}].push_back(copy);
        }
    }
    for (auto& [key, copies] : reports) {
        const auto list = std::ranges::find(lists_, key.first, &List::id);
        if (list == lists_.end()) {
            if (auto done = drop(std::move(copies), "the list is no longer in the settings"); !done) {
                return done;
            }
        } else if (!ending_) {
            if (auto done = send(*list, key.second, std::move(copies)); !done) {
                return done;
            }
        }
    }
    return {};
}

Stored<void> Mailer::drop(std::vector<MailCopy> copies, const std::string& why) {
    for (MailCopy& copy : copies) {
        copy.state = MailState::failed;
        copy.changed = place_.now();
        copy.says = "not sent: " + why;
        spdlog::warn("{}: {}", named(copy), copy.says);
        if (auto done = outbox_->write(copy); !done) {
            return done;
        }
    }
    return {};
}

Stored<void> Mailer::send(const List& list, const std::string& period, std::vector<MailCopy> copies) {
    // Whoever was taken off the list meanwhile gets nothing.
    const auto gone = std::ranges::stable_partition(copies, [&](const MailCopy& copy) {
        return std::ranges::any_of(list.to, [&](const auto& to) { return same_address(to.address, copy.address); });
    });
    if (auto done = drop({gone.begin(), gone.end()}, "the address is no longer on the list"); !done) {
        return done;
    }
    copies.erase(gone.begin(), gone.end());

    const auto name = outbox_->store_name();
    if (!name) {
        return tl::unexpected(name.error());
    }
    SmtpClient client(list, secrets_->redactor(), place_.patience, [this] { return ending_.load(); });
    MailRound round;
    round.outbox = outbox_.get();
    round.client = &client;
    round.now = place_.now;
    bool accepted = false;
    round.told = [&](const MailCopy& copy, const SmtpOutcome& outcome, const std::string& not_noted) {
        accepted = accepted || outcome.kind == SmtpOutcome::Kind::accepted;
        tell(copy, outcome, not_noted);
    };
    const auto report = report_of(list, period);
    const Instant date = place_.now();
    if (report) {
        round.message = [&](int copy) {
            return mail_bytes(report_message(*report, list, list.to, {*name, period, copy}, date));
        };
    } else {
        round.hindrance = SmtpOutcome{SmtpOutcome::Kind::later, report.error(), true};
    }
    deliver(round, copies);
    if (accepted && place_.given_out) {
        place_.given_out(*report);
    }
    return {};
}

tl::expected<Report, std::string> Mailer::report_of(const List& list, const std::string& period) const {
    const auto services = services_of(list, place_.definitions());
    if (!services) {
        return tl::unexpected(services.error());
    }
    const auto asked = parse_period(period);
    return asked ? place_.report(*services, *asked) : tl::unexpected(asked.error());
}

void Mailer::tell(const MailCopy& copy, const SmtpOutcome& outcome, const std::string& not_noted) {
    const bool accepted = outcome.kind == SmtpOutcome::Kind::accepted;
    if (accepted) {
        spdlog::info("{}: {}", named(copy), copy.says);
    } else if (copy.state == MailState::waiting) {
        spdlog::warn("{}: {}; tried again at {}", named(copy), copy.says, schemas::to_rfc3339(copy.next));
    } else {
        spdlog::error("{}: {}; to send it: slimtax-reporter send{}", named(copy), copy.says,
                      copy.state == MailState::uncertain ? " --again" : "");
    }
    if (!not_noted.empty()) {
        spdlog::error("{}: that it is {} cannot be noted yet: {}", named(copy), to_string(copy.state), not_noted);
    }
    const std::lock_guard lock(mutex_);
    if (const auto one = health_.find(copy.list); one != health_.end()) {
        ++(accepted ? one->second.sent : one->second.failed);
    }
}

Stored<void> Mailer::take_figures() {
    for (const List& list : lists_) {
        const auto figures = outbox_->figures(list.id);
        if (!figures) {
            return tl::unexpected(figures.error());
        }
        const std::lock_guard lock(mutex_);
        if (const auto one = health_.find(list.id); one != health_.end()) {
            one->second.figures = *figures;
        }
    }
    return {};
}

}  // namespace slimtax::reporter
