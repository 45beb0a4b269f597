#include "reporter/mail/outbox.hpp"

#include <doctest/doctest.h>

#include "reporter/mail/schedule.hpp"
#include "temporary_folder.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Instant;

Instant at(std::string_view text) {
    return schemas::parse_rfc3339(text).value();
}

const Instant monday = at("2026-11-23T07:00:00Z");

struct Room {
    testing::TemporaryFolder folder;
    std::filesystem::path file = folder / "results.sqlite";
    std::unique_ptr<Outbox> outbox = open();

    [[nodiscard]] std::unique_ptr<Outbox> open() const {
        auto opened = Outbox::open(file);
        REQUIRE(opened);
        return std::move(*opened);
    }
    void sql(const std::string& text) const {
        auto database = Database::open(file, Database::Mode::existing);
        REQUIRE(database);
        REQUIRE((*database)->execute(text));
    }
    [[nodiscard]] MailCopy only() const {
        const auto all = outbox->copies("managers", "2026-W47");
        REQUIRE(all);
        REQUIRE(all->size() == 1);
        return all->front();
    }
    void begin(const std::vector<std::string>& addresses = {"boss@campus.example"}) const {
        REQUIRE(outbox->begin_turn("managers", "2026-W47", addresses, monday, monday));
    }
};

schemas::MailSettings list(std::string_view when, std::string_view timezone) {
    schemas::MailSettings settings;
    settings.when = schemas::parse_mail_time(when).value();
    settings.timezone = timezone;
    settings.period = settings.when->monthly ? schemas::MailSettings::Span::month : schemas::MailSettings::Span::week;
    return settings;
}

std::string turn(std::string_view when, std::string_view timezone, std::string_view now) {
    const MailTurn found = latest_turn(list(when, timezone), at(now));
    return schemas::to_rfc3339(found.at) + " " + found.period.name;
}

}  // namespace

TEST_CASE("a turn is the latest time of its kind on the list's own clock, with the period that ended before") {
    CHECK(turn("mon 07:00", "UTC", "2026-11-23T07:00:00Z") == "2026-11-23T07:00:00Z 2026-W47");
    CHECK(turn("mon 07:00", "UTC", "2026-11-23T06:59:59Z") == "2026-11-16T07:00:00Z 2026-W46");
    CHECK(turn("mon 07:00", "UTC", "2026-11-22T23:00:00Z") == "2026-11-16T07:00:00Z 2026-W46");
    CHECK(turn("sun 23:30", "UTC", "2026-11-22T23:45:00Z") == "2026-11-22T23:30:00Z 2026-W46");
    CHECK(turn("mon 07:00", "America/New_York", "2026-11-23T11:59:00Z") == "2026-11-16T12:00:00Z 2026-W46");
    CHECK(turn("mon 07:00", "America/New_York", "2026-11-23T12:00:00Z") == "2026-11-23T12:00:00Z 2026-W47");
    // Over both clock changes; 02:30 does not exist on 29 March and exists twice on 25 October.
    CHECK(turn("mon 07:00", "Europe/Berlin", "2026-10-26T06:00:00Z") == "2026-10-26T06:00:00Z 2026-W43");
    CHECK(turn("sun 02:30", "Europe/Berlin", "2026-03-29T12:00:00Z") == "2026-03-29T01:00:00Z 2026-W12");
    CHECK(turn("sun 02:30", "Europe/Berlin", "2026-10-25T12:00:00Z") == "2026-10-25T00:30:00Z 2026-W42");
    CHECK(turn("day 1 07:00", "UTC", "2027-01-15T00:00:00Z") == "2027-01-01T07:00:00Z 2026-12");
    CHECK(turn("day 28 07:00", "UTC", "2027-01-15T00:00:00Z") == "2026-12-28T07:00:00Z 2026-11");
    CHECK(turn("mon 07:00", "UTC", "2027-01-04T07:00:00Z") == "2027-01-04T07:00:00Z 2026-W53");
    CHECK(latest_period(list("mon 07:00", "America/New_York"), at("2026-11-23T04:59:00Z")).name == "2026-W46");
    CHECK(latest_period(list("mon 07:00", "America/New_York"), at("2026-11-23T05:00:00Z")).name == "2026-W47");
}

TEST_CASE("attempts come less and less often") {
    using namespace std::chrono_literals;
    CHECK(retry_pause(1) == 15s);
    CHECK(retry_pause(2) == 30s);
    CHECK(retry_pause(5) == 4min);
    CHECK(retry_pause(9) == 30min);
    CHECK(retry_pause(1'000'000) == 30min);
}

TEST_CASE("a turn is begun once for each recipient, and nobody is added twice") {
    const Room room;
    CHECK_FALSE(room.outbox->turn("managers").value());
    room.begin({"boss@campus.example", "dean@campus.example"});
    CHECK(*room.outbox->turn("managers").value() == monday);
    CHECK(room.outbox->waiting()->size() == 2);
    room.begin({"BOSS@campus.example", "third@campus.example"});
    CHECK(room.outbox->waiting()->size() == 3);
    CHECK(room.outbox->figures("managers")->waiting == 3);
    CHECK(room.outbox->figures("others")->waiting == 0);
}

TEST_CASE(
    "what was being sent when a process died is uncertain, not sent again, and counted until a copy is accepted") {
    Room room;
    room.begin();
    MailCopy copy = room.only();
    copy.state = MailState::sending;
    REQUIRE(room.outbox->write(copy));
    room.outbox = room.open();  // the next process
    CHECK(room.outbox->has_sending().value());
    const auto found = room.outbox->settle(monday + std::chrono::minutes(5));
    REQUIRE(found);
    REQUIRE(found->size() == 1);
    CHECK(room.only().state == MailState::uncertain);
    CHECK(room.only().says.find("whether it arrived is not known") != std::string::npos);
    CHECK(room.outbox->waiting()->empty());
    CHECK(room.outbox->figures("managers")->uncertain == 1);
    CHECK_FALSE(room.outbox->figures("managers")->last_accepted);

    copy.copy = 2;
    copy.state = MailState::accepted;
    copy.changed = monday + std::chrono::hours(1);
    REQUIRE(room.outbox->add(copy));
    CHECK(room.outbox->figures("managers")->uncertain == 0);
    CHECK(room.outbox->figures("managers")->last_accepted == monday + std::chrono::hours(1));
}

TEST_CASE("an acceptance that could not be written is written before anything else is judged") {
    const Room room;
    room.begin();
    MailCopy copy = room.only();
    copy.state = MailState::sending;
    REQUIRE(room.outbox->write(copy));
    room.sql("CREATE TRIGGER full BEFORE UPDATE ON mail BEGIN SELECT RAISE(FAIL, 'disk full'); END");
    copy.state = MailState::accepted;
    CHECK_FALSE(room.outbox->write(copy));
    CHECK_FALSE(room.outbox->settle(monday));
    CHECK(room.only().state == MailState::sending);
    room.sql("DROP TRIGGER full");
    const auto uncertain = room.outbox->settle(monday);
    REQUIRE(uncertain);
    CHECK(uncertain->empty());
    CHECK(room.only().state == MailState::accepted);
}

TEST_CASE("only one process sends at a time") {
    const Room room;
    const auto other = room.open();
    {
        const auto lock = room.outbox->try_lock();
        REQUIRE(lock);
        CHECK(lock->has_value());
        const auto refused = other->try_lock();
        REQUIRE(refused);
        CHECK_FALSE(refused->has_value());
    }
    CHECK(other->try_lock()->has_value());
}

TEST_CASE("a store has a name of its own, which stays") {
    const Room room;
    const Room other;
    const std::string name = room.outbox->store_name().value();
    CHECK(name.size() == 12);
    CHECK(room.open()->store_name().value() == name);
    CHECK(other.outbox->store_name().value() != name);
}

}  // namespace slimtax::reporter
