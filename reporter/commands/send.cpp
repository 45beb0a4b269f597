// `slimtax-reporter send`: reports by mail, now. For a timer, or for a person.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"
#include "reporter/commands/workplace.hpp"
#include "reporter/mail/delivery.hpp"
#include "reporter/mail/message.hpp"
#include "reporter/mail/schedule.hpp"
#include "reporter/report_maker.hpp"
#include "schemas/config.hpp"
#include "schemas/units.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using schemas::MailSettings;

/// How long another process that is sending is waited for.
constexpr std::chrono::seconds lock_patience{30};

struct Options {
    std::string config;
    PeriodOptions period;
    std::vector<std::string> lists;
    std::vector<std::string> to;
    std::string retry = "0s";
    bool again = false;
    bool dry_run = false;
};

Instant now() {
    return std::chrono::time_point_cast<schemas::Duration>(std::chrono::system_clock::now());
}

/// One list's report, ready to go.
struct Letter {
    MailSettings list;
    std::vector<schemas::Mailbox> to;
    Report report;
    std::string booked_as;  ///< the period's name in the outbox
};

/// The settings of the lists that are meant; complains and returns nothing when there are none.
std::vector<MailSettings> chosen_lists(const schemas::ReporterConfig& config, const std::vector<std::string>& ids) {
    if (config.mails.empty()) {
        complain(fmt::format("there is no [[reporter.mail]] in {}: it says who gets a report, and through which server",
                             config.file.string()));
    }
    std::vector<MailSettings> chosen;
    for (const MailSettings& list : config.mails) {
        if (ids.empty() || std::ranges::find(ids, list.id) != ids.end()) {
            chosen.push_back(list);
        }
    }
    for (const std::string& id : ids) {
        if (std::ranges::find(config.mails, id, &MailSettings::id) == config.mails.end()) {
            complain(fmt::format("there is no [[reporter.mail]] with id = \"{}\" in {}", id, config.file.string()));
            return {};
        }
    }
    return chosen;
}

tl::expected<Letter, std::string> write_letter(const MailSettings& list, const std::vector<schemas::Mailbox>& to,
                                               const PeriodOptions& asked, Workplace& workplace) {
    const auto services = services_of(list, workplace.definitions);
    if (!services) {
        return tl::unexpected(services.error());
    }
    const Instant at = now();
    const bool any = asked.week.empty() && asked.month.empty() && asked.from.empty() && asked.to.empty();
    const auto period =
        any ? tl::expected<AskedPeriod, std::string>(latest_period(list, at))
            : asked_period(asked.week.empty() ? asked.month : asked.week, asked.from, asked.to, *services, at);
    if (!period) {
        return tl::unexpected(period.error());
    }
    if (std::string wrong = wrong_with_period(*period, *services, at); !wrong.empty()) {
        return tl::unexpected(std::move(wrong));
    }
    auto report = make_full_report(*workplace.store, *services, workplace.locations, *period, at);
    if (!report) {
        return tl::unexpected(report.error().reason);
    }
    // A report of a week that goes on must not stand for the one of the whole week.
    std::string booked =
        report->so_far ? fmt::format("{} until {}", period->name, schemas::to_rfc3339(at)) : period->name;
    return Letter{list, to.empty() ? list.to : to, std::move(*report), std::move(booked)};
}

class Sending {
public:
    Sending(Outbox& outbox, Store& store, schemas::Redactor& redactor)
        : outbox_(outbox), store_(store), redactor_(redactor) {}

    /// Says what became of each recipient. False when somebody did not get it.
    bool send(const Letter& letter, bool again, schemas::Duration retry) {
        const auto give_up = std::chrono::steady_clock::now() + retry;
        Round round = attempt(letter, letter.to, again);
        for (int attempts = 1; !round.later.empty(); ++attempts) {
            const auto pause = retry_pause(attempts);
            if (std::chrono::steady_clock::now() + pause > give_up) {
                return false;
            }
            std::cout << fmt::format("trying again in {} s\n", pause / std::chrono::seconds(1)) << std::flush;
            std::this_thread::sleep_for(pause);
            const bool good = round.good;
            round = attempt(letter, round.later, false);
            round.good = round.good && good;
        }
        return round.good;
    }

private:
    struct Round {
        bool good = true;                     ///< but for those of `later`
        std::vector<schemas::Mailbox> later;  ///< may succeed when tried again
    };

    static void say(const Letter& letter, std::string_view address, std::string_view what) {
        std::cout << fmt::format("{}, {}, to {}: {}\n", letter.list.id, letter.booked_as, address, what) << std::flush;
    }

    Round attempt(const Letter& letter, const std::vector<schemas::Mailbox>& to, bool again) {
        Round round;
        const auto lock = wait_for_lock();
        if (!lock || !settle()) {
            round.good = false;
            return round;
        }
        const auto copies = copies_for(letter, to, again, round);
        const auto name = outbox_.store_name();
        if (!copies || !name) {
            complain(!copies ? copies.error().reason : name.error().reason);
            round.good = false;
            return round;
        }
        const Instant date = now();
        SmtpClient client(letter.list, redactor_);
        MailRound mails;
        mails.outbox = &outbox_;
        mails.client = &client;
        mails.now = now;
        mails.message = [&](int copy) {
            return mail_bytes(
                report_message(letter.report, letter.list, letter.to, {*name, letter.booked_as, copy}, date));
        };
        bool accepted = false;
        mails.told = [&](const MailCopy& copy, const SmtpOutcome& outcome, const std::string& not_noted) {
            accepted = accepted || outcome.kind == SmtpOutcome::Kind::accepted;
            say(letter, copy.address,
                copy.says + (copy.state == MailState::uncertain ? "; --again sends it once more" : ""));
            if (!not_noted.empty()) {
                complain(fmt::format("that it is {} cannot be noted: {}", to_string(copy.state), not_noted));
            }
            if (outcome.kind == SmtpOutcome::Kind::later) {
                round.later.push_back({"", copy.address});
            } else if (outcome.kind != SmtpOutcome::Kind::accepted || !not_noted.empty()) {
                round.good = false;
            }
        };
        deliver(mails, *copies);
        if (accepted) {
            put_on_record(letter.report);
        }
        return round;
    }

    /// It was given out: a later report that says something else is then marked as revised.
    void put_on_record(const Report& report) {
        const auto figures = figures_of(report, now());
        const auto issued = figures.empty() ? Stored<std::size_t>(0) : store_.issue(figures);
        if (!issued) {
            complain(fmt::format("that the report was given out cannot be put on record: {}", issued.error().reason));
        }
    }

    /// Nothing, after a complaint, when another process keeps sending.
    std::optional<Outbox::Lock> wait_for_lock() {
        constexpr std::chrono::milliseconds turn{200};
        const auto end = std::chrono::steady_clock::now() + lock_patience;
        while (true) {
            auto lock = outbox_.try_lock();
            if (!lock) {
                complain(lock.error().reason);
                return std::nullopt;
            }
            if (*lock) {
                return std::move(*lock);
            }
            if (std::chrono::steady_clock::now() > end) {
                complain("another process is sending mail from this store just now; try again when it is done");
                return std::nullopt;
            }
            std::this_thread::sleep_for(turn);
        }
    }

    bool settle() {
        const auto uncertain = outbox_.settle(now());
        if (!uncertain) {
            complain(uncertain.error().reason);
            return false;
        }
        for (const MailCopy& copy : *uncertain) {
            complain(fmt::format("report {} of the mail list '{}' to {}: {}", copy.period, copy.list, copy.address,
                                 copy.says));
        }
        return true;
    }

    /// The rows to be tried; says which recipients are left out, and why.
    Stored<std::vector<MailCopy>> copies_for(const Letter& letter, const std::vector<schemas::Mailbox>& to, bool again,
                                             Round& round) {
        const auto there = outbox_.copies(letter.list.id, letter.booked_as);
        if (!there) {
            return there;
        }
        std::vector<MailCopy> chosen;
        for (const schemas::Mailbox& mailbox : to) {
            const MailCopy* last = nullptr;
            for (const MailCopy& copy : *there) {
                last = same_address(copy.address, mailbox.address) ? &copy : last;
            }
            const bool done =
                last != nullptr && (last->state == MailState::accepted || last->state == MailState::uncertain);
            if (done && !again) {
                const bool accepted = last->state == MailState::accepted;
                say(letter, mailbox.address,
                    accepted ? fmt::format("was sent on {} already; --again sends it once more",
                                           schemas::to_rfc3339(last->changed))
                             : fmt::format("{} ({}); --again sends it once more", last->says,
                                           schemas::to_rfc3339(last->changed)));
                round.good = round.good && accepted;
                continue;
            }
            if (last != nullptr && !done) {
                chosen.push_back(*last);
                continue;
            }
            MailCopy copy;
            copy.list = letter.list.id;
            copy.period = letter.booked_as;
            copy.address = mailbox.address;
            copy.copy = last == nullptr ? 1 : last->copy + 1;
            copy.begun = copy.changed = copy.next = now();
            copy.says = "not sent yet";
            auto added = outbox_.add(std::move(copy));
            if (!added) {
                return tl::unexpected(added.error());
            }
            chosen.push_back(std::move(*added));
        }
        return chosen;
    }

    Outbox& outbox_;
    Store& store_;
    schemas::Redactor& redactor_;
};

std::vector<schemas::Mailbox> recipients(const std::vector<std::string>& texts, bool& good) {
    std::vector<schemas::Mailbox> all;
    for (const std::string& text : texts) {
        auto one = schemas::parse_mailbox(text);
        if (!one) {
            complain("--mail-to: " + one.error());
            good = false;
            continue;
        }
        // Named twice, sent once.
        if (std::ranges::none_of(all, [&](const auto& other) { return same_address(other.address, one->address); })) {
            all.push_back(std::move(*one));
        }
    }
    return all;
}

bool send(const Options& options) {
    bool good = true;
    const auto to = recipients(options.to, good);
    const auto retry = schemas::parse_duration(options.retry);
    const auto config = schemas::read_reporter_config(options.config);
    for (const schemas::Problem& problem : config.problems) {
        if (problem.kind == schemas::Problem::Kind::error) {
            std::cerr << to_string(problem) << '\n';
        }
    }
    if (!retry) {
        complain("--retry: " + retry.error());
    }
    if (!config.config || !good || !retry) {
        return false;
    }
    const auto lists = chosen_lists(*config.config, options.lists);
    if (lists.empty()) {
        return false;
    }
    std::unique_ptr<Outbox> outbox;
    if (!options.dry_run) {
        auto opened =
            std::filesystem::exists(config.config->store)
                ? Outbox::open(config.config->store)
                : tl::unexpected(StoreError{
                      fmt::format("there is no store {} to report from", config.config->store.string()), false});
        if (!opened) {
            complain(opened.error().reason);
            return false;
        }
        outbox = std::move(*opened);
    }
    const auto workplace = open_workplace({options.config, {}, {}},
                                          options.dry_run ? SqliteStore::Mode::read_only : SqliteStore::Mode::existing);
    if (!workplace) {
        return false;
    }
    for (const MailSettings& list : lists) {
        const auto letter = write_letter(list, to, options.period, *workplace);
        if (!letter) {
            complain(letter.error());
            good = false;
        } else if (options.dry_run) {
            good = write_out(mail_bytes(report_message(letter->report, list, letter->to,
                                                       {"dry-run", letter->booked_as, 1}, now())),
                             "") &&
                   good;
        } else {
            good = Sending(*outbox, *workplace->store, config.config->secrets->redactor())
                       .send(*letter, options.again, *retry) &&
                   good;
        }
    }
    return good;
}

}  // namespace

void add_send(CLI::App& app, int& exit_status) {
    CLI::App* command = app.add_subcommand("send", "Sends reports by mail, to the lists of the settings or to others");
    command->footer(
        "Who gets which report, and through which server, stands in the settings: [[reporter.mail]]. Nobody gets one\n"
        "twice: a second call says when it was sent. Without a period: the week or month that ended last.\n"
        "Exit status 0: the server has accepted it for everybody, now or before.\n"
        "Example: slimtax-reporter send --config slimtax.toml --week 2026-W47 --mail-to boss@campus.example");
    const auto options = std::make_shared<Options>();
    command->add_option("--config", options->config, "slimtax.toml")->required();
    add_period_options(*command, options->period);
    command->add_option("--list", options->lists, "only the [[reporter.mail]] with this id; every one when omitted");
    command->add_option("--mail-to", options->to, "these addresses instead of the list's");
    command->add_option("--retry", options->retry, "how long to go on trying when it may help, e.g. \"4 h\"")
        ->capture_default_str();
    command->add_flag("--again", options->again, "also to those who got it, or may have got it");
    command->add_flag("--dry-run", options->dry_run, "write the message to standard output; send nothing");
    command->callback([options, &exit_status] { exit_status = send(*options) ? 0 : 1; });
}

}  // namespace slimtax::reporter
