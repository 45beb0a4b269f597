// A clock that the test ticks, and definitions made by hand.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "prober/clock.hpp"
#include "schemas/definition.hpp"

namespace slimtax::prober::fakes {

class FakeClock final : public Clock {
public:
    [[nodiscard]] schemas::Instant wall() const override { return wall_; }
    [[nodiscard]] probes::TimePoint steady() const override { return steady_; }
    [[nodiscard]] schemas::Duration suspended() const override { return suspended_; }

    void pass(schemas::Duration time) {
        wall_ += time;
        steady_ += time;
    }
    void jump(schemas::Duration time) { wall_ += time; }
    void suspend(schemas::Duration time) {
        wall_ += time;
        suspended_ += time;
    }

private:
    schemas::Instant wall_{std::chrono::seconds(1'800'000'000)};
    probes::TimePoint steady_{std::chrono::hours(100)};
    schemas::Duration suspended_{};
};

inline schemas::Step step(std::string operation) {
    schemas::Step made;
    made.label = operation;
    made.operation = std::move(operation);
    return made;
}

inline schemas::Probe probe(std::string id, schemas::Duration every, schemas::Duration timeout) {
    schemas::Probe made;
    made.id = std::move(id);
    made.every = every;
    made.timeout = timeout;
    return made;
}

inline std::shared_ptr<const schemas::Definition> definition(std::string service, std::vector<schemas::Probe> probes) {
    auto made = std::make_shared<schemas::Definition>();
    made->service.id = std::move(service);
    made->probes = std::move(probes);
    return made;
}

}  // namespace slimtax::prober::fakes
