// Plays a probe of a definition file as the daemon would, without schedule and spool, and measures this process: CPU
// time (user and system), wall time, verdicts, and percentiles of one timing. `tests/bench/peers` drives it.
//
//   check-bench FILE PROBE COUNT IN-FLIGHT              so many runs, so many at a time
//   check-bench FILE PROBE COUNT rate=N [burst=B]       started at N a second, whatever the earlier ones do; B at once
//   further: timing=first_byte   whose percentiles are printed (default: the run's response)
//            lines               one line a run: its number, the timing in µs, the first group of `grep` in the body
//            grep=PATTERN
//   The run's number is ${target}: 0, 1, 2 …

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "prober/clock.hpp"
#include "prober/script.hpp"
#include "prober/set_up.hpp"
#include "probes/registry.hpp"
#include "schemas/config.hpp"
#include "schemas/definition_reader.hpp"
#include "schemas/pattern.hpp"
#include "schemas/secrets.hpp"

namespace {

using namespace slimtax;
using namespace std::chrono_literals;
using probes::Loop;
using probes::Task;

struct Wishes {
    std::size_t count = 0;
    std::size_t in_flight = 1;
    double rate = 0;
    std::size_t burst = 1;
    std::string timing;
    bool lines = false;
    std::optional<schemas::Pattern> grep;
};

class NoMemory : public probes::Memory {
public:
    [[nodiscard]] std::optional<std::string> recall(std::string_view) const override { return std::nullopt; }
    void remember(std::string_view, std::string) override {}
};

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Keeps the body of the run's last step.
struct KeepBody : prober::ScriptWatcher {
    std::string body;
    void ended(const prober::StepView& view) override {
        for (const auto& output : view.outputs) {
            if (output.name == "body") {
                body = std::get<std::string>(output.value);
            }
        }
    }
};

class Bench {
public:
    Bench(prober::ScriptEnvironment& environment, std::shared_ptr<const schemas::Definition> definition,
          const schemas::Probe& probe, Wishes wishes)
        : environment_(environment), definition_(std::move(definition)), probe_(probe), wishes_(std::move(wishes)) {}

    void run(std::size_t count) {
        wishes_.count = count;
        next_ = 0;
        ended_ = 0;
        Loop& loop = environment_.engine.loop();
        const auto began = Loop::now();
        const double cpu = cpu_seconds();
        if (wishes_.rate > 0) {
            loop.spawn(keep_rate(), [](const std::exception_ptr&) {});
        } else {
            for (std::size_t i = 0; i < wishes_.in_flight; ++i) {
                loop.spawn(keep_busy(), [](const std::exception_ptr&) {});
            }
        }
        loop.run();
        cpu_ = cpu_seconds() - cpu;
        wall_ = std::chrono::duration<double>(Loop::now() - began).count();
    }

    void clear() {
        verdicts_.clear();
        timings_.clear();
        first_reason_.clear();
    }

    void print() {
        std::ranges::sort(timings_);
        const auto at = [&](double share) {
            return timings_.empty()
                       ? 0.0
                       : timings_[static_cast<std::size_t>(share * static_cast<double>(timings_.size() - 1))];
        };
        std::string verdicts;
        for (const auto& [verdict, number] : verdicts_) {
            verdicts += (verdicts.empty() ? "\"" : ", \"") + verdict + "\": " + std::to_string(number);
        }
        std::printf(
            "{\"runs\": %zu, \"cpu_s\": %.4f, \"wall_s\": %.4f, \"per_cpu_s\": %.0f, \"verdicts\": {%s}, \"p50_us\": "
            "%.0f, \"p99_us\": %.0f, \"overloaded_s\": %.3f, \"reason\": \"%s\"}\n",
            wishes_.count, cpu_, wall_, static_cast<double>(wishes_.count) / cpu_, verdicts.c_str(), at(0.5), at(0.99),
            schemas::to_seconds(environment_.engine.loop().overloaded()), first_reason_.c_str());
    }

private:
    Task<void> one(std::size_t number) {
        prober::RunRequest request;
        request.definition = definition_;
        request.probe = &probe_;
        request.target = std::to_string(number);
        request.location = "bench";
        KeepBody watcher;
        NoMemory memory;
        const bool watches = wishes_.grep.has_value();
        const schemas::RunResult result =
            co_await prober::run_script(environment_, std::move(request), memory, watches ? &watcher : nullptr);
        take(number, result, watcher.body);
        if (++ended_ == wishes_.count) {
            environment_.engine.loop().stop();
        }
    }

    Task<void> keep_busy() {
        while (next_ < wishes_.count) {
            co_await one(next_++);
        }
    }

    Task<void> keep_rate() {
        Loop& loop = environment_.engine.loop();
        const auto began = Loop::now();
        while (next_ < wishes_.count) {
            const auto due = std::chrono::duration<double>(static_cast<double>(next_) / wishes_.rate);
            (void)co_await loop.sleep_until(began + std::chrono::duration_cast<std::chrono::nanoseconds>(due));
            for (std::size_t i = 0; i < wishes_.burst && next_ < wishes_.count; ++i) {
                loop.spawn(one(next_++), [](const std::exception_ptr&) {});
            }
        }
    }

    void take(std::size_t number, const schemas::RunResult& result, const std::string& body) {
        ++verdicts_[std::string(to_string(result.verdict))];
        if (first_reason_.empty()) {
            first_reason_ = result.reason;
        }
        double took = static_cast<double>(result.response.count());
        for (const schemas::StepResult& step : result.steps) {
            for (const schemas::Timing& timing : step.timings) {
                took = timing.name == wishes_.timing ? static_cast<double>(timing.took.count()) : took;
            }
        }
        timings_.push_back(took);
        if (wishes_.lines) {
            std::string_view found;
            if (wishes_.grep) {
                const auto groups = wishes_.grep->match(body);
                found = groups && groups->size() > 1 ? (*groups)[1] : std::string_view();
            }
            std::printf("%zu %.0f %.*s\n", number, took, static_cast<int>(found.size()), found.data());
        }
    }

    prober::ScriptEnvironment& environment_;
    std::shared_ptr<const schemas::Definition> definition_;
    const schemas::Probe& probe_;
    Wishes wishes_;
    std::size_t next_ = 0;
    std::size_t ended_ = 0;
    double cpu_ = 0;
    double wall_ = 0;
    std::map<std::string, std::size_t> verdicts_;
    std::vector<double> timings_;
    std::string first_reason_;
};

int usage(const char* why) {
    std::fprintf(stderr,
                 "check-bench: %s; usage: check-bench FILE PROBE COUNT IN-FLIGHT|rate=N [burst=B] [timing=NAME] "
                 "[lines] [grep=PATTERN] [ca_file=PEM]\n",
                 why);
    return 2;
}

}  // namespace

int main(int argument_count, char** arguments) {
    const std::vector<std::string> words(arguments + 1, arguments + argument_count);
    if (words.size() < 4) {
        return usage("words are missing");
    }
    Wishes wishes;
    wishes.count = std::strtoull(words[2].c_str(), nullptr, 10);
    probes::EngineOptions options;
    for (std::size_t i = 3; i < words.size(); ++i) {
        const auto sign = words[i].find('=');
        const std::string name = words[i].substr(0, sign);
        const std::string value = sign == std::string::npos ? "" : words[i].substr(sign + 1);
        if (name == "rate") {
            wishes.rate = std::strtod(value.c_str(), nullptr);
        } else if (name == "burst") {
            wishes.burst = std::strtoull(value.c_str(), nullptr, 10);
        } else if (name == "timing") {
            wishes.timing = value;
        } else if (name == "lines") {
            wishes.lines = true;
        } else if (name == "grep") {
            wishes.grep = schemas::Pattern::compile(value).value();
        } else if (name == "ca_file") {
            options.ca_file = value;
        } else if (i == 3) {
            wishes.in_flight = std::strtoull(name.c_str(), nullptr, 10);
        } else {
            return usage(("unknown word " + name).c_str());
        }
    }
    const schemas::ReadDefinitions read = schemas::read_definitions({words[0]}, probes::catalog());
    for (const schemas::Problem& problem : read.problems) {
        std::fprintf(stderr, "%s\n", schemas::to_string(problem).c_str());
    }
    const schemas::Probe* const probe = read.definitions.empty() ? nullptr : read.definitions[0]->find_probe(words[1]);
    if (probe == nullptr) {
        return usage("no such probe in that file");
    }
    (void)prober::descriptors_for_runs();
    probes::Engine engine(options);
    engine.warm_up();
    prober::SystemClock clock;
    prober::StallWatch stall(clock);
    prober::ScriptEnvironment environment(engine);
    prober::equip(environment, std::make_shared<schemas::Secrets>(std::nullopt), stall);
    environment.stood_still = nullptr;
    environment.pseudonyms = prober::Pseudonyms("bench");
    Bench bench(environment, read.definitions[0], *probe, wishes);
    if (!wishes.lines) {
        bench.run(std::min<std::size_t>(wishes.count, 50));  // warm: connections to libraries, pools, pages
        bench.clear();
    }
    bench.run(wishes.count);
    bench.print();
    return 0;
}
