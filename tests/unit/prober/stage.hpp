// A stage for scripts: fake operations that note how they were called, secrets, dice, and short ways to write steps.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "prober/script.hpp"
#include "probes/io/engine.hpp"
#include "schemas/secrets.hpp"
#include "tests/unit/prober/fakes.hpp"

namespace slimtax::prober::fakes {

// What the fake operations were called with, in order.
struct Call {
    std::string say;
    std::string host;
    std::int64_t items = 0;
    schemas::TextList list;
    schemas::TextMap map;
    schemas::Duration allowance{};
    schemas::Instant wall_now;
};
/// Of the stage that was made last, in order.
extern std::vector<Call> calls;

inline constexpr std::array outputs{
    schemas::Output{"said", schemas::OutputType::text, ""},
    schemas::Output{"items", schemas::OutputType::number, ""},
    schemas::Output{"time.connect", schemas::OutputType::duration, ""},
};

/// fake.answer, fake.refuse, fake.hang, fake.fault, fake.throw, fake.number (throws one), fake.count (work by users),
/// fake.climb (one item more each time), fake.set (saves what it says as 'kind').
[[nodiscard]] const probes::Operation* find_fake(std::string_view name);

class NoMemory final : public probes::Memory {
public:
    [[nodiscard]] std::optional<std::string> recall(std::string_view) const override { return std::nullopt; }
    void remember(std::string_view, std::string) override {}
};

class Stage {
public:
    Stage() : environment(engine) {
        calls.clear();
        environment.find_operation = find_fake;
        environment.secret = [this](std::string_view name) { return secrets.find(std::string(name)); };
        environment.redact = [this](std::string_view text) { return secrets.redactor().redact(text); };
        environment.random = [this] { return dice; };
        environment.pseudonyms = Pseudonyms("Jefe");
    }

    schemas::RunResult run(schemas::Probe probe, ScriptWatcher* watcher = nullptr) {
        RunRequest request;
        request.definition = definition("web", {std::move(probe)});
        request.probe = &request.definition->probes[0];
        request.target = "im1";
        request.location = "noc";
        request.intended = schemas::Instant(std::chrono::seconds(1'800'000'000));
        request.started = request.intended + std::chrono::microseconds(40);
        return engine.loop().run_until_done(run_script(environment, std::move(request), memory, watcher));
    }

    schemas::RunResult run_steps(std::vector<schemas::Step> steps,
                                 schemas::Duration timeout = std::chrono::seconds(10)) {
        auto probe = fakes::probe("front", std::chrono::seconds(30), timeout);
        probe.steps = std::move(steps);
        return run(std::move(probe));
    }

    probes::Engine engine;
    schemas::Secrets secrets{
        std::nullopt, [](const std::string& variable) {
            return variable == "SLIMTAX_SECRET_DOOR" ? std::optional<std::string>("open sesame 1001") : std::nullopt;
        }};
    ScriptEnvironment environment;
    NoMemory memory;
    double dice = 0.5;
};

inline schemas::Step saying(std::string operation, std::string text) {
    schemas::Step made = step(std::move(operation));
    made.parameters["say"] = std::move(text);
    return made;
}

inline schemas::Step always(schemas::Step made) {
    made.always = true;
    return made;
}

inline schemas::Condition condition(std::string_view text) {
    return schemas::Condition::parse(text, outputs).value();
}
inline schemas::Pattern pattern(std::string_view text) {
    return schemas::Pattern::compile(text).value();
}

inline std::vector<std::string> said() {
    std::vector<std::string> texts;
    for (const Call& call : calls) {
        texts.push_back(call.say);
    }
    return texts;
}

inline bool mentions(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace slimtax::prober::fakes
