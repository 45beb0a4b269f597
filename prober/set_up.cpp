#include "prober/set_up.hpp"

#include <algorithm>
#include <random>

#include <sys/resource.h>

#include "probes/registry.hpp"

namespace slimtax::prober {

probes::EngineOptions engine_options(const schemas::ProberConfig& config) {
    probes::EngineOptions options;
    options.ca_file = config.ca_file ? config.ca_file->string() : "";
    options.dns_servers = config.dns_servers;
    return options;
}

void equip(ScriptEnvironment& environment, std::shared_ptr<const schemas::Secrets> secrets, const StallWatch& stall) {
    environment.find_operation = probes::find_operation;
    environment.secret = [secrets](std::string_view name) { return secrets->find(std::string(name)); };
    environment.redact = [secrets](std::string_view text) { return secrets->redactor().redact(text); };
    environment.random = [dice = std::mt19937_64(std::random_device()())]() mutable {
        return std::uniform_real_distribution<double>(0, 1)(dice);
    };
    environment.overloaded = [&loop = environment.engine.loop()] { return loop.overloaded(); };
    environment.stood_still = [&stall] { return stall.total(); };
}

std::size_t most_runs_in_flight() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    constexpr rlim_t our_own = 100;
    constexpr rlim_t a_run = 3;  // a socket, or the pipes of a command
    const rlim_t runs = limit.rlim_cur > our_own ? (limit.rlim_cur - our_own) / a_run : 0;
    return std::clamp<std::size_t>(runs, 16, 20'000);
}

}  // namespace slimtax::prober
