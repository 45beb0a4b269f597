#include "reporter/server.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include "reporter/dashboard/routes.hpp"
#include "reporter/mail/delivery.hpp"
#include "reporter/report_maker.hpp"
#include "reporter/store/blob.hpp"
#include "reporter/words.hpp"
#include "schemas/definition_reader.hpp"

namespace slimtax::reporter {
namespace {

/// How often it is looked whether an hour can be packed, and after which a failed attempt is repeated.
constexpr std::chrono::minutes packing_turn{1};
/// A report that takes longer than this is taken for hung.
constexpr std::chrono::minutes longest_turn{10};

schemas::Instant now() {
    return std::chrono::time_point_cast<schemas::Duration>(std::chrono::system_clock::now());
}

HttpOptions http_options(const schemas::ReporterConfig& config) {
    HttpOptions options;
    options.address = config.listen.host;
    options.port = config.listen.port;
    for (const auto& viewer : config.viewers) {
        options.viewers.push_back({viewer.name, viewer.password});
    }
    return options;
}

/// All problems as lines; errors and advice are logged as such.
std::string logged(const schemas::Problems& problems) {
    std::string text;
    for (const schemas::Problem& problem : problems) {
        const std::string line = to_string(problem);
        if (problem.kind == schemas::Problem::Kind::error) {
            spdlog::error("{}", line);
        } else {
            spdlog::info("{}", line);
        }
        text += line + "\n";
    }
    return text;
}

}  // namespace

Server::Server(schemas::ReporterConfig config) : config_(std::move(config)) {
    counts_.started = now();
}

tl::expected<std::unique_ptr<Server>, std::string> Server::start(schemas::ReporterConfig config) {
    std::unique_ptr<Server> server(new Server(std::move(config)));
    if (auto good = server->open(); !good) {
        return tl::unexpected(good.error());
    }
    return server;
}

Server::~Server() {
    if (http_) {
        http_->stop();
    }
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    ending_changed_.notify_all();
    if (packing_.joinable()) {
        packing_.join();
    }
    if (mailer_) {
        mailer_->stop();
    }
    if (live_) {
        live_->stop();
    }
}

tl::expected<void, std::string> Server::open() {
    auto store = SqliteStore::open(config_.store, SqliteStore::Mode::create);
    if (!store) {
        return tl::unexpected(store.error().reason);
    }
    store_ = std::move(*store);
    live_ = std::make_unique<LiveReport>(*store_, events_, now);
    ingest_ = std::make_unique<Ingest>(IngestPlace{store_.get(), now, [this] { live_->results_came(); }});
    mailer_ = std::make_unique<Mailer>(mail_place());
    http_ = std::make_unique<HttpServer>(http_options(config_));

    auto read = schemas::read_definitions({config_.definitions}, {});
    logged(read.problems);
    if (schemas::has_errors(read.problems)) {
        spdlog::error("the files named above are left out; {} shown", counted(read.definitions.size(), "service"));
    }
    if (config_.probers.empty()) {
        spdlog::warn("no [[reporter.prober]] in {}: nobody may send results", config_.file.string());
    }
    take_settings(config_, std::move(read.definitions));
    add_routes();
    live_->start();
    const auto port = http_->start();
    if (!port) {
        return tl::unexpected(port.error());
    }
    port_ = *port;
    packing_ = std::thread([this] { pack_hours(); });
    mailer_->start();
    spdlog::info("serving {} on http://{}/, results in {}", counted(counts().services, "service"),
                 schemas::Endpoint{config_.listen.host, port_}.text(), config_.store.string());
    return {};
}

void Server::take_settings(const schemas::ReporterConfig& config, schemas::Definitions definitions) {
    auto subject = std::make_shared<Subject>();
    std::vector<Ingest::Prober> probers;
    for (const auto& prober : config.probers) {
        probers.push_back({prober.name, prober.location, prober.token});
        subject->locations.push_back(prober.location);
    }
    std::ranges::sort(subject->locations);
    const auto repeated = std::ranges::unique(subject->locations);
    subject->locations.erase(repeated.begin(), repeated.end());
    subject->definitions = definitions;
    {
        const std::lock_guard lock(mutex_);
        counts_.services = definitions.size();
    }
    for (const schemas::MailSettings& list : config.mails) {
        // Better now than on Monday.
        if (const auto services = services_of(list, definitions); !services) {
            spdlog::warn("{}: {}", config.file.string(), services.error());
        }
    }
    ingest_->set_probers(std::move(probers));
    ingest_->set_definitions(std::move(definitions));
    live_->set_subject(std::move(subject));
    mailer_->set_lists(config.mails, config.secrets);
}

Mailer::Place Server::mail_place() {
    Mailer::Place place;
    place.store = config_.store;
    place.now = now;
    place.definitions = [this] { return live_->subject()->definitions; };
    place.report = [this](const schemas::Definitions& services,
                          const AskedPeriod& period) -> tl::expected<Report, std::string> {
        const auto locations = known_locations(*store_, live_->subject()->locations);
        auto report = locations ? make_full_report(*store_, services, *locations, period, now())
                                : tl::unexpected(locations.error());
        return report ? tl::expected<Report, std::string>(std::move(*report)) : tl::unexpected(report.error().reason);
    };
    place.given_out = [this](const Report& report) {
        const auto figures = figures_of(report, now());
        const auto issued = figures.empty() ? Stored<std::size_t>(0) : store_->issue(figures);
        if (!issued) {
            spdlog::error("that report {} was given out cannot be put on record: {}", report.period.name,
                          issued.error().reason);
        }
    };
    return place;
}

void Server::add_routes() {
    ingest_->add_to(*http_);
    http_->events("/events", events_);
    PageContext pages;
    pages.current = [this] { return live_->current(); };
    pages.report_for = [this](const AskedReport& asked) -> tl::expected<Report, std::string> {
        const auto subject = live_->subject();
        const schemas::Instant at = now();
        const auto period = asked_period(asked.week, asked.from, asked.to, subject->definitions, at);
        if (!period) {
            return tl::unexpected(period.error());
        }
        const auto locations = known_locations(*store_, subject->locations);
        auto report = locations ? make_full_report(*store_, subject->definitions, *locations, *period, at)
                                : tl::unexpected(locations.error());
        return report ? tl::expected<Report, std::string>(std::move(*report)) : tl::unexpected(report.error().reason);
    };
    pages.now = now;
    pages.store = store_.get();
    add_pages(*http_, std::move(pages));

    RouteOptions open;
    open.access = Access::open;
    http_->route(
        "GET", "/healthz", [this](const Request&) { return healthz(); }, open);
    http_->route("GET", "/api/v1/probers", [this](const Request&) { return probers(); });
    http_->route("GET", "/metrics", [this](const Request&) {
        Response response =
            Response::text(200, metrics_text(counts(), *ingest_, *live_, *http_, events_, mailer_->health()));
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
        return response;
    });
    http_->route("POST", "/-/reload", [this](const Request&) {
        const Reloaded reloaded = reload();
        return Response::text(reloaded.good ? 200 : 400, reloaded.text);
    });
}

Server::Reloaded Server::reload() {
    const std::lock_guard one_at_a_time(reload_mutex_);
    Reloaded outcome;
    auto config = schemas::read_reporter_config(config_.file);
    auto read = schemas::read_definitions({config.config ? config.config->definitions : config_.definitions}, {});
    outcome.text = logged(config.problems) + logged(read.problems);
    outcome.good = config.config && !schemas::has_errors(read.problems);
    if (outcome.good) {
        outcome.text +=
            fmt::format("reloaded: {} services, {} probers\n", read.definitions.size(), config.config->probers.size());
        if (config.config->store != config_.store || config.config->listen.text() != config_.listen.text()) {
            outcome.text += "a new store or listen address counts from the next start on\n";
        }
        take_settings(*config.config, std::move(read.definitions));
    } else {
        outcome.text += "reload refused: what ran before goes on\n";
        spdlog::error("reload refused: what ran before goes on");
    }
    const std::lock_guard lock(mutex_);
    counts_.reload_failed = !outcome.good;
    return outcome;
}

Response Server::healthz() const {
    if (const std::string error = live_->health().error; !error.empty()) {
        return Response::text(503, fmt::format("the report cannot be made: {}\n", error));
    }
    if (const std::string error = ingest_->trouble(); !error.empty()) {
        return Response::text(503, fmt::format("results cannot be stored: {}\n", error));
    }
    return Response::text(200, "ok\n");
}

Response Server::probers() const {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const ProberContact& contact : ingest_->contacts()) {
        nlohmann::ordered_json one{{"name", contact.name}, {"location", contact.location}};
        one["last_contact"] = contact.last ? nlohmann::ordered_json(schemas::to_rfc3339(*contact.last)) : nullptr;
        one["batches"] = contact.batches;
        one["stored"] = contact.stored;
        one["repeated"] = contact.repeated;
        one["rejected"] = contact.rejected;
        all.push_back(std::move(one));
    }
    nlohmann::ordered_json undefined = nlohmann::ordered_json::array();
    for (const schemas::SeriesKey& key : ingest_->undefined()) {
        undefined.push_back(
            {{"service", key.service}, {"probe", key.probe}, {"target", key.target}, {"location", key.location}});
    }
    const nlohmann::ordered_json answer{
        {"since", schemas::to_rfc3339(counts().started)}, {"probers", all}, {"undefined_series", undefined}};
    return Response::json(answer.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

ServerCounts Server::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

bool Server::alive() const {
    return std::chrono::steady_clock::now() - live_->health().turned < longest_turn;
}

void Server::pack_hours() {
    std::int64_t packed = 0;  // the hour in which it was done last
    std::unique_lock lock(mutex_);
    while (!ending_) {
        const std::int64_t hour = hour_of(now());
        if (hour != packed) {
            lock.unlock();
            const auto rows = store_->seal(now());
            lock.lock();
            counts_.seal_failed = !rows;
            if (rows) {
                packed = hour;
                counts_.sealed_rows += *rows;
                spdlog::debug("packed {} results of past hours", *rows);
            } else {
                spdlog::error("past hours cannot be packed, trying again in a minute: {}", rows.error().reason);
            }
        }
        ending_changed_.wait_for(lock, packing_turn, [&] { return ending_; });
    }
}

}  // namespace slimtax::reporter
