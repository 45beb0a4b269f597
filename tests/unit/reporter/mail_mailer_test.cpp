#include "reporter/mail/mailer.hpp"

#include <doctest/doctest.h>

#include "sample_report.hpp"
#include "scripted_mail.hpp"
#include "temporary_folder.hpp"

namespace slimtax::reporter {
namespace {

using namespace std::chrono_literals;
using schemas::Instant;
using testing::ScriptedMail;

Instant at(std::string_view text) {
    return schemas::parse_rfc3339(text).value();
}

/// A daemon's mail with a clock of its own; the report is always the sample week.
struct Office {
    testing::TemporaryFolder folder;
    Instant now = at("2026-11-20T12:00:00Z");
    std::vector<std::string> asked;
    std::string broken;  ///< why no report can be made
    std::unique_ptr<Mailer> mailer;
    std::vector<schemas::MailSettings> lists;

    explicit Office(const ScriptedMail& server) {
        schemas::MailSettings list = server.settings();
        list.when = schemas::parse_mail_time("mon 07:00").value();
        list.timezone = "America/New_York";
        lists = {list};
        restart();
    }
    schemas::MailSettings& list() { return lists.front(); }
    void restart() {
        Mailer::Place place;
        place.store = folder / "results.sqlite";
        place.now = [this] { return now; };
        place.definitions = [] { return sample::definitions(); };
        place.report = [this](const schemas::Definitions&,
                              const AskedPeriod& period) -> tl::expected<Report, std::string> {
            asked.push_back(period.name);
            return broken.empty() ? tl::expected<Report, std::string>(sample::week()) : tl::unexpected(broken);
        };
        place.patience.until_data = place.patience.sending = place.patience.answer = 1500ms;
        mailer = std::make_unique<Mailer>(std::move(place));
        reload();
    }
    void reload() const { mailer->set_lists(lists, std::make_shared<schemas::Secrets>()); }
    void turn(std::string_view time) {
        now = at(time);
        mailer->turn();
    }
    /// Seen for the first time, on a Friday.
    void begin() const { mailer->turn(); }
    [[nodiscard]] MailHealth health() const { return mailer->health().at(0); }
    [[nodiscard]] std::vector<MailCopy> copies() const {
        return Outbox::open(folder / "results.sqlite").value()->copies("managers", "2026-W47").value();
    }
};

/// Refuses the first `times` recipients so.
ScriptedMail::Script refuses(int times, const std::string& words) {
    return [left = std::make_shared<std::atomic<int>>(times), words](const std::string& line, int) {
        return line.starts_with("RCPT") && left->fetch_sub(1) > 0 ? words : std::string();
    };
}

}  // namespace

TEST_CASE("a list that is new begins with its next turn, and then everybody gets the report once") {
    const ScriptedMail server;
    Office office(server);
    office.list().to = {{"", "boss@campus.example"}, {"", "dean@campus.example"}};
    office.reload();
    office.begin();
    office.turn("2026-11-23T11:59:59Z");
    CHECK(server.connections() == 0);
    office.turn("2026-11-23T12:00:00Z");
    REQUIRE(server.messages().size() == 2);
    CHECK(server.count("RCPT TO:<dean@campus.example>") == 1);
    CHECK(server.messages().front().find("Subject: slimtax: No. ") != std::string::npos);
    CHECK(server.messages().front().find("To: boss@campus.example, dean@campus.example") != std::string::npos);
    CHECK(office.asked == std::vector<std::string>{"2026-W47"});
    office.turn("2026-11-23T12:00:05Z");
    office.restart();
    office.turn("2026-11-24T12:00:05Z");
    CHECK(server.messages().size() == 2);
    CHECK(office.health().figures.last_accepted == at("2026-11-23T12:00:00Z"));
    office.turn("2026-11-30T12:00:05Z");
    CHECK(server.messages().size() == 4);
    CHECK(office.health().sent == 2);
}

TEST_CASE("what may pass is tried again, later and later, until the server takes it: once") {
    const ScriptedMail server(refuses(2, "451 greylisted"));
    Office office(server);
    office.begin();
    office.turn("2026-11-23T12:00:00Z");
    CHECK(office.health().figures.waiting == 1);
    office.turn("2026-11-23T12:00:14Z");
    CHECK(server.connections() == 1);
    office.turn("2026-11-23T12:00:15Z");
    office.turn("2026-11-23T12:00:44Z");
    CHECK(server.connections() == 2);
    office.restart();  // what waits, waits in the store
    office.turn("2026-11-23T12:00:45Z");
    CHECK(server.messages().size() == 1);
    CHECK(office.copies().at(0).attempts == 3);
    office.turn("2026-11-23T13:00:00Z");
    CHECK(server.connections() == 3);
    CHECK(office.health().figures.waiting == 0);
}

TEST_CASE("it is given up after twelve hours") {
    const ScriptedMail server(refuses(1000, "451 greylisted"));
    Office office(server);
    office.begin();
    for (Instant time = at("2026-11-23T12:00:00Z"); time < at("2026-11-24T02:00:00Z"); time += 5min) {
        office.turn(schemas::to_rfc3339(time));
    }
    const MailCopy copy = office.copies().at(0);
    CHECK(copy.state == MailState::failed);
    CHECK(copy.says.starts_with("given up after 12 h: mail server "));
    CHECK(copy.attempts > 20);
    CHECK(copy.attempts < 40);
}

TEST_CASE("one recipient whom the server refuses keeps the report from nobody else, and is not tried again") {
    const ScriptedMail server([](const std::string& line, int) {
        return line.find("RCPT TO:<gone") == 0 ? std::string("550 no such user") : std::string();
    });
    Office office(server);
    office.list().to = {{"", "gone@campus.example"}, {"", "boss@campus.example"}, {"", "x@campus.example"}};
    office.reload();
    office.begin();
    office.turn("2026-11-23T12:00:00Z");
    office.turn("2026-11-23T15:00:00Z");
    CHECK(server.count("RCPT") == 3);
    CHECK(server.messages().size() == 2);
    const auto copies = office.copies();
    CHECK(copies.at(0).state == MailState::accepted);
    CHECK(copies.at(1).state == MailState::failed);
    CHECK(copies.at(1).says.find("550 no such user") != std::string::npos);
}

TEST_CASE("a wrong password is tried once, not once for each recipient") {
    const ScriptedMail server(
        [](const std::string& line, int) { return line.starts_with("AUTH") ? std::string("535 wrong") : ""; });
    Office office(server);
    office.list().user = "reports";
    office.list().password = "wrong";
    office.list().to = {{"", "a@campus.example"}, {"", "b@campus.example"}, {"", "c@campus.example"}};
    office.reload();
    office.begin();
    office.turn("2026-11-23T12:00:00Z");
    CHECK(server.connections() == 1);
    for (const MailCopy& copy : office.copies()) {
        CHECK(copy.state == MailState::failed);
        CHECK(copy.says.find("refused the log-in of reports: 535 wrong") != std::string::npos);
    }
    CHECK(office.health().failed == 3);
}

TEST_CASE("a turn that nobody was there for is made up for, once, but not days later") {
    const ScriptedMail server;
    Office office(server);
    office.begin();
    office.turn("2026-11-26T11:59:00Z");
    CHECK(server.messages().size() == 1);
    office.turn("2026-11-26T12:30:00Z");
    CHECK(server.messages().size() == 1);
    office.turn("2026-12-03T12:01:00Z");
    office.turn("2026-12-04T12:01:00Z");
    CHECK(server.messages().size() == 1);
    office.turn("2026-12-07T12:00:00Z");
    CHECK(server.messages().size() == 2);
    CHECK(office.asked == std::vector<std::string>{"2026-W47", "2026-W49"});
}

TEST_CASE("a report that was being sent when the program died is not sent again, and is counted") {
    const ScriptedMail server;
    Office office(server);
    office.begin();
    {
        auto outbox = Outbox::open(office.folder / "results.sqlite").value();
        REQUIRE(outbox->begin_turn("managers", "2026-W47", {"boss@campus.example"}, at("2026-11-23T12:00:00Z"),
                                   at("2026-11-23T12:00:00Z")));
        MailCopy copy = outbox->waiting()->at(0);
        copy.state = MailState::sending;
        REQUIRE(outbox->write(copy));
    }
    office.turn("2026-11-23T12:01:00Z");
    office.turn("2026-11-23T12:30:00Z");
    CHECK(server.connections() == 0);
    CHECK(office.health().figures.uncertain == 1);
}

TEST_CASE("a week is not reported before it has ended where its services are") {
    const ScriptedMail server;
    Office office(server);
    office.list().timezone = "UTC";
    office.list().when = schemas::parse_mail_time("mon 00:30").value();
    office.reload();
    office.begin();
    office.turn("2026-11-23T04:59:00Z");  // 23:59 on Sunday in New York
    CHECK(server.connections() == 0);
    office.turn("2026-11-23T05:00:00Z");
    CHECK(server.messages().size() == 1);
}

TEST_CASE("whoever was taken off the list gets nothing, nor does a list that is gone; no report is no mail") {
    const ScriptedMail server(refuses(2, "451 greylisted"));
    Office office(server);
    office.list().to = {{"", "a@campus.example"}, {"", "b@campus.example"}};
    office.reload();
    office.begin();
    office.turn("2026-11-23T12:00:00Z");
    office.list().to.pop_back();
    office.reload();
    office.broken = "the store is damaged";
    office.turn("2026-11-23T12:01:00Z");
    CHECK(office.copies().at(0).says == "the store is damaged");
    CHECK(office.copies().at(0).state == MailState::waiting);
    CHECK(office.copies().at(1).says == "not sent: the address is no longer on the list");
    office.broken.clear();
    office.list().id = "others";
    office.reload();
    office.turn("2026-11-23T12:30:00Z");
    CHECK(office.copies().at(0).says == "not sent: the list is no longer in the settings");
    CHECK(server.messages().empty());
}

TEST_CASE("the thread ends when it is told to, also while a server hangs") {
    const ScriptedMail server(
        [](const std::string& line, int) { return line.starts_with("RCPT") ? std::string("hang") : ""; });
    Office office(server);
    office.begin();
    office.now = at("2026-11-23T12:00:00Z");
    office.mailer->start();
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (server.count("RCPT") == 0 && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(10ms);
    }
    CHECK(server.count("RCPT") == 1);
    office.mailer->stop();
    CHECK(office.copies().at(0).state == MailState::waiting);
}

}  // namespace slimtax::reporter
