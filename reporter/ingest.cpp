#include "reporter/ingest.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "reporter/http/policy.hpp"
#include "schemas/result_wire.hpp"

namespace slimtax::reporter {
namespace {

using schemas::Batch;

constexpr std::chrono::hours future_limit{24};
constexpr std::size_t most_undefined = 1000;

bool is_media_type(std::string_view header, std::string_view type) {
    return header.substr(0, header.find(';')) == type;
}

/// The batch, or the answer that says why there is none.
tl::expected<Batch, Response> read_batch(const Request& request) {
    const std::string_view type = request.header("content-type");
    const bool json = is_media_type(type, "application/json");
    if (!json && !is_media_type(type, "application/x-protobuf")) {
        return tl::unexpected(Response::text(
            415, fmt::format("Send results as application/x-protobuf or application/json, not as '{}'; with curl: "
                             "-H 'Content-Type: application/json'",
                             type)));
    }
    auto batch = json ? schemas::decode_json(request.body) : schemas::decode(request.body);
    if (!batch) {
        return tl::unexpected(Response::text(400, batch.error()));
    }
    return std::move(*batch);
}

}  // namespace

bool is_defined(const schemas::Definitions& definitions, const schemas::SeriesKey& key) {
    return std::ranges::any_of(definitions, [&](const auto& definition) {
        if (definition->service.id != key.service) {
            return false;
        }
        const schemas::Probe* probe = definition->find_probe(key.probe);
        if (probe == nullptr) {
            return false;
        }
        const std::vector<std::string> targets = probe->series_targets();
        return std::ranges::find(targets, key.target) != targets.end() &&
               (probe->from.empty() || std::ranges::find(probe->from, key.location) != probe->from.end());
    });
}

Ingest::Ingest(IngestPlace place) : place_(std::move(place)) {}

void Ingest::set_probers(std::vector<Prober> probers) {
    const std::lock_guard lock(mutex_);
    std::map<std::string, ProberContact> contacts;
    for (const Prober& prober : probers) {
        ProberContact contact = contacts_.contains(prober.name) ? contacts_.at(prober.name) : ProberContact();
        contact.name = prober.name;
        contact.location = prober.location;
        contacts.emplace(prober.name, std::move(contact));
    }
    contacts_ = std::move(contacts);
    probers_ = std::move(probers);
}

void Ingest::set_definitions(schemas::Definitions definitions) {
    const std::lock_guard lock(mutex_);
    definitions_ = std::move(definitions);
    defined_.clear();
    std::erase_if(undefined_, [&](const schemas::SeriesKey& key) { return is_defined(definitions_, key); });
}

void Ingest::add_to(HttpServer& server) {
    RouteOptions options;
    options.access = Access::open;
    options.body_limit = body_limit;
    options.guard = [this](const Request& request) { return refuse(request); };
    server.route(
        "POST", "/api/v1/results", [this](const Request& request) { return take(request); }, options);
}

std::optional<Ingest::Prober> Ingest::sender(const Request& request, std::string_view name) const {
    const std::string_view token = bearer_token(request);
    const std::lock_guard lock(mutex_);
    std::optional<Prober> found;
    // All are compared, whichever fits: the time says nothing.
    for (const Prober& prober : probers_) {
        const bool fits = same_secret(prober.token, token) && !prober.token.empty();
        if (fits && (!found || prober.name == name)) {
            found = prober;
        }
    }
    return found;
}

std::optional<Response> Ingest::refuse(const Request& request) const {
    if (sender(request, "")) {
        return std::nullopt;
    }
    {
        const std::lock_guard lock(mutex_);
        ++refused_tokens_;
    }
    const bool none = bearer_token(request).empty();
    spdlog::warn("results from {} refused: {}", request.remote,
                 none ? "no token" : "a token that no [[reporter.prober]] has");
    Response response = Response::text(
        401, none ? "This address takes results with a prober's token: Authorization: Bearer TOKEN.\n"
                  : "This token is not one of a [[reporter.prober]] of this reporter; the prober's token and the "
                    "reporter's must be the same.\n");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
}

Response Ingest::rejected(const Prober& prober, int status, const std::string& reason) {
    {
        const std::lock_guard lock(mutex_);
        ++contacts_[prober.name].rejected;
    }
    spdlog::error("a batch of prober {} was refused: {}", prober.name, reason);
    return Response::text(status, reason + "\n");
}

std::optional<Response> Ingest::check(const Prober& prober, const Batch& batch) {
    const auto elsewhere = [&](const std::string& location) {
        return rejected(prober, 403,
                        fmt::format("the token of prober {} is for location '{}', but the results are from '{}'",
                                    prober.name, prober.location, location));
    };
    if (!batch.location.empty() && batch.location != prober.location) {
        return elsewhere(batch.location);
    }
    const schemas::Instant latest = place_.now() + future_limit;
    for (std::size_t i = 0; i < batch.results.size(); ++i) {
        const schemas::RunResult& result = batch.results[i];
        if (result.key.location != prober.location) {
            return elsewhere(result.key.location);
        }
        if (result.intended > latest || result.started > latest) {
            return rejected(prober, 400,
                            fmt::format("result {} of {}: {} is more than a day in the future; is the clock of "
                                        "prober {} right?",
                                        i + 1, batch.results.size(),
                                        schemas::to_rfc3339(std::max(result.intended, result.started)), prober.name));
        }
    }
    return std::nullopt;
}

void Ingest::note_undefined(const Batch& batch) {
    const std::lock_guard lock(mutex_);
    for (const schemas::RunResult& result : batch.results) {
        if (undefined_.size() >= most_undefined || defined_.contains(result.key)) {
            continue;
        }
        if (is_defined(definitions_, result.key)) {
            defined_.insert(result.key);
            continue;
        }
        if (undefined_.insert(result.key).second) {
            spdlog::warn("results of {} come in, which no definition here knows: stored, but not reported on",
                         schemas::to_string(result.key));
        }
    }
}

Response Ingest::take(const Request& request) {
    auto prober = sender(request, "");
    if (!prober) {
        return *refuse(request);  // its token went with a reload, just now
    }
    const auto batch = read_batch(request);
    if (!batch) {
        return rejected(*prober, batch.error().status, batch.error().body);
    }
    prober = sender(request, batch->prober);
    if (auto no = check(*prober, *batch)) {
        return std::move(*no);
    }
    const auto count = place_.store->add(batch->results);
    if (!count) {
        spdlog::error("results of prober {} could not be stored: {}", prober->name, count.error().reason);
        {
            const std::lock_guard lock(mutex_);
            trouble_ = count.error().reason;
        }
        Response response = Response::text(503, count.error().reason + "\n");
        response.headers.emplace_back("Retry-After", "5");
        return response;
    }
    {
        const std::lock_guard lock(mutex_);
        ProberContact& contact = contacts_[prober->name];
        contact.last = place_.now();
        trouble_.clear();
        ++contact.batches;
        contact.stored += count->stored;
        contact.repeated += count->repeated;
    }
    note_undefined(*batch);
    if (count->stored > 0 && place_.changed) {
        place_.changed();
    }
    return Response::json(fmt::format("{{\"stored\":{},\"repeated\":{}}}\n", count->stored, count->repeated));
}

std::vector<ProberContact> Ingest::contacts() const {
    const std::lock_guard lock(mutex_);
    std::vector<ProberContact> all;
    for (const auto& [name, contact] : contacts_) {
        all.push_back(contact);
    }
    return all;
}

std::vector<schemas::SeriesKey> Ingest::undefined() const {
    const std::lock_guard lock(mutex_);
    return {undefined_.begin(), undefined_.end()};
}

std::string Ingest::trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

std::uint64_t Ingest::refused_tokens() const {
    const std::lock_guard lock(mutex_);
    return refused_tokens_;
}

}  // namespace slimtax::reporter
