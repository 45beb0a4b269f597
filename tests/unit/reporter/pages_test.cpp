#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "reporter/dashboard/layout.hpp"
#include "reporter/dashboard/matrix.hpp"
#include "reporter/dashboard/page.hpp"
#include "reporter/dashboard/series_picture.hpp"
#include "reporter/words.hpp"
#include "tests/unit/reporter/sample_report.hpp"

using namespace slimtax;
using namespace slimtax::reporter;
using namespace std::chrono_literals;

namespace {

/// A store with a day of made-up runs, slow and failing where the sample report says so.
class FakeStore : public Store {
public:
    Stored<AddCount> add(std::span<const schemas::RunResult>) override { return AddCount{}; }
    Stored<std::vector<schemas::SeriesKey>> series() override {
        if (broken) {
            return tl::unexpected(StoreError{"The disk is gone.", true});
        }
        std::vector<schemas::SeriesKey> keys;
        for (const auto& definition : sample::definitions()) {
            for (const schemas::Probe& probe : definition->probes) {
                for (const std::string& target : probe.series_targets()) {
                    for (const std::string& place : probe.from) {
                        keys.push_back({definition->service.id, probe.id, target, place});
                    }
                }
            }
        }
        return keys;
    }
    Stored<SeriesRuns> runs(const schemas::SeriesKey& key, schemas::Instant from, schemas::Instant to) override {
        SeriesRuns out{key, {}};
        std::uint64_t dice = key.target.size() * 7919 + key.location.size();
        const bool culprit = key.target.starts_with("im2") && key.probe == "buddy-list";
        for (schemas::Instant at = from; at < to; at += 30s) {
            dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
            const double noise = static_cast<double>(dice >> 40U) / static_cast<double>(1U << 24U);
            Run run;
            run.intended = run.started = at;
            run.every = 30s;
            run.response = std::chrono::microseconds(static_cast<int>(15000 + 40000 * noise * noise));
            if (culprit && at > sample::now() - 20min) {
                run.response *= 300;
                run.verdict = schemas::Verdict::slow;
            }
            if (key.probe == "sign-in" && at > sample::now() - 24min) {
                run.verdict = schemas::Verdict::failed;
                run.reason = "refused";
            } else if (noise > 0.99) {
                run.verdict = schemas::Verdict::prober_fault;
            }
            if (key.probe == "messages") {
                run.work = static_cast<std::uint64_t>(60 + 40 * noise);
                run.work_span = 30s;
            }
            out.runs.push_back(run);
        }
        return out;
    }
    Stored<std::vector<schemas::RunResult>> results(const schemas::SeriesKey&, schemas::Instant, schemas::Instant,
                                                    std::size_t) override {
        schemas::RunResult run;
        run.intended = run.started = sample::now() - 1min;
        run.steps.push_back({"disk", "command.run", schemas::Verdict::ok, {}, {}, 5ms, {}, "", {{"/var", 2.5, "GB"}}});
        return std::vector<schemas::RunResult>{run};
    }
    [[nodiscard]] std::uint64_t revision() const override { return 1; }
    Stored<std::uint64_t> seal(schemas::Instant) override { return 0; }

    bool broken = false;
};

PageContext context_with(Store* store) {
    PageContext context;
    const auto report = std::make_shared<const Report>(sample::so_far());
    context.current = [report] { return report; };
    context.report_for = [](const AskedReport& asked) -> tl::expected<Report, std::string> {
        if (asked.week == "nonsense") {
            return tl::unexpected(std::string("nonsense is no week; 2026-W47 is one."));
        }
        return sample::week();
    };
    context.now = [] { return sample::now(); };
    context.store = store;
    return context;
}

std::string header_of(const Page& page, std::string_view name) {
    for (const auto& [key, value] : page.headers) {
        if (key == name) {
            return value;
        }
    }
    return {};
}

void keep(const std::string& name, const std::string& content) {
    if (const char* folder = std::getenv("SLIMTAX_WRITE_SAMPLES")) {
        std::ofstream(std::string(folder) + "/" + name, std::ios::binary) << content;
    }
}

bool has(const Page& page, std::string_view part) {
    return page.body.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the lights say what is wrong, since when and why, and link to the service and its definition") {
    FakeStore store;
    const Page page = answer(context_with(&store), "/", {});
    keep("lights.html", page.body);
    CHECK(page.status == 200);
    CHECK(has(page, "Campus instant messaging is down; there is no data about Backup."));
    CHECK(has(page, "Connection to im2.campus.example:5222 refused: nothing listens there."));
    CHECK(has(page, ">13:56</time>, for 24 min"));
    CHECK(has(page, "href=\"/services/campus-im\""));
    CHECK(has(page, "href=\"https://intranet.campus.example/services/campus-im\""));
    for (const char* word : {"up", "slow", "down", "no data", "planned work", "closed"}) {
        CAPTURE(word);
        CHECK(has(page, "<span class=\"word\">" + std::string(word) + "</span>"));
    }
    CHECK(has(page, "A2 · a user can log in"));
    CHECK(has(page, "26 min over the 50 min allowed") == false);
    CHECK(has(page, "22 min over the 50 min allowed"));
}

TEST_CASE("the periods before and after are known for every kind of period") {
    Report report = sample::week();
    const auto around = [&](const char* name, const char* from, const char* to) {
        report.period = {name, *schemas::parse_rfc3339(from), *schemas::parse_rfc3339(to)};
        return neighbour_period(report, -1) + " " + neighbour_period(report, 1);
    };
    // The sample's services are in New York: five hours behind in winter, four in summer.
    CHECK(around("2026-W01", "2025-12-29T05:00:00Z", "2026-01-05T05:00:00Z") == "2025-W52 2026-W02");
    CHECK(around("2026-W53", "2026-12-28T05:00:00Z", "2027-01-04T05:00:00Z") == "2026-W52 2027-W01");
    CHECK(around("2026-01", "2026-01-01T05:00:00Z", "2026-02-01T05:00:00Z") == "2025-12 2026-02");
    CHECK(around("2026-Q4", "2026-10-01T04:00:00Z", "2027-01-01T05:00:00Z") == "2026-Q3 2027-Q1");
    CHECK(around("2026", "2026-01-01T05:00:00Z", "2027-01-01T05:00:00Z") == "2025 2027");
    CHECK(around("2026-03-01", "2026-03-01T05:00:00Z", "2026-03-02T05:00:00Z") == "2026-02-28 2026-03-02");
    CHECK(around("from 2026-03-01 to 2026-03-09", "2026-03-01T05:00:00Z", "2026-03-09T04:00:00Z") == " ");
}

TEST_CASE("a page has nothing inline and a policy that forbids it") {
    FakeStore store;
    for (const char* path : {"/", "/services/campus-im", "/services/hostile", "/nowhere"}) {
        CAPTURE(path);
        const Page page = answer(context_with(&store), path, {});
        CHECK(!has(page, " style="));
        CHECK(!has(page, "<style"));
        CHECK(!has(page, "<script>"));
        CHECK(!has(page, "javascript:"));
        CHECK(!has(page, "<img"));
        CHECK(header_of(page, "Content-Security-Policy").find("unsafe") == std::string::npos);
        CHECK(header_of(page, "Content-Security-Policy").starts_with("default-src 'none'"));
    }
}

TEST_CASE("a live page asks for its main part alone") {
    const Page part = answer(context_with(nullptr), "/", {{"part", "main"}});
    CHECK(part.body.starts_with("<main id=\"live\""));
    CHECK(part.body.ends_with("</main>"));
}

TEST_CASE("a service's page shows promise, strip, outages, matrix and pictures") {
    FakeStore store;
    const Page page = answer(context_with(&store), "/services/campus-im", {});
    keep("service.html", page.body);
    keep("service-day.html", answer(context_with(&store), "/services/campus-im", {{"range", "day"}}).body);
    keep("hostile.html", answer(context_with(&store), "/services/hostile", {}).body);
    CHECK(page.status == 200);
    CHECK(has(page, "People see their buddy list within eight seconds"));
    CHECK(has(page, "Down only when none of its 2 servers works."));
    CHECK(has(page, "what they share is the application."));
    CHECK(has(page, "/report?week=2026-W46#service-campus-im"));
    CHECK(has(page, "LDAP bind to ldap1.campus.example:389 refused: invalid credentials (49)"));
    CHECK(has(page, "nothing covers this yet"));
    CHECK(has(page, "diagnostic"));
    CHECK(has(page, "logarithmic scale"));
    CHECK(has(page, "dashed: 8 s promised"));
    CHECK(has(page, "units of work a minute") == false);  // no step of the sample counts a log
}

TEST_CASE("an unknown service, page or file is a 404 that says where to go; the API says it in JSON") {
    const PageContext context = context_with(nullptr);
    for (const char* path : {"/services/none", "/nowhere", "/assets/../secret"}) {
        CAPTURE(path);
        const Page page = answer(context, path, {});
        keep("404.html", page.body);
        CHECK(page.status == 404);
        CHECK(has(page, "href=\"/\""));
    }
    const Page api = answer(context, "/api/v1/services/<none>", {});
    CHECK(api.status == 404);
    CHECK(nlohmann::json::parse(api.body).at("error") == "There is no service called <none>.");
}

TEST_CASE("the report's page is the report, in the format that was asked for") {
    const PageContext context = context_with(nullptr);
    const Page html = answer(context, "/report", {{"week", "2026-W47"}});
    CHECK(has(html, "Week 47 of 2026"));
    CHECK(has(html, "/report?week=2026-W46"));
    CHECK(has(html, "/report?week=2026-W48"));
    CHECK(has(html, "format=xlsx"));
    const Page book = answer(context, "/api/v1/report", {{"format", "xlsx"}});
    CHECK(header_of(book, "Content-Disposition") == "attachment; filename=\"slimtax-2026-W47.xlsx\"");
    CHECK(book.body.starts_with("PK"));
    CHECK(header_of(html, "Content-Security-Policy").find("'sha256-") != std::string::npos);
    CHECK(answer(context, "/report", {{"format", "text"}}).type == "text/plain; charset=utf-8");
    CHECK(answer(context, "/api/v1/report", {}).type == "application/json");
    const Page csv = answer(context, "/api/v1/report", {{"format", "csv"}});
    CHECK(header_of(csv, "Content-Disposition") == "attachment; filename=\"slimtax-2026-W47.csv\"");
    const Page bad = answer(context, "/report", {{"week", "nonsense"}});
    CHECK(bad.status == 400);
    CHECK(has(bad, "nonsense is no week; 2026-W47 is one."));
    CHECK(answer(context, "/report", {{"format", "pdf"}}).status == 400);
}

TEST_CASE("the status is the lights as JSON") {
    const auto json = nlohmann::json::parse(answer(context_with(nullptr), "/api/v1/status", {}).body);
    CHECK(json.at("light") == "red");
    CHECK(json.at("services").at(1).at("light") == "red");
    CHECK(json.at("services").at(1).at("objectives").at(0).at("light").at("word") == "down");
    CHECK(json.at("services").at(1).at("links").at("page") == "/services/campus-im");
}

TEST_CASE("the series behind the pictures are listed, and their runs are there") {
    FakeStore store;
    const PageContext context = context_with(&store);
    const auto list = nlohmann::json::parse(answer(context, "/api/v1/series", {{"service", "campus-im"}}).body);
    CHECK(list.at("series").size() == 11);
    const Query query{
        {"service", "campus-im"}, {"probe", "sign-in"}, {"target", "im1.campus.example"}, {"location", "noc"}};
    const auto runs = nlohmann::json::parse(answer(context, "/api/v1/series", query).body);
    CHECK(runs.at("runs").size() == 120);
    Query detailed = query;
    detailed["detail"] = "steps";
    const auto steps = nlohmann::json::parse(answer(context, "/api/v1/series", detailed).body);
    const auto& step = steps.at("runs").at(0).at("steps").at(0);
    CHECK(step.at("operation") == "command.run");
    CHECK(step.at("figures") == nlohmann::json::parse(R"([{"name": "/var", "value": 2.5, "unit": "GB"}])"));
    Query bad = query;
    bad["from"] = "yesterday";
    CHECK(answer(context, "/api/v1/series", bad).status == 400);
    store.broken = true;
    CHECK(answer(context, "/api/v1/series", {}).status == 503);
    CHECK(answer(context_with(nullptr), "/api/v1/series", {}).status == 503);
    CHECK(has(answer(context, "/services/campus-im", {}), "The disk is gone."));
}

TEST_CASE("what a page's maker throws becomes a 500 without details") {
    PageContext context = context_with(nullptr);
    context.current = []() -> std::shared_ptr<const Report> { throw std::runtime_error("secret detail"); };
    const Page page = answer(context, "/", {});
    CHECK(page.status == 500);
    CHECK(!has(page, "secret detail"));
}

TEST_CASE("an asset is there by its name, and no other file is") {
    CHECK(answer(context_with(nullptr), "/assets/live.js", {}).type == "text/javascript; charset=utf-8");
    CHECK(answer(context_with(nullptr), "/assets/base.css", {}).status == 200);
    CHECK(answer(context_with(nullptr), "/assets/", {}).status == 404);
}

TEST_CASE("the matrix has the top of the stack first, and a probe that fails in part is amber with the count") {
    const Report report = sample::so_far();
    FakeStore store;
    auto rows = matrix_of(report.services.at(1), &store, sample::now());
    REQUIRE(rows.size() == 5);
    CHECK(rows.front().layer == "end-to-end");
    CHECK(rows.back().layer == "platform");
    const ProbeNow& buddies = rows.front().cells.at(3).at(0);
    CHECK(buddies.word == "2 of 4 slow");
    CHECK(buddies.light == schemas::Light::amber);
    CHECK(rows.at(1).cells.at(2).at(0).word == "down");
    const ProbeNow& process = rows.at(2).cells.at(0).at(0);  // no objective looks at it: read from the store
    CHECK(process.word == "up");
    CHECK(process.series.size() == 2);
    CHECK(matrix_of(report.services.at(1), nullptr, sample::now()).at(2).cells.at(0).at(0).word == "no data");
}

TEST_CASE("a picture sorts runs into columns, and failures are no response times") {
    SeriesRuns runs{{"s", "p", "t", "l"}, {}};
    for (int i = 0; i < 240; ++i) {
        Run run;
        run.intended = sample::week_start() + 15s * i;
        run.response = 10ms + 1ms * (i % 2);
        run.verdict = i >= 120 && i < 124 ? schemas::Verdict::timeout : schemas::Verdict::ok;
        runs.runs.push_back(run);
    }
    const SeriesPicture picture = picture_of(runs, Quantity::response, sample::week_start(), sample::week_start() + 1h);
    CHECK(picture.completed == 236);
    CHECK(picture.failed == 4);
    CHECK(picture.columns.size() == 120);
    CHECK(picture.columns.at(60).failed == 2);
    CHECK(picture.columns.at(60).runs == 0);
    CHECK(picture.columns.at(0).least == 10);
    CHECK(picture.columns.at(0).most == 11);
    CHECK(picture.p95 == 11);
}

TEST_CASE("a scale starts at zero, or is logarithmic when values lie far apart") {
    SeriesPicture near;
    near.completed = 2;
    near.least = 10;
    near.most = 47;
    const Scale linear = scale_for({near}, std::nullopt);
    CHECK_FALSE(linear.logarithmic);
    CHECK(linear.ticks == std::vector<double>{0, 20, 40, 60});
    CHECK(linear.place(30) == doctest::Approx(0.5));
    SeriesPicture far = near;
    far.most = 9000;
    const Scale log = scale_for({near, far}, std::nullopt);
    CHECK(log.logarithmic);
    CHECK(log.ticks == std::vector<double>{10, 100, 1000, 10000});
    CHECK(log.place(10) == 0);
    CHECK(log.place(10000) == 1);
    CHECK(scale_for({}, std::nullopt).place(0.5) == doctest::Approx(0.5));
    CHECK(scale_for({near}, 50.0).most == 60);
    CHECK(scale_for({near}, 8000.0).most == 60);  // far above everything: not drawn
}
