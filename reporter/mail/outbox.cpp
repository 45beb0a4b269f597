#include "reporter/mail/outbox.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "reporter/store/schema.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;

constexpr std::array<std::string_view, 5> state_words{"waiting", "sending", "accepted", "failed", "uncertain"};

std::int64_t number_of(Instant instant) {
    return instant.time_since_epoch().count();
}

Instant instant_of(std::int64_t microseconds) {
    return Instant(schemas::Duration(microseconds));
}

MailCopy copy_of(const Statement& row) {
    MailCopy copy;
    copy.id = row.integer(0);
    copy.list = row.text(1);
    copy.period = row.text(2);
    copy.address = row.text(3);
    copy.copy = static_cast<int>(row.integer(4));
    const auto state = std::ranges::find(state_words, row.text(5));
    copy.state = static_cast<MailState>(state == state_words.end() ? 3 : state - state_words.begin());
    copy.begun = instant_of(row.integer(6));
    copy.changed = instant_of(row.integer(7));
    copy.next = instant_of(row.integer(8));
    copy.attempts = static_cast<int>(row.integer(9));
    copy.says = row.text(10);
    return copy;
}

}  // namespace

std::string_view to_string(MailState state) {
    return state_words.at(static_cast<std::size_t>(state));
}

bool same_address(std::string_view one, std::string_view other) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(one, other, {}, lower, lower);
}

Outbox::Lock::~Lock() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

Stored<std::unique_ptr<Outbox>> Outbox::open(const std::filesystem::path& file) {
    auto database = Database::open(file, Database::Mode::create);
    if (!database) {
        return tl::unexpected(database.error());
    }
    if (auto good = prepare_store(**database, Database::Mode::create); !good) {
        return tl::unexpected(good.error());
    }
    return std::unique_ptr<Outbox>(new Outbox(std::move(*database)));
}

Stored<std::optional<Outbox::Lock>> Outbox::try_lock() {
    const std::string file = database_->file().string() + "-mail-lock";
    constexpr int mode = 0600;
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, mode);
    if (fd < 0) {
        return tl::unexpected(StoreError{fmt::format("cannot open {}: {}", file, std::strerror(errno)), true});
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return std::optional<Lock>(Lock(fd));
    }
    const int cause = errno;
    ::close(fd);
    if (cause == EWOULDBLOCK) {
        return std::optional<Lock>();
    }
    return tl::unexpected(StoreError{fmt::format("cannot lock {}: {}", file, std::strerror(cause)), true});
}

Stored<std::vector<MailCopy>> Outbox::select(std::string_view where, const std::vector<std::string_view>& texts) {
    auto statement = database_->prepare(
        fmt::format("SELECT id, list, period, address, copy, state, begun, changed, next, attempts, says FROM mail "
                    "WHERE {} ORDER BY list, period, address, copy",
                    where));
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
        statement->bind_text(static_cast<int>(i) + 1, texts[i]);
    }
    std::vector<MailCopy> found;
    while (true) {
        const auto row = statement->step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            return found;
        }
        found.push_back(copy_of(*statement));
    }
}

Stored<std::vector<MailCopy>> Outbox::settle(Instant now) {
    while (!owed_.empty()) {
        if (auto done = update(owed_.back()); !done) {
            return tl::unexpected(done.error());
        }
        owed_.pop_back();
    }
    auto found = select("state = 'sending'", {});
    if (!found) {
        return found;
    }
    for (MailCopy& copy : *found) {
        copy.state = MailState::uncertain;
        copy.changed = now;
        copy.says =
            "the program ended while this was being sent: whether it arrived is not known, and it is not sent again";
        if (auto done = update(copy); !done) {
            return tl::unexpected(done.error());
        }
    }
    return found;
}

Stored<std::vector<MailCopy>> Outbox::copies(std::string_view list, std::string_view period) {
    return select("list = ? AND period = ?", {list, period});
}

Stored<std::vector<MailCopy>> Outbox::waiting() {
    return select("state = 'waiting'", {});
}

Stored<bool> Outbox::has_sending() {
    const auto count = database_->integer("SELECT count(*) FROM mail WHERE state = 'sending'");
    return count ? Stored<bool>(*count > 0) : tl::unexpected(count.error());
}

Stored<MailCopy> Outbox::add(MailCopy copy) {
    auto statement = database_->prepare(
        "INSERT INTO mail (list, period, address, copy, state, begun, changed, next, attempts, says) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id");
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    statement->bind_text(1, copy.list).bind_text(2, copy.period).bind_text(3, copy.address).bind(4, copy.copy);
    statement->bind_text(5, to_string(copy.state)).bind(6, number_of(copy.begun)).bind(7, number_of(copy.changed));
    statement->bind(8, number_of(copy.next)).bind(9, copy.attempts).bind_text(10, copy.says);
    const auto row = statement->step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    copy.id = statement->integer(0);
    if (auto done = statement->run(); !done) {
        return tl::unexpected(done.error());
    }
    return copy;
}

Stored<void> Outbox::update(const MailCopy& copy) {
    auto statement =
        database_->prepare("UPDATE mail SET state = ?, changed = ?, next = ?, attempts = ?, says = ? WHERE id = ?");
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    statement->bind_text(1, to_string(copy.state)).bind(2, number_of(copy.changed)).bind(3, number_of(copy.next));
    statement->bind(4, copy.attempts).bind_text(5, copy.says).bind(6, copy.id);
    return statement->run();
}

Stored<void> Outbox::write(const MailCopy& copy) {
    auto done = update(copy);
    if (!done && copy.state != MailState::sending) {
        owed_.push_back(copy);
    }
    return done;
}

Stored<std::optional<Instant>> Outbox::turn(std::string_view list) {
    auto statement = database_->prepare("SELECT turn FROM mail_list WHERE list = ?");
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    statement->bind_text(1, list);
    const auto row = statement->step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    return *row ? std::optional(instant_of(statement->integer(0))) : std::nullopt;
}

Stored<void> Outbox::set_turn(std::string_view list, Instant at) {
    auto statement = database_->prepare("INSERT OR REPLACE INTO mail_list (list, turn) VALUES (?, ?)");
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    statement->bind_text(1, list).bind(2, number_of(at));
    return statement->run();
}

Stored<void> Outbox::begin_turn(std::string_view list, std::string_view period,
                                const std::vector<std::string>& addresses, Instant at, Instant now) {
    auto transaction = Transaction::begin(*database_, Transaction::Kind::write);
    if (!transaction) {
        return tl::unexpected(transaction.error());
    }
    // Looked at inside the transaction: `send` may have been quicker for some of them.
    const auto there = copies(list, period);
    if (!there) {
        return tl::unexpected(there.error());
    }
    for (const std::string& address : addresses) {
        if (std::ranges::any_of(*there, [&](const MailCopy& copy) { return same_address(copy.address, address); })) {
            continue;
        }
        MailCopy copy;
        copy.list = list;
        copy.period = period;
        copy.address = address;
        copy.state = MailState::waiting;
        copy.begun = copy.changed = copy.next = now;
        copy.says = "not sent yet";
        if (auto added = add(std::move(copy)); !added) {
            return tl::unexpected(added.error());
        }
    }
    if (auto done = set_turn(list, at); !done) {
        return done;
    }
    return transaction->commit();
}

Stored<Outbox::Figures> Outbox::figures(std::string_view list) {
    auto statement = database_->prepare(
        "SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'uncertain' AND NOT EXISTS "
        "(SELECT 1 FROM mail AS later WHERE later.list = mail.list AND later.period = mail.period AND later.address = "
        "mail.address AND later.copy > mail.copy AND later.state = 'accepted')), "
        "max(changed) FILTER (WHERE state = 'accepted') FROM mail WHERE list = ?");
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    statement->bind_text(1, list);
    const auto row = statement->step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    Figures figures;
    figures.waiting = static_cast<std::uint64_t>(statement->integer(0));
    figures.uncertain = static_cast<std::uint64_t>(statement->integer(1));
    if (const std::int64_t last = statement->integer(2); last != 0) {
        figures.last_accepted = instant_of(last);
    }
    return figures;
}

Stored<std::string> Outbox::store_name() {
    auto statement = database_->prepare("SELECT name FROM mail_store");
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    const auto row = statement->step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    return *row ? std::string(statement->text(0)) : std::string("store");
}

}  // namespace slimtax::reporter
