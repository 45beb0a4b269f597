#include "prober/daemon.hpp"

#include <algorithm>
#include <csignal>

#include <fmt/format.h>

#include "prober/clock.hpp"
#include "prober/fault_log.hpp"
#include "prober/lazy_memory.hpp"
#include "prober/log.hpp"
#include "prober/metrics.hpp"
#include "prober/pseudonyms.hpp"
#include "prober/reporter_link.hpp"
#include "prober/scheduler.hpp"
#include "prober/script.hpp"
#include "prober/set_up.hpp"
#include "prober/shipper.hpp"
#include "prober/signals.hpp"
#include "prober/spool.hpp"
#include "prober/stall.hpp"
#include "prober/startup_memory.hpp"
#include "prober/status_server.hpp"
#include "prober/text.hpp"
#include "prober/version.hpp"
#include "probes/io/engine.hpp"
#include "probes/registry.hpp"
#include "schemas/definition_reader.hpp"
#include "schemas/result_wire.hpp"
#include "schemas/service_manager.hpp"

namespace slimtax::prober {
namespace {

using probes::Loop;
using probes::Task;
using schemas::Duration;
using schemas::RunResult;

std::string all_lines(const schemas::Problems& problems) {
    std::string text;
    for (const schemas::Problem& problem : problems) {
        text += schemas::to_string(problem) + "\n";
    }
    return text;
}

}  // namespace

class Daemon::Impl {
public:
    Impl(schemas::ProberConfig config, std::shared_ptr<Spool> spool, std::string pseudonym_key)
        : config_(std::move(config)),
          spool_(std::move(spool)),
          engine_(engine_options(config_)),
          loop_(engine_.loop()),
          stall_(clock_),
          memories_(config_.spool / "memory"),
          token_(std::make_shared<std::string>(config_.token)),
          environment_(engine_),
          scheduler_(clock_, config_.location, scheduler_actions(), descriptors_for_runs(), descriptors_of),
          shipper_(loop_, spool_, send_to_reporter(engine_, config_.reporter, token_), shipper_options()) {
        engine_.warm_up();
        loop_.observe_delays([this](std::chrono::nanoseconds delay) {
            metrics_.dispatch_delay(std::chrono::duration_cast<schemas::Duration>(delay));
        });
        equip(environment_, config_.secrets, stall_);
        environment_.stopping = [this] { return cutting_short_; };
        environment_.pseudonyms = Pseudonyms(std::move(pseudonym_key));
    }

    ~Impl() { loop_.shut_down(std::chrono::milliseconds(0)); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    tl::expected<void, std::string> open() {
        schemas::ReadDefinitions read = schemas::read_definitions({config_.definitions}, probes::catalog());
        log_problems(read.problems);
        definitions_good_ = !schemas::has_errors(read.problems);
        if (read.definitions.empty()) {
            return tl::unexpected(
                definitions_good_
                    ? fmt::format("there is no definition in {}: put one file per service there, such as web.toml; "
                                  "docs/write-a-probe.md shows how",
                                  config_.definitions.string())
                    : fmt::format("no definition in {} is good; 'slimtax-prober check {}' shows what is wrong",
                                  config_.definitions.string(), config_.definitions.string()));
        }
        if (!definitions_good_) {
            log_.error("the files named above are left out; the others are run");
        }
        if (config_.listen) {
            auto server = StatusServer::listen(loop_, config_.listen->host, config_.listen->port,
                                               [this](StatusRequest request) { return answer(std::move(request)); });
            if (!server) {
                return tl::unexpected(std::move(server.error()));
            }
            status_server_ = std::move(*server);
        }
        scheduler_.set_definitions(read.definitions);
        log_.info(fmt::format(
            "slimtax-prober {} at '{}': {} series of {} services, shipping to {}{}", version(), config_.location,
            scheduler_.series_count(), read.definitions.size(), config_.reporter,
            status_server_ ? fmt::format(", status on {}:{}", config_.listen->host, status_server_->port()) : ""));
        if (scheduler_.series_count() == 0) {
            log_.warn(fmt::format(
                "no probe runs from location '{}': look at the 'from' of the probes, or at [prober] location",
                config_.location));
        }
        return {};
    }

    void run() {
        const Signals signals(
            loop_, {{SIGTERM, [this] { stop(); }}, {SIGINT, [this] { stop(); }}, {SIGHUP, [this] { start_reload(); }}});
        loop_.spawn(shipper_.run(), [this](std::exception_ptr error) { log_end("shipping", error); });
        tick();
        if (service_manager_.watchdog()) {
            feed_watchdog();
        }
        turn();
        service_manager_.ready();
        give_back_startup_memory();
        loop_.run();
        cutting_short_ = true;
        loop_.shut_down(std::chrono::seconds(1));
        scheduler_.abandon("the prober was stopped");
        spool_->sync();
        log_.info(fmt::format("stopped; {}", spool_->stats().waiting_bytes == 0
                                                 ? std::string("every result is shipped")
                                                 : fmt::format("{} bytes of results wait in {} for the next start",
                                                               spool_->stats().waiting_bytes, config_.spool.string())));
    }

private:
    SchedulerActions scheduler_actions() {
        return {[this](RunId id, RunRequest request) { start(id, std::move(request)); },
                [this](const RunResult& result) { take(result); },
                [this](const std::string& notice) { Log("scheduler").warn(notice); }};
    }

    ShipperOptions shipper_options() const {
        ShipperOptions options;
        options.prober = config_.name;
        options.location = config_.location;
        return options;
    }

    // ---- runs ----

    void turn() {
        loop_.cancel(turn_timer_);
        turn_timer_ = loop_.call_at(scheduler_.turn(), [this] { turn(); });
    }

    void start(RunId id, RunRequest request) {
        metrics_.run_started(request.started - request.intended);
        loop_.spawn(execute(std::move(request)), [this, id](const std::exception_ptr& error) {
            log_end("a run", error);
            scheduler_.finished(id);
        });
    }

    Task<void> execute(RunRequest request) {
        LazyMemory memory(memories_, request.key());
        std::vector<Collected> collected;
        const RunResult result = co_await run_script(environment_, std::move(request), memory, nullptr, &collected);
        take(result);
        for (const Collected& indicator : collected) {
            take(indicator.result);
        }
    }

    // The outcome of a slot: from here on it is not lost.
    void take(const RunResult& result) {
        metrics_.outcome(result.verdict);
        if (const std::string line = faults_.note(result); !line.empty()) {
            runs_log_.warn(line);
        }
        if (runs_log_.debugs()) {
            runs_log_.debug(fmt::format("{} {} {} in {} ms{}{}", to_string(result.key),
                                        schemas::to_rfc3339(result.intended), to_string(result.verdict),
                                        schemas::to_milliseconds(result.response), result.reason.empty() ? "" : ": ",
                                        result.reason));
        }
        spool_->append(schemas::encode(result), result.intended);
    }

    // ---- alive ----

    void tick() {
        metrics_.loop_delay(stall_.tick());
        loop_.call_at(Loop::now() + StallWatch::period, [this] { tick(); });
    }

    void feed_watchdog() {
        service_manager_.alive();
        loop_.call_at(Loop::now() + *service_manager_.watchdog(), [this] { feed_watchdog(); });
    }

    // ---- reload ----

    void start_reload() {
        loop_.spawn(reload_quietly(), [this](const std::exception_ptr& error) { log_end("the reload", error); });
    }

    Task<void> reload_quietly() { co_await reload(); }

    struct Reading {
        schemas::ReadDefinitions definitions;
        std::optional<schemas::ReadConfig<schemas::ProberConfig>> config;
    };

    // A bad new set never replaces a good running one. Files are read by a worker: a run under way is not held up.
    Task<StatusResponse> reload() {
        StatusResponse response;
        if (reloading_) {
            reload_again_ = true;
            response.body = "a reload is under way; another follows it\n";
            co_return response;
        }
        reloading_ = true;
        do {
            reload_again_ = false;
            service_manager_.reloading();
            auto reading = std::make_shared<Reading>();
            std::function<void()> read = [reading, folder = config_.definitions, file = config_.file] {
                reading->definitions = schemas::read_definitions({folder}, probes::catalog());
                reading->config = schemas::read_prober_config(file);
            };
            response = StatusResponse();
            try {
                const probes::Wake wake =
                    co_await loop_.in_worker(std::move(read), Loop::now() + std::chrono::seconds(60));
                if (wake == probes::Wake::ready) {
                    response = take_in(*reading);
                } else {
                    response.status = 503;
                    response.body = "reading the definitions took more than a minute; the running ones go on\n";
                }
            } catch (const std::exception& error) {
                response.status = 500;
                response.body = fmt::format("the definitions could not be read: {}\n", error.what());
            }
            if (response.status != 200) {
                definitions_good_ = false;
                log_.error(
                    fmt::format("the reload is refused, and the running definitions go on: {}",
                                response.status == 400 ? "the errors are named above" : tidy_sentence(response.body)));
            }
            metrics_.reloaded(response.status == 200);
            service_manager_.ready();
        } while (reload_again_);
        reloading_ = false;
        co_return response;
    }

    StatusResponse take_in(Reading& reading) {
        StatusResponse response;
        log_problems(reading.definitions.problems);
        response.body = all_lines(reading.definitions.problems);
        if (schemas::has_errors(reading.definitions.problems)) {
            response.status = 400;
            return response;
        }
        if (reading.config && reading.config->config) {
            *token_ = reading.config->config->token;
            config_.secrets->redactor().add(*token_);
        }
        definitions_good_ = true;
        const SeriesChange change = scheduler_.set_definitions(reading.definitions.definitions);
        const std::string summary = fmt::format("reloaded: {} series go on, {} are new or rescheduled, {} are gone",
                                                change.kept, change.added, change.removed);
        log_.info(summary);
        response.body += summary + "\n";
        turn();
        return response;
    }

    // ---- status ----

    Task<StatusResponse> answer(StatusRequest request) {
        StatusResponse response;
        const bool known = request.path == "/metrics" || request.path == "/healthz" || request.path == "/-/reload";
        const bool posts = request.path == "/-/reload";
        if (!known) {
            response.status = 404;
            response.body = "there is only /metrics, /healthz and POST /-/reload\n";
        } else if (request.method != (posts ? "POST" : "GET")) {
            response.status = 405;
            response.body = posts ? "this takes POST\n" : "this takes GET\n";
        } else if (posts) {
            response = co_await reload();
        } else if (request.path == "/healthz") {
            response.body = "ok\n";
        } else {
            response.content_type = "text/plain; version=0.0.4; charset=utf-8";
            response.body = metrics_.text(gauges());
        }
        co_return response;
    }

    Gauges gauges() {
        const SpoolStats spool = spool_->stats();
        const ShipperStats& shipper = shipper_.stats();
        Gauges now;
        now.series = scheduler_.series_count();
        now.in_flight = scheduler_.in_flight();
        now.waiting_for_clock = scheduler_.waiting_for_clock();
        now.spool_bytes = spool.waiting_bytes;
        now.spool_memory_records = spool.memory_records;
        now.spool_age_seconds = spool.oldest ? std::max(0.0, schemas::to_seconds(clock_.wall() - *spool.oldest)) : 0.0;
        now.spool_dropped = spool.dropped;
        now.spool_rejected = spool.rejected;
        now.spool_damaged = spool.damaged;
        now.shipped = shipper.shipped;
        now.ship_failures = shipper.failures;
        now.ship_failures_in_a_row = shipper.failures_in_a_row;
        now.overloaded_seconds = schemas::to_seconds(engine_.loop().overloaded());
        now.stood_still_seconds = schemas::to_seconds(stall_.total());
        now.definitions_good = definitions_good_;
        now.version = version();
        now.location = config_.location;
        return now;
    }

    // ---- the end ----

    void stop() {
        if (stopping_) {
            loop_.stop();  // asked twice: at once
            return;
        }
        stopping_ = true;
        log_.info(fmt::format("stopping; runs under way that may end: {}", scheduler_.in_flight()));
        service_manager_.stopping();
        scheduler_.stop();
        if (status_server_) {
            status_server_->close();
        }
        loop_.spawn(wind_down(), [this](const std::exception_ptr& error) {
            log_end("stopping", error);
            loop_.stop();
        });
    }

    Task<void> wind_down() {
        constexpr auto glance = std::chrono::milliseconds(20);
        for (const auto end = Loop::now() + grace; scheduler_.in_flight() > 0 && Loop::now() < end;) {
            co_await loop_.sleep_until(Loop::now() + glance);
        }
        for (const auto end = Loop::now() + last_shipping; Loop::now() < end;) {
            if (spool_->stats().waiting_bytes == 0 || shipper_.stats().failures_in_a_row > 0) {
                break;
            }
            co_await loop_.sleep_until(Loop::now() + glance);
        }
    }

    void log_problems(const schemas::Problems& problems) {
        for (const schemas::Problem& problem : problems) {
            if (problem.kind == schemas::Problem::Kind::error) {
                log_.error(schemas::to_string(problem));
            } else {
                log_.debug(schemas::to_string(problem));
            }
        }
    }

    void log_end(std::string_view what, const std::exception_ptr& error) {
        if (error == nullptr) {
            return;
        }
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& known) {
            log_.error(fmt::format("{} broke: {}", what, config_.secrets->redactor().redact(known.what())));
        } catch (...) {
            log_.error(fmt::format("{} broke", what));
        }
    }

    schemas::ProberConfig config_;
    Log log_{"prober"};
    Log runs_log_{"runs"};
    SystemClock clock_;
    std::shared_ptr<Spool> spool_;
    probes::Engine engine_;
    Loop& loop_;
    StallWatch stall_;
    Memories memories_;
    std::shared_ptr<std::string> token_;
    ScriptEnvironment environment_;
    Scheduler scheduler_;
    Shipper shipper_;
    schemas::ServiceManager service_manager_;
    std::unique_ptr<StatusServer> status_server_;
    Metrics metrics_;
    FaultLog faults_;
    Loop::TimerId turn_timer_ = 0;
    bool definitions_good_ = true;
    bool reloading_ = false;
    bool reload_again_ = false;
    bool stopping_ = false;
    bool cutting_short_ = false;  // waits are being cancelled: what fails now says nothing
};

tl::expected<std::unique_ptr<Daemon>, std::string> Daemon::prepare(schemas::ProberConfig config) {
    SpoolOptions options;
    options.folder = config.spool;
    options.limit = config.spool_limit;
    auto spool = Spool::open(std::move(options));
    if (!spool) {
        return tl::unexpected(std::move(spool.error()));
    }
    auto key = config.pseudonym_key ? tl::expected<std::string, std::string>(*config.pseudonym_key)
                                    : kept_pseudonym_key(config.spool / "pseudonym.key");
    if (!key) {
        return tl::unexpected(std::move(key.error()));
    }
    auto impl = std::make_unique<Impl>(std::move(config), std::shared_ptr<Spool>(std::move(*spool)), std::move(*key));
    if (auto opened = impl->open(); !opened) {
        return tl::unexpected(std::move(opened.error()));
    }
    return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

void Daemon::run() {
    impl_->run();
}

}  // namespace slimtax::prober
