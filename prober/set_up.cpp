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

std::size_t descriptors_for_runs() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    // The loop's, the spool's, the resolver's, those who ask for metrics; and a tenth for what lasts only a moment.
    const rlim_t our_own = 100 + limit.rlim_cur / 10;
    const rlim_t left = limit.rlim_cur > our_own ? limit.rlim_cur - our_own : 0;
    return std::clamp<std::size_t>(left, 48, 60'000);
}

std::size_t descriptors_of(const schemas::Probe& probe) {
    std::size_t sum = 0;
    for (const schemas::Step& step : probe.steps) {
        const probes::Operation* const operation = probes::find_operation(step.operation);
        sum += operation == nullptr ? 0 : operation->descriptors;
    }
    return std::max<std::size_t>(sum, 1);
}

}  // namespace slimtax::prober
