#include "reporter/daemon.hpp"

#include <set>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "reporter/dashboard/routes.hpp"
#include "reporter/metrics.hpp"
#include "schemas/definition_reader.hpp"

namespace slimtax::reporter {
namespace {

constexpr std::chrono::minutes sealing_pause{10};

schemas::Instant wall_now() {
    return std::chrono::time_point_cast<schemas::Duration>(std::chrono::system_clock::now());
}

/// The errors, one a line.
std::string errors_of(const schemas::Problems& problems) {
    std::string text;
    for (const schemas::Problem& problem : problems) {
        if (problem.kind == schemas::Problem::Kind::error) {
            text += (text.empty() ? "" : "\n") + to_string(problem);
        }
    }
    return text;
}

std::vector<std::string> locations_of(const schemas::ReporterConfig& config) {
    std::set<std::string> locations;
    for (const auto& prober : config.probers) {
        locations.insert(prober.location);
    }
    return {locations.begin(), locations.end()};
}

}  // namespace

tl::expected<std::unique_ptr<Daemon>, std::string> Daemon::start(const std::filesystem::path& file) {
    auto config = schemas::read_reporter_config(file);
    if (!config.config) {
        return tl::unexpected(errors_of(config.problems));
    }
    auto read = schemas::read_definitions({config.config->definitions}, {});
    if (schemas::has_errors(read.problems)) {
        return tl::unexpected(errors_of(read.problems));
    }
    auto store = SqliteStore::open(config.config->store, SqliteStore::Mode::create);
    if (!store) {
        return tl::unexpected(store.error().reason);
    }
    Site site{std::move(read.definitions), locations_of(*config.config)};
    std::unique_ptr<Daemon> daemon(new Daemon(std::move(*config.config), std::move(*store), std::move(site)));
    if (std::string trouble = daemon->listen(); !trouble.empty()) {
        return tl::unexpected(std::move(trouble));
    }
    return daemon;
}

Daemon::Daemon(schemas::ReporterConfig config, std::unique_ptr<SqliteStore> store, Site site)
    : config_(std::move(config)), store_(std::move(store)), site_(std::make_shared<const Site>(std::move(site))) {
    snapshot_ = std::make_unique<Snapshot>(
        [this]() -> Stored<Report> {
            const auto week = asked("", "", "");
            return week ? report_of(*week) : tl::unexpected(StoreError{week.error(), true});
        },
        [this](std::uint64_t number) { hub_.publish("changed", std::to_string(number)); });
    ingest_ = std::make_unique<Ingest>(*store_, config_.probers, wall_now, [this] { snapshot_->outdated(); });
    sealing_ = std::thread([this] { seal_hourly(); });
}

Daemon::~Daemon() {
    if (server_) {
        server_->stop();
    }
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    sealing_.join();
    server_.reset();
    snapshot_.reset();
}

std::string Daemon::listen() {
    HttpOptions options;
    options.address = config_.listen.host;
    options.port = config_.listen.port;
    for (const auto& viewer : config_.viewers) {
        options.viewers.push_back({viewer.name, viewer.password});
    }
    server_ = std::make_unique<HttpServer>(std::move(options));
    add_routes();
    const auto port = server_->start();
    if (!port) {
        return port.error();
    }
    port_ = *port;
    return "";
}

void Daemon::add_routes() {
    ingest_->add_route(*server_);
    PageContext pages;
    pages.current = [this] { return snapshot_->current(); };
    pages.report_for = [this](const AskedReport& wanted) -> tl::expected<Report, std::string> {
        const auto period = asked(wanted.week, wanted.from, wanted.to);
        if (!period) {
            return tl::unexpected(period.error());
        }
        auto report = report_of(*period);
        if (!report) {
            return tl::unexpected(report.error().reason);
        }
        return std::move(*report);
    };
    pages.now = wall_now;
    pages.store = store_.get();
    add_pages(*server_, std::move(pages));
    server_->events("/events", hub_);
    RouteOptions open;
    open.access = Access::open;
    server_->route(
        "GET", "/healthz", [this](const Request&) { return healthz(); }, open);
    server_->route("GET", "/metrics", [this](const Request&) { return metrics(); });
    server_->route("POST", "/-/reload", [this](const Request& request) {
        if (!request.header("origin").empty()) {
            return Response::text(403, "a page in a browser cannot reload the reporter\n");
        }
        const std::string trouble = reload();
        return trouble.empty() ? Response::text(200, "reloaded\n") : Response::text(422, trouble + "\n");
    });
}

std::string Daemon::address() const {
    return schemas::Endpoint{config_.listen.host, port_}.text();
}

std::shared_ptr<const Daemon::Site> Daemon::site() const {
    const std::lock_guard lock(mutex_);
    return site_;
}

tl::expected<AskedPeriod, std::string> Daemon::asked(std::string_view name, std::string_view from,
                                                     std::string_view to) const {
    return asked_period(name, from, to, site()->definitions, wall_now());
}

Stored<Report> Daemon::report_of(const AskedPeriod& period) const {
    const auto now_site = site();
    auto locations = known_locations(*store_, now_site->locations);
    if (!locations) {
        return tl::unexpected(locations.error());
    }
    return make_report(*store_, now_site->definitions, *locations, period, wall_now());
}

std::string Daemon::reload() {
    const std::lock_guard one_at_a_time(reloading_);
    auto config = schemas::read_reporter_config(config_.file);
    std::string trouble = errors_of(config.problems);
    schemas::ReadDefinitions read;
    if (config.config) {
        read = schemas::read_definitions({config.config->definitions}, {});
        trouble = errors_of(read.problems);
    }
    definitions_good_ = trouble.empty();
    if (!trouble.empty()) {
        spdlog::error("not reloaded, everything goes on as before:\n{}", trouble);
        return trouble;
    }
    ingest_->set_probers(config.config->probers);
    auto next = std::make_shared<const Site>(Site{std::move(read.definitions), locations_of(*config.config)});
    const std::size_t services = next->definitions.size();
    {
        const std::lock_guard lock(mutex_);
        site_ = std::move(next);
    }
    snapshot_->outdated();
    spdlog::info("reloaded: {} services, {} probers", services, config.config->probers.size());
    return "";
}

void Daemon::seal_hourly() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, sealing_pause, [this] { return ending_; })) {
        lock.unlock();
        if (const auto sealed = store_->seal(wall_now())) {
            sealed_rows_ += *sealed;
        } else {
            spdlog::warn("old results stay unpacked for now: {}", sealed.error().reason);
        }
        lock.lock();
    }
}

Response Daemon::healthz() const {
    const std::string store = ingest_->counts().trouble;
    if (!store.empty()) {
        return Response::text(503, store + "\n");
    }
    const std::string lights = snapshot_->trouble();
    return lights.empty() ? Response::text(200, "ok\n") : Response::text(503, lights + "\n");
}

Response Daemon::metrics() const {
    Measured measured;
    measured.ingest = ingest_->counts();
    measured.http = server_->counts();
    measured.report = snapshot_->current();
    measured.event_streams = hub_.streams();
    measured.sealed_rows = sealed_rows_;
    measured.definitions_good = definitions_good_;
    measured.fresh = snapshot_->trouble().empty();
    Response response = Response::text(200, metrics_text(measured));
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
}

}  // namespace slimtax::reporter
