#include "tests/unit/prober/stage.hpp"

#include <stdexcept>

namespace slimtax::prober::fakes {

std::vector<Call> calls;

namespace {

using schemas::Duration;
using schemas::ParameterType;
using namespace std::chrono_literals;

constexpr std::array parameters{
    schemas::Parameter{.name = "say", .type = ParameterType::text, .fallback = "\"hello\"", .help = ""},
    schemas::Parameter{.name = "host", .type = ParameterType::text, .help = ""},
    schemas::Parameter{
        .name = "items", .type = ParameterType::integer, .fallback = "3", .help = "", .least = 1, .most = 100},
    schemas::Parameter{.name = "took", .type = ParameterType::duration, .help = ""},
    schemas::Parameter{.name = "list", .type = ParameterType::text_list, .fallback = "[\"a\"]", .help = ""},
    schemas::Parameter{.name = "map", .type = ParameterType::text_map, .help = ""},
};
void note_call(probes::StepContext& context) {
    const probes::Arguments& arguments = context.arguments;
    calls.push_back({arguments.text("say"), arguments.text("host"), arguments.integer("items"), arguments.list("list"),
                     arguments.map("map"), std::chrono::duration_cast<Duration>(context.deadline - probes::Loop::now()),
                     context.wall_now});
    if (arguments.has("took")) {
        context.report.response(arguments.duration("took"));
    }
    context.report.output("said", arguments.text("say"));
    context.report.output("items", static_cast<double>(arguments.integer("items")));
    context.report.timing("connect", 2ms);
    context.report.note("said " + arguments.text("say"));
}

probes::Task<probes::Outcome> answer(probes::StepContext& context) {
    note_call(context);
    co_return probes::Outcome::ok();
}
probes::Task<probes::Outcome> refuse(probes::StepContext& context) {
    note_call(context);
    co_return probes::Outcome::failed("server refused \"" + context.arguments.text("say") + "\"");
}
probes::Task<probes::Outcome> hang(probes::StepContext& context) {
    note_call(context);
    co_await context.engine.loop().sleep_until(context.deadline);
    co_return probes::Outcome::timeout("no answer from server:1");
}
probes::Task<probes::Outcome> fault(probes::StepContext& context) {
    note_call(context);
    co_return probes::Outcome::fault("no descriptors are left");
}
probes::Task<probes::Outcome> throws(probes::StepContext& context) {
    note_call(context);
    throw std::runtime_error("bug 42");
    co_return probes::Outcome::ok();
}
probes::Task<probes::Outcome> throws_a_number(probes::StepContext& context) {
    note_call(context);
    throw 42;
    co_return probes::Outcome::ok();
}
probes::Task<probes::Outcome> count(probes::StepContext& context) {
    note_call(context);
    context.report.work = 5;
    context.report.work_span = 60s;
    context.report.users = {{"alice", 3}, {"bob", 2}};
    co_return probes::Outcome::ok();
}

// `items` counts the calls of this stage.
probes::Task<probes::Outcome> climb(probes::StepContext& context) {
    note_call(context);
    context.report.output("items", static_cast<double>(calls.size()));
    co_return probes::Outcome::ok();
}
probes::Task<probes::Outcome> set(probes::StepContext& context) {
    note_call(context);
    context.report.save("kind", context.arguments.text("say"));
    co_return probes::Outcome::ok();
}

constexpr schemas::OperationInfo info_of(std::string_view name) {
    return {.name = name,
            .levels = "A2",
            .summary = "",
            .parameters = parameters,
            .outputs = outputs,
            .target_parameter = "host",
            .example = "",
            .text_output = "said"};
}

const std::array operations{
    probes::Operation{info_of("fake.answer"), answer}, probes::Operation{info_of("fake.refuse"), refuse},
    probes::Operation{info_of("fake.hang"), hang},     probes::Operation{info_of("fake.fault"), fault},
    probes::Operation{info_of("fake.throw"), throws},  probes::Operation{info_of("fake.number"), throws_a_number},
    probes::Operation{info_of("fake.count"), count},   probes::Operation{info_of("fake.climb"), climb},
    probes::Operation{info_of("fake.set"), set},
};

}  // namespace

const probes::Operation* find_fake(std::string_view name) {
    for (const probes::Operation& operation : operations) {
        if (operation.info.name == name) {
            return &operation;
        }
    }
    return nullptr;
}

}  // namespace slimtax::prober::fakes
