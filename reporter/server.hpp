// The daemon: store, ingest, pages, events, metrics, hourly packing, put together.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <tl/expected.hpp>

#include "reporter/http/server.hpp"
#include "reporter/ingest.hpp"
#include "reporter/live_report.hpp"
#include "reporter/mail/mailer.hpp"
#include "reporter/metrics.hpp"
#include "reporter/store/sqlite_store.hpp"
#include "schemas/config.hpp"

namespace slimtax::reporter {

class Server {
public:
    /// Opens the store, reads the definitions and serves. The error is a sentence. Files with mistakes are named in
    /// the log and left out.
    [[nodiscard]] static tl::expected<std::unique_ptr<Server>, std::string> start(schemas::ReporterConfig config);
    ~Server();  ///< ends in order: no more requests, answers sent, threads ended, store closed

    [[nodiscard]] std::uint16_t port() const { return port_; }

    struct Reloaded {
        bool good = false;
        std::string text;  ///< lines for the log and for who asked
    };
    /// Reads settings and definitions again; a bad new set never replaces a good running one.
    Reloaded reload();

    /// True while the threads make progress, for the watchdog.
    [[nodiscard]] bool alive() const;

private:
    explicit Server(schemas::ReporterConfig config);
    [[nodiscard]] tl::expected<void, std::string> open();
    void add_routes();
    [[nodiscard]] Mailer::Place mail_place();
    void take_settings(const schemas::ReporterConfig& config, schemas::Definitions definitions);
    [[nodiscard]] Response healthz() const;
    [[nodiscard]] Response probers() const;
    [[nodiscard]] ServerCounts counts() const;
    void pack_hours();

    schemas::ReporterConfig config_;
    std::unique_ptr<SqliteStore> store_;
    EventHub events_;
    std::unique_ptr<LiveReport> live_;
    std::unique_ptr<Ingest> ingest_;
    std::unique_ptr<Mailer> mailer_;
    std::unique_ptr<HttpServer> http_;
    std::uint16_t port_ = 0;

    std::mutex reload_mutex_;
    mutable std::mutex mutex_;
    std::condition_variable ending_changed_;
    bool ending_ = false;
    ServerCounts counts_;
    std::thread packing_;
};

}  // namespace slimtax::reporter
