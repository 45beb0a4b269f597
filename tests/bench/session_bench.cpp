// Measures the prober's CPU time for a session of each kind, against real servers on this machine, which are processes
// of their own and not counted. Run by hand, in the release preset:
//
//   session-bench [COUNT] [IN-FLIGHT] [ONLY]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "probes/io/engine.hpp"
#include "probes/operation.hpp"
#include "probes/registry.hpp"
#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/certificates.hpp"

namespace {

using namespace std::chrono_literals;
using namespace slimtax;
using namespace slimtax::probes;

using Values = std::map<std::string, schemas::Value>;

struct Step {
    std::string operation;
    Values values;
};

/// One kind of session; `steps` makes the k-th one's.
struct Scenario {
    std::string name;
    std::function<std::vector<Step>(std::size_t)> steps;
};

class NoMemory : public Memory {
public:
    [[nodiscard]] std::optional<std::string> recall(std::string_view) const override { return std::nullopt; }
    void remember(std::string_view, std::string) override {}
};

struct Tally {
    std::size_t next = 0;
    std::vector<double> milliseconds;
    std::string failure;
};

Task<void> run_sessions(Engine& engine, const Scenario& scenario, std::size_t count, Tally& tally) {
    NoMemory memory;
    while (tally.next < count) {
        const std::vector<Step> steps = scenario.steps(tally.next++);
        Session session;
        const TimePoint start = Loop::now();
        for (const Step& step : steps) {
            const Operation* const operation = find_operation(step.operation);
            const Arguments arguments(operation->info, step.values);
            StepReport report;
            StepContext context{.engine = engine,
                                .arguments = arguments,
                                .deadline = Loop::now() + 30s,
                                .session = session,
                                .memory = memory,
                                .report = report,
                                .target = {},
                                .wall_now = {}};
            const Outcome outcome = co_await operation->run(context);
            if (outcome.verdict != schemas::Verdict::ok) {
                tally.failure = outcome.reason;
            }
        }
        tally.milliseconds.push_back(std::chrono::duration<double, std::milli>(Loop::now() - start).count());
    }
}

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void measure(Engine& engine, const Scenario& scenario, std::size_t count, std::size_t in_flight) {
    Tally warm;
    engine.loop().run_until_done(run_sessions(engine, scenario, 20, warm));
    Tally tally;
    std::size_t running = in_flight;
    const double before = cpu_seconds();
    for (std::size_t i = 0; i < in_flight; ++i) {
        engine.loop().spawn(run_sessions(engine, scenario, count, tally), [&](std::exception_ptr) {
            if (--running == 0) {
                engine.loop().stop();
            }
        });
    }
    engine.loop().run();
    const double used = cpu_seconds() - before;
    std::ranges::sort(tally.milliseconds);
    const auto at = [&](double share) {
        return tally.milliseconds[static_cast<std::size_t>(share * static_cast<double>(tally.milliseconds.size() - 1))];
    };
    std::printf("%-34s %8.0f us CPU a session, %7.0f sessions a CPU-second; takes %7.2f ms (p50) %7.2f ms (p99)%s%s\n",
                scenario.name.c_str(), used / static_cast<double>(count) * 1e6, static_cast<double>(count) / used,
                at(0.5), at(0.99), tally.failure.empty() ? "" : "; FAILED: ", tally.failure.c_str());
    std::fflush(stdout);
}

Values operator|(Values values, const Values& more) {
    values.insert(more.begin(), more.end());
    return values;
}

}  // namespace

int main(int argument_count, char** arguments) {
    const std::size_t count = argument_count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 500;
    const std::size_t in_flight = argument_count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 4;
    const std::string only = argument_count > 3 ? arguments[3] : "";

    const CampusServer slapd("slapd", {"certificates=" + certificates()});
    const CampusServer sshd("sshd");
    const CampusServer prosody("prosody", {"certificates=" + certificates(), "tls=optional"});
    EngineOptions options;
    options.ca_file = certificate("ca.pem");
    Engine engine(options);
    engine.warm_up();

    const auto at = [](const CampusServer& server) {
        return Values{{"host", std::string("127.0.0.1")}, {"port", server.port_text()}};
    };
    const Values user{{"dn", std::string("uid=u001,ou=people,dc=campus,dc=test")},
                      {"password", std::string("pw-u001")}};
    const auto bind = [&](const std::string& tls) {
        const Values values = at(slapd) | user | Values{{"tls", tls}};
        return [values](std::size_t) { return std::vector<Step>{{"ldap.bind", values}, {"ldap.unbind", {}}}; };
    };
    const Values query =
        at(slapd) | Values{{"base", std::string("ou=people,dc=campus,dc=test")}, {"filter", std::string("(uid=u007)")}};
    std::string account = sshd.read("user");
    account.pop_back();
    const Values key = at(sshd) | Values{{"user", account}, {"key_file", (sshd.folder() / "id_probe").string()}};
    const Values password = at(sshd) | Values{{"user", account}, {"password", std::string("pw-probe")}};
    const auto chat = [&](const std::string& tls) {
        const Values values = at(prosody) | Values{{"tls", tls}};
        return [values](std::size_t k) {
            const std::string id = "u0" + std::string(k % 20 + 1 < 10 ? "0" : "") + std::to_string(k % 20 + 1);
            return std::vector<Step>{
                {"xmpp.login", values | Values{{"user", id + "@campus.test"}, {"password", "pw-" + id}}},
                {"xmpp.roster", {}},
                {"xmpp.logout", {}}};
        };
    };
    const std::vector<Scenario> scenarios{
        {"ldap.bind, unbind", bind("none")},
        {"ldap.bind (StartTLS), unbind", bind("starttls")},
        {"ldap.search, anonymous",
         [query](std::size_t) {
             return std::vector<Step>{{"ldap.search", query}};
         }},
        {"ssh.login by key",
         [key](std::size_t) {
             return std::vector<Step>{{"ssh.login", key}};
         }},
        {"ssh.login by password",
         [password](std::size_t) {
             return std::vector<Step>{{"ssh.login", password}};
         }},
        {"xmpp login, roster, logout", chat("none")},
        {"xmpp login, roster, logout (TLS)", chat("required")},
    };
    std::printf("%zu sessions of each kind, %zu in flight; CPU is user and system time of this process\n", count,
                in_flight);
    for (const Scenario& scenario : scenarios) {
        if (scenario.name.find(only) != std::string::npos) {
            measure(engine, scenario, count, in_flight);
        }
    }
}
