// wait and set: what a script needs between its operations. (`when` and `repeat` are words of every step.)
#include <fmt/format.h>

#include "probes/io/engine.hpp"
#include "probes/operation.hpp"
#include "schemas/units.hpp"

namespace slimtax::probes {
namespace {

using schemas::Parameter;
using schemas::ParameterType;

constexpr Parameter wait_parameters[] = {
    {.name = "for",
     .type = ParameterType::duration,
     .required = true,
     .help = "How long. It counts for the time-outs, but never as response time.",
     .example = "\"2s\""},
};

Task<Outcome> run_wait(StepContext& context) {
    const schemas::Duration wanted = context.arguments.duration("for");
    const TimePoint end = Loop::now() + wanted;
    co_await context.engine.loop().sleep_until(std::min(end, context.deadline));
    context.report.response(schemas::Duration::zero());
    co_return end <= context.deadline
        ? Outcome::ok()
        : Outcome::timeout(fmt::format("the time was over before a wait of {} was", schemas::to_text(wanted)));
}

constexpr Parameter set_parameters[] = {
    {.name = "values",
     .type = ParameterType::text_map,
     .required = true,
     .help = "The values, by name.",
     .example = "{ account = \"probe-${location}\", kind = \"reader\" }"},
};

Task<Outcome> run_set(StepContext& context) {
    for (const auto& [name, value] : context.arguments.map("values")) {
        context.report.save(name, value);
        context.report.note(name + " = " + value);
    }
    context.report.response(schemas::Duration::zero());
    co_return Outcome::ok();
}

constexpr Operation rows[] = {
    {.info = {.name = "set",
              .levels = "A1 A2 A3 A4",
              .summary = "sets values for later steps, which say ${save.NAME}",
              .parameters = set_parameters,
              .example = "do     = \"set\"\n"
                         "values = { account = \"probe-${location}\", kind = \"reader\" }",
              .saves = "values"},
     .run = run_set},
    {.info = {.name = "wait",
              .levels = "A1 A2 A3 A4",
              .summary = "waits; the time is not response time",
              .parameters = wait_parameters,
              .example = "do  = \"wait\"\n"
                         "for = \"2s\""},
     .run = run_wait},
};

}  // namespace

std::span<const Operation> story_operations() {
    return rows;
}

}  // namespace slimtax::probes
