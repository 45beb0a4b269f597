// The reporter as a daemon: ingest, store, lights, pages. One object a process.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <tl/expected.hpp>

#include "reporter/http_server.hpp"
#include "reporter/ingest.hpp"
#include "reporter/report_maker.hpp"
#include "reporter/snapshot.hpp"
#include "reporter/sqlite_store.hpp"
#include "schemas/config.hpp"

namespace slimtax::reporter {

class Daemon {
public:
    /// Reads settings and definitions, opens the store, starts to serve. The error is what to print: sentences, one
    /// a line.
    [[nodiscard]] static tl::expected<std::unique_ptr<Daemon>, std::string> start(const std::filesystem::path& config);
    ~Daemon();  ///< answers what is being handled, then closes
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Reads settings and definitions anew. What is wrong is logged and returned, and then everything stays as it
    /// was. Store, address and viewers are taken at the start only.
    std::string reload();

    /// "127.0.0.1:8080".
    [[nodiscard]] std::string address() const;

private:
    /// What a reload replaces.
    struct Site {
        schemas::Definitions definitions;
        std::vector<std::string> locations;
    };

    Daemon(schemas::ReporterConfig config, std::unique_ptr<SqliteStore> store, Site site);
    [[nodiscard]] std::string listen();
    void add_routes();
    void seal_hourly();
    [[nodiscard]] std::shared_ptr<const Site> site() const;
    [[nodiscard]] Stored<Report> report_of(const AskedPeriod& period) const;
    [[nodiscard]] tl::expected<AskedPeriod, std::string> asked(std::string_view name, std::string_view from,
                                                               std::string_view to) const;
    [[nodiscard]] Response healthz() const;
    [[nodiscard]] Response metrics() const;

    schemas::ReporterConfig config_;
    std::unique_ptr<SqliteStore> store_;
    mutable std::mutex mutex_;  ///< of site_ and ending_
    std::mutex reloading_;      ///< one at a time
    std::shared_ptr<const Site> site_;
    std::atomic<bool> definitions_good_ = true;
    std::atomic<std::uint64_t> sealed_rows_ = 0;
    bool ending_ = false;
    std::condition_variable wake_;
    std::uint16_t port_ = 0;
    EventHub hub_;
    std::unique_ptr<Snapshot> snapshot_;
    std::unique_ptr<Ingest> ingest_;
    std::unique_ptr<HttpServer> server_;  ///< ends first: its handlers use all the others
    std::thread sealing_;
};

}  // namespace slimtax::reporter
