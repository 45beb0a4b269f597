#include "schemas/result_wire.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>

#include "schemas/result.pb.h"
#include "schemas/utf8.hpp"

namespace slimtax::schemas {
namespace {

namespace chrono = std::chrono;

constexpr std::size_t longest_name = 256;
constexpr std::size_t longest_reason = 4096;
constexpr std::size_t most_steps = 1000;
constexpr std::size_t most_users = 1'000'000;
constexpr Instant earliest = chrono::sys_days(chrono::year(2000) / 1 / 1);
constexpr Instant latest = chrono::sys_days(chrono::year(2200) / 1 / 1);
constexpr Duration longest = chrono::days(366);

/// Protobuf writes its complaints to standard error; ours go back to whoever sent the batch.
void silence_protobuf() {
    static const auto before = google::protobuf::SetLogHandler(nullptr);
    static_cast<void>(before);
}

void fill(const StepResult& step, wire::Step& out) {
    out.set_name(to_valid_utf8(step.name));
    out.set_operation(to_valid_utf8(step.operation));
    out.set_verdict(static_cast<wire::Verdict>(step.verdict));
    out.set_offset_us(step.offset.count());
    out.set_think_us(step.think.count());
    out.set_response_us(step.response.count());
    for (const Timing& timing : step.timings) {
        wire::Timing* added = out.add_timings();
        added->set_name(to_valid_utf8(timing.name));
        added->set_took_us(timing.took.count());
    }
    out.set_reason(shortened(to_valid_utf8(step.reason), longest_reason));
    for (const Figure& figure : step.figures) {
        wire::Figure* added = out.add_figures();
        added->set_name(to_valid_utf8(figure.name));
        added->set_value(figure.value);
        added->set_unit(to_valid_utf8(figure.unit));
    }
}

void fill(const RunResult& run, wire::Result& out) {
    out.set_service(to_valid_utf8(run.key.service));
    out.set_probe(to_valid_utf8(run.key.probe));
    out.set_target(to_valid_utf8(run.key.target));
    out.set_location(to_valid_utf8(run.key.location));
    out.set_intended_us(run.intended.time_since_epoch().count());
    if (run.started != run.intended) {
        out.set_started_us(run.started.time_since_epoch().count());
    }
    out.set_every_us(run.every.count());
    out.set_length_us(run.length.count());
    out.set_response_us(run.response.count());
    out.set_verdict(static_cast<wire::Verdict>(run.verdict));
    out.set_reason(shortened(to_valid_utf8(run.reason), longest_reason));
    for (const StepResult& step : run.steps) {
        fill(step, *out.add_steps());
    }
    out.set_work(run.work);
    out.set_work_span_us(run.work_span.count());
    for (const UserWork& user : run.users) {
        wire::UserWork* added = out.add_users();
        added->set_user(to_valid_utf8(user.user));
        added->set_units(user.units);
    }
}

void fill(const Batch& batch, wire::Batch& out) {
    out.set_prober(to_valid_utf8(batch.prober));
    out.set_location(to_valid_utf8(batch.location));
    for (const RunResult& run : batch.results) {
        fill(run, *out.add_results());
    }
}

/// The verdict of that number; a number that is none becomes one that `check` refuses.
Verdict verdict_of(int number) {
    constexpr int none = std::numeric_limits<std::uint8_t>::max();
    return static_cast<Verdict>(number >= 0 && number < none ? number : none);
}

StepResult taken(const wire::Step& in) {
    StepResult step;
    step.name = in.name();
    step.operation = in.operation();
    step.verdict = verdict_of(in.verdict());
    step.offset = Duration(in.offset_us());
    step.think = Duration(in.think_us());
    step.response = Duration(in.response_us());
    step.timings.reserve(static_cast<std::size_t>(in.timings_size()));
    for (const wire::Timing& timing : in.timings()) {
        step.timings.push_back({timing.name(), Duration(timing.took_us())});
    }
    step.reason = in.reason();
    for (const wire::Figure& figure : in.figures()) {
        step.figures.push_back({figure.name(), figure.value(), figure.unit()});
    }
    return step;
}

RunResult taken(const wire::Result& in) {
    RunResult run;
    run.key = {in.service(), in.probe(), in.target(), in.location()};
    run.intended = Instant(Duration(in.intended_us()));
    run.started = in.started_us() == 0 ? run.intended : Instant(Duration(in.started_us()));
    run.every = Duration(in.every_us());
    run.length = Duration(in.length_us());
    run.response = Duration(in.response_us());
    run.verdict = verdict_of(in.verdict());
    run.reason = in.reason();
    run.steps.reserve(static_cast<std::size_t>(in.steps_size()));
    for (const wire::Step& step : in.steps()) {
        run.steps.push_back(taken(step));
    }
    run.work = in.work();
    run.work_span = Duration(in.work_span_us());
    for (const wire::UserWork& user : in.users()) {
        run.users.push_back({user.user(), user.units()});
    }
    return run;
}

using Checked = tl::expected<void, std::string>;

/// A name's length and characters; it may be empty.
Checked check_text(std::string_view field, std::string_view value) {
    if (value.size() > longest_name) {
        return tl::unexpected(fmt::format("{} is longer than {} bytes", field, longest_name));
    }
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::ranges::any_of(value, is_control)) {
        return tl::unexpected(fmt::format("{} holds a control character", field));
    }
    return {};
}

Checked check_name(std::string_view field, std::string_view value) {
    if (value.empty()) {
        return tl::unexpected(fmt::format("{} is missing", field));
    }
    return check_text(field, value);
}

Checked check_time(std::string_view field, Duration value) {
    if (value < Duration::zero() || value > longest) {
        return tl::unexpected(
            fmt::format("{} must be from 0 to {} (366 days), but is {}", field, longest.count(), value.count()));
    }
    return {};
}

Checked check_instant(std::string_view field, Instant value) {
    if (value < earliest || value >= latest) {
        return tl::unexpected(
            fmt::format("{} must be microseconds since 1970-01-01T00:00:00Z within the years 2000 to 2199, but is {}",
                        field, value.time_since_epoch().count()));
    }
    return {};
}

Checked check_verdict(std::string_view field, Verdict verdict) {
    if (static_cast<std::size_t>(verdict) >= all_verdicts.size()) {
        return tl::unexpected(fmt::format("{} must be from 0 (OK) to {} (NOT_RUN)", field, all_verdicts.size() - 1));
    }
    return {};
}

Checked check_reason(std::string_view field, std::string_view reason) {
    if (reason.size() > longest_reason) {
        return tl::unexpected(fmt::format("{} is longer than {} bytes", field, longest_reason));
    }
    return {};
}

/// The first check that failed, or nothing.
template <class... Checks>
Checked all_of(const Checks&... checks) {
    Checked result;
    static_cast<void>(((result = checks()).has_value() && ...));
    return result;
}

Checked check_figures(const std::vector<Figure>& figures) {
    if (figures.size() > most_figures) {
        return tl::unexpected(fmt::format("more than {} figures in a step", most_figures));
    }
    for (const Figure& figure : figures) {
        if (!std::isfinite(figure.value)) {
            return tl::unexpected<std::string>("figures.value is no finite number");
        }
        if (auto good = all_of([&] { return check_name("figures.name", figure.name); },
                               [&] { return check_text("figures.unit", figure.unit); });
            !good) {
            return good;
        }
    }
    return {};
}

Checked check_step(const StepResult& step) {
    for (const Timing& timing : step.timings) {
        if (auto good = all_of([&] { return check_name("timings.name", timing.name); },
                               [&] { return check_time("timings.took_us", timing.took); });
            !good) {
            return good;
        }
    }
    return all_of([&] { return check_figures(step.figures); },  //
                  [&] { return check_name("steps.name", step.name); },
                  [&] { return check_verdict("steps.verdict", step.verdict); },
                  [&] { return check_time("steps.offset_us", step.offset); },
                  [&] { return check_time("steps.think_us", step.think); },
                  [&] { return check_time("steps.response_us", step.response); },
                  [&] { return check_reason("steps.reason", step.reason); });
}

tl::expected<Batch, std::string> taken(const wire::Batch& in) {
    Batch batch{in.prober(), in.location(), {}};
    batch.results.reserve(static_cast<std::size_t>(in.results_size()));
    for (const wire::Result& result : in.results()) {
        RunResult run = taken(result);
        if (auto good = check(run); !good) {
            return tl::unexpected(
                fmt::format("result {} of {}: {}", batch.results.size() + 1, in.results_size(), good.error()));
        }
        batch.results.push_back(std::move(run));
    }
    return batch;
}

bool parse(std::string_view bytes, google::protobuf::Message& message) {
    silence_protobuf();
    return bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
           message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

tl::expected<void, std::string> check(const RunResult& run) {
    if (run.steps.size() > most_steps) {
        return tl::unexpected(fmt::format("more than {} steps", most_steps));
    }
    if (run.users.size() > most_users) {
        return tl::unexpected(fmt::format("more than {} users", most_users));
    }
    for (const StepResult& step : run.steps) {
        if (auto good = check_step(step); !good) {
            return good;
        }
    }
    for (const UserWork& user : run.users) {
        if (auto good = check_name("users.user", user.user); !good) {
            return good;
        }
    }
    return all_of(
        [&] { return check_name("service", run.key.service); }, [&] { return check_name("probe", run.key.probe); },
        [&] { return check_name("location", run.key.location); }, [&] { return check_text("target", run.key.target); },
        [&] { return check_instant("intended_us", run.intended); },
        [&] { return check_instant("started_us", run.started); }, [&] { return check_time("every_us", run.every); },
        [&] { return check_time("length_us", run.length); }, [&] { return check_time("response_us", run.response); },
        [&] { return check_time("work_span_us", run.work_span); },
        [&] { return check_verdict("verdict", run.verdict); }, [&] { return check_reason("reason", run.reason); });
}

std::string encode(const Batch& batch) {
    wire::Batch message;
    fill(batch, message);
    return message.SerializeAsString();
}

std::string encode(const RunResult& run) {
    wire::Result message;
    fill(run, message);
    return message.SerializeAsString();
}

std::string encode_json(const Batch& batch) {
    wire::Batch message;
    fill(batch, message);
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string text;
    // Only messages of type Any can fail, and there is none here.
    static_cast<void>(google::protobuf::util::MessageToJsonString(message, &text, options));
    return text;
}

tl::expected<Batch, std::string> decode(std::string_view bytes) {
    // The message's many small parts are made and thrown away at once.
    google::protobuf::Arena arena;
    wire::Batch& message = *google::protobuf::Arena::CreateMessage<wire::Batch>(&arena);
    if (!parse(bytes, message)) {
        return tl::unexpected<std::string>(
            "the body is not a batch of results (wire.Batch of result.proto): cut off, or not UTF-8");
    }
    return taken(message);
}

tl::expected<RunResult, std::string> decode_result(std::string_view bytes) {
    wire::Result message;
    if (!parse(bytes, message)) {
        return tl::unexpected<std::string>("these bytes are not a result (wire.Result of result.proto)");
    }
    RunResult run = taken(message);
    if (auto good = check(run); !good) {
        return tl::unexpected(std::move(good.error()));
    }
    return run;
}

tl::expected<Batch, std::string> decode_json(std::string_view text) {
    silence_protobuf();
    if (first_invalid_utf8(text) != std::string_view::npos) {
        return tl::unexpected<std::string>("the body is not UTF-8");
    }
    if (text.find('{') == std::string_view::npos) {  // protobuf would take an empty text for an empty batch
        return tl::unexpected<std::string>("the body is not a batch of results in JSON: it holds no object");
    }
    google::protobuf::util::JsonParseOptions options;
    options.case_insensitive_enum_parsing = true;
    wire::Batch message;
    const auto status = google::protobuf::util::JsonStringToMessage({text.data(), text.size()}, &message, options);
    if (!status.ok()) {
        const std::string reason(status.message().data(), status.message().size());
        return tl::unexpected<std::string>("the body is not a batch of results in JSON: " +
                                           shortened(to_valid_utf8(reason), longest_reason));
    }
    return taken(message);
}

}  // namespace slimtax::schemas
