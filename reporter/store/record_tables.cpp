#include "reporter/store/record_tables.hpp"

#include <algorithm>
#include <cmath>

#include "reporter/store/schema.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Duration;
using schemas::Instant;

constexpr std::string_view insert_amendment =
    "INSERT INTO amendment (service, objective, began, ended, kind, cause, note, who, said, undoes) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number";
constexpr std::string_view select_amendments =
    "SELECT number, service, objective, began, ended, kind, cause, note, who, said, undoes FROM amendment "
    "ORDER BY number";
constexpr std::string_view insert_issued =
    "INSERT INTO issued (service, objective, period, begins, ends, issued, method, judgement, spent, spent_at_least, "
    "spent_at_most, unmeasured, promise, amendments) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr std::string_view select_issued =
    "SELECT period, issued, method, judgement, spent, spent_at_least, spent_at_most, unmeasured, promise, amendments "
    "FROM issued WHERE service = ? AND objective = ? AND begins = ? AND ends = ? ORDER BY id DESC";
constexpr std::string_view grow_revision = "UPDATE revision SET number = number + 1";

std::int64_t number(Instant instant) {
    return instant.time_since_epoch().count();
}
Instant instant(std::int64_t number) {
    return Instant(Duration(number));
}

/// Amounts are kept in millionths, as they are printed at most.
std::int64_t millionths(double amount) {
    return std::llround(amount * 1e6);
}

Stored<void> insert(Database& database, const IssuedFigure& figure, std::int64_t newest_amendment) {
    auto statement = database.prepare(insert_issued);
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    statement->bind_text(1, figure.service).bind_text(2, figure.objective).bind_text(3, figure.period);
    statement->bind(4, number(figure.from)).bind(5, number(figure.to)).bind(6, number(figure.issued));
    statement->bind_text(7, figure.method).bind(8, static_cast<std::int64_t>(figure.judgement));
    statement->bind(9, millionths(figure.spent)).bind(10, millionths(figure.spent_at_least));
    statement->bind(11, millionths(figure.spent_at_most)).bind(12, figure.unmeasured.count());
    statement->bind_text(13, figure.promise).bind(14, newest_amendment);
    return statement->run();
}

}  // namespace

Stored<std::unique_ptr<StoreRecord>> StoreRecord::open(const std::filesystem::path& file, bool read_only) {
    const auto mode = read_only ? Database::Mode::read_only : Database::Mode::existing;
    auto database = Database::open(file, mode);
    if (!database) {
        return tl::unexpected(database.error());
    }
    if (auto good = prepare_store(**database, mode); !good) {
        return tl::unexpected(good.error());
    }
    return std::unique_ptr<StoreRecord>(new StoreRecord(std::move(*database)));
}

Stored<std::int64_t> StoreRecord::amend(const RecordedAmendment& amendment) {
    auto transaction = Transaction::begin(*database_, Transaction::Kind::write);
    if (!transaction) {
        return tl::unexpected(transaction.error());
    }
    auto statement = database_->prepare(insert_amendment);
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    const Amendment& said = amendment.said;
    statement->bind_text(1, amendment.service).bind_text(2, amendment.objective);
    statement->bind(3, number(amendment.began)).bind(4, number(amendment.ended));
    statement->bind(5, static_cast<std::int64_t>(said.kind)).bind_text(6, said.cause).bind_text(7, said.note);
    statement->bind_text(8, said.who).bind(9, number(said.when)).bind(10, said.undoes);
    const auto row = statement->step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    const std::int64_t given = statement->integer(0);
    if (auto done = statement->run(); !done) {
        return tl::unexpected(done.error());
    }
    // Whoever keeps a report that he computed learns that it is an old one.
    if (auto done = database_->execute(std::string(grow_revision)); !done) {
        return tl::unexpected(done.error());
    }
    if (auto done = transaction->commit(); !done) {
        return tl::unexpected(done.error());
    }
    return given;
}

Stored<Amendments> StoreRecord::amendments() {
    auto statement = database_->prepare(select_amendments);
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    Amendments all;
    while (true) {
        const auto row = statement->step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            return all;
        }
        RecordedAmendment one;
        one.service = statement->text(1);
        one.objective = statement->text(2);
        one.began = instant(statement->integer(3));
        one.ended = instant(statement->integer(4));
        one.said.number = statement->integer(0);
        one.said.kind = static_cast<Amendment::Kind>(statement->integer(5));
        one.said.cause = statement->text(6);
        one.said.note = statement->text(7);
        one.said.who = statement->text(8);
        one.said.when = instant(statement->integer(9));
        one.said.undoes = statement->integer(10);
        all.push_back(std::move(one));
    }
}

Stored<std::vector<IssuedFigure>> StoreRecord::issued(const std::string& service, const std::string& objective,
                                                      Instant from, Instant to) {
    auto statement = database_->prepare(select_issued);
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    statement->bind_text(1, service).bind_text(2, objective).bind(3, number(from)).bind(4, number(to));
    std::vector<IssuedFigure> all;
    while (true) {
        const auto row = statement->step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            return all;
        }
        IssuedFigure one;
        one.service = service;
        one.objective = objective;
        one.from = from;
        one.to = to;
        one.period = statement->text(0);
        one.issued = instant(statement->integer(1));
        one.method = statement->text(2);
        one.judgement = static_cast<Judgement>(std::clamp<std::int64_t>(statement->integer(3), 0, 3));
        one.spent = static_cast<double>(statement->integer(4)) / 1e6;
        one.spent_at_least = static_cast<double>(statement->integer(5)) / 1e6;
        one.spent_at_most = static_cast<double>(statement->integer(6)) / 1e6;
        one.unmeasured = Duration(statement->integer(7));
        one.promise = statement->text(8);
        one.amendments = statement->integer(9);
        all.push_back(std::move(one));
    }
}

Stored<std::size_t> StoreRecord::issue(std::span<const IssuedFigure> figures) {
    auto transaction = Transaction::begin(*database_, Transaction::Kind::write);
    if (!transaction) {
        return tl::unexpected(transaction.error());
    }
    const auto newest = database_->integer("SELECT coalesce(max(number), 0) FROM amendment");
    if (!newest) {
        return tl::unexpected(newest.error());
    }
    std::size_t count = 0;
    for (const IssuedFigure& figure : figures) {
        const auto before = issued(figure.service, figure.objective, figure.from, figure.to);
        if (!before) {
            return tl::unexpected(before.error());
        }
        if (!before->empty() && says_the_same(before->front(), figure)) {
            continue;
        }
        if (auto done = insert(*database_, figure, *newest); !done) {
            return tl::unexpected(done.error());
        }
        ++count;
    }
    if (auto done = transaction->commit(); !done) {
        return tl::unexpected(done.error());
    }
    return count;
}

}  // namespace slimtax::reporter
