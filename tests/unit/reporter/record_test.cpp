#include "reporter/store/record.hpp"

#include <doctest/doctest.h>

#include "reporter/store/sqlite_store.hpp"
#include "unit/reporter/sample_report.hpp"
#include "unit/reporter/temporary_folder.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using slimtax::reporter::testing::TemporaryFolder;
using namespace std::chrono_literals;

namespace {

RecordedAmendment amendment(std::string note) {
    RecordedAmendment one{"campus-im", "sign-in", sample::week_start() + 10h, sample::week_start() + 11h, {}};
    one.said.kind = Amendment::Kind::cause;
    one.said.cause = "network";
    one.said.note = std::move(note);
    one.said.who = "ada";
    one.said.when = sample::week_start() + 30h;
    return one;
}

template <class T>
T good(Stored<T> outcome) {
    REQUIRE_MESSAGE(outcome, (outcome ? "" : outcome.error().reason));
    return *std::move(outcome);
}

}  // namespace

TEST_CASE("amendments are numbered, kept in order and never lost") {
    const TemporaryFolder folder;
    const auto file = folder.path() / "results.sqlite";
    {
        auto store = good(SqliteStore::open(file, SqliteStore::Mode::create));
        const std::uint64_t before = store->revision();
        CHECK(good(store->amend(amendment("the switch \"core-1\"; DROP TABLE amendment"))) == 1);
        RecordedAmendment undo = amendment("no, it was not");
        undo.said.kind = Amendment::Kind::undo;
        undo.said.undoes = 1;
        CHECK(good(store->amend(undo)) == 2);
        CHECK(store->revision() > before);
    }
    auto store = good(SqliteStore::open(file, SqliteStore::Mode::read_only));
    const Amendments all = good(store->amendments());
    REQUIRE(all.size() == 2);
    CHECK(all[0].service == "campus-im");
    CHECK(all[0].objective == "sign-in");
    CHECK(all[0].began == sample::week_start() + 10h);
    CHECK(all[0].ended == sample::week_start() + 11h);
    CHECK(all[0].said.number == 1);
    CHECK(all[0].said.cause == "network");
    CHECK(all[0].said.note == "the switch \"core-1\"; DROP TABLE amendment");
    CHECK(all[0].said.who == "ada");
    CHECK(all[0].said.when == sample::week_start() + 30h);
    CHECK(all[1].said.kind == Amendment::Kind::undo);
    CHECK(all[1].said.undoes == 1);
    CHECK(store->amend(amendment("too late")).error().reason.find("was opened for reading only") != std::string::npos);
}

TEST_CASE("a report that was given out is on record once, and a later one that differs is a revision") {
    const TemporaryFolder folder;
    auto store = good(SqliteStore::open(folder.path() / "results.sqlite", SqliteStore::Mode::create));
    Report report = sample::week();
    const auto monday = sample::week_start() + 24h * 8;
    const auto figures = figures_of(report, monday);
    CHECK(figures.size() >= report.services.size());
    CHECK(good(store->issue(figures)) == figures.size());
    CHECK(good(store->issue(figures)) == 0);

    ServiceReport& service = report.services.at(1);
    ObjectiveReport& objective = service.objectives.at(0);
    const auto revised = [&](std::int64_t newest) {
        const IssuedFigure now = figure_of(service, objective, report.method);
        return revision_of(now, good(store->issued(now.service, now.objective, now.from, now.to)), newest);
    };
    CHECK_FALSE(revised(0));
    const double said = objective.budget.spent;
    objective.budget.spent += 12;
    auto found = revised(0);
    REQUIRE(found);
    CHECK(found->spent == doctest::Approx(said));
    CHECK(found->issued == monday);
    CHECK(found->why == "results came in after it, or its definition was changed");
    CHECK(revised(1)->why == "outages were amended since");

    // Given out again: from then on the first one is what it differs from.
    CHECK(good(store->issue(figures_of(report, monday + 24h))) == 1);
    found = revised(0);
    REQUIRE(found);
    CHECK(found->spent == doctest::Approx(said));
    objective.budget.spent += 1;
    CHECK(revised(0)->issued == monday + 24h);
}

TEST_CASE("what is said of a period so far is not put on record") {
    Report report = sample::week();
    CHECK(figures_of(report, sample::week_start() + 24h * 3).empty());
}
