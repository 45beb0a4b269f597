// What operations stand on, gathered: one engine per loop, shared by all runs of that thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "probes/io/loop.hpp"

namespace slimtax::probes {

class Resolver;
class TlsContexts;
class HttpClient;

/// Where names are looked up and whom to trust; the defaults are the system's.
struct EngineOptions {
    std::string ca_file;                   ///< PEM with trusted roots; empty: the system's
    std::vector<std::string> dns_servers;  ///< "address" or "address:port"; empty: /etc/resolv.conf
    std::string proc_root = "/proc";             ///< where the kernel shows its processes and sockets
    std::string cgroup_root = "/sys/fs/cgroup";  ///< where it shows the control groups
};

class Engine {
public:
    explicit Engine(EngineOptions options = {});
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Does what the first run would otherwise be charged for (some 30 ms for the trusted roots): before the loop runs.
    void warm_up();

    [[nodiscard]] Loop& loop();
    [[nodiscard]] Resolver& resolver();
    [[nodiscard]] TlsContexts& tls();
    [[nodiscard]] HttpClient& http();
    [[nodiscard]] const EngineOptions& options() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::probes
