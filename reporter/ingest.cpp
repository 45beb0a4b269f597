#include "reporter/ingest.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include "schemas/result_wire.hpp"

namespace slimtax::reporter {
namespace {

constexpr int retry_after_seconds = 5;

/// Without telling by its time how much of it was right.
bool same_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Response answer(int status, const nlohmann::json& body) {
    return Response::json(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", status);
}

tl::expected<schemas::Batch, std::string> decoded(const Request& request, bool json) {
    return json ? schemas::decode_json(request.body) : schemas::decode(request.body);
}

}  // namespace

Ingest::Ingest(Store& store, std::vector<Prober> probers, std::function<schemas::Instant()> now,
               std::function<void()> stored)
    : store_(store), now_(std::move(now)), stored_(std::move(stored)) {
    set_probers(std::move(probers));
}

void Ingest::set_probers(std::vector<Prober> probers) {
    const std::lock_guard lock(mutex_);
    probers_ = std::move(probers);
    std::map<std::string, ProberContact> contacts;
    for (const Prober& prober : probers_) {
        ProberContact& contact = contacts[prober.name];
        if (const auto known = counts_.probers.find(prober.name); known != counts_.probers.end()) {
            contact = known->second;
        }
        contact.location = prober.location;
    }
    counts_.probers = std::move(contacts);
}

void Ingest::add_route(HttpServer& server) {
    RouteOptions options;
    options.access = Access::open;  // the token is asked for by the guard, before the body is read
    options.body_limit = largest_body;
    options.guard = [this](const Request& request) -> std::optional<Response> {
        if (prober_of(request)) {
            return std::nullopt;
        }
        Response response = refuse(401, "this token is not the token of any [[reporter.prober]]");
        response.headers.emplace_back("WWW-Authenticate", "Bearer");
        return response;
    };
    server.route(
        "POST", "/api/v1/results", [this](const Request& request) { return take(request); }, std::move(options));
}

std::optional<Ingest::Prober> Ingest::prober_of(const Request& request) const {
    constexpr std::string_view scheme = "Bearer ";
    std::string_view token = request.header("authorization");
    if (!token.starts_with(scheme)) {
        return std::nullopt;
    }
    token.remove_prefix(scheme.size());
    std::optional<Prober> found;
    const std::lock_guard lock(mutex_);
    for (const Prober& prober : probers_) {
        if (same_secret(token, prober.token)) {
            found = prober;
        }
    }
    return found;
}

Response Ingest::refuse(int status, std::string_view reason) {
    {
        const std::lock_guard lock(mutex_);
        ++counts_.refused;
    }
    return answer(status, {{"error", reason}});
}

Response Ingest::take(const Request& request) {
    const std::optional<Prober> prober = prober_of(request);
    if (!prober) {
        return refuse(401, "this token is not the token of any [[reporter.prober]]");
    }
    const std::string_view type = request.header("content-type");
    const bool json = type.starts_with("application/json");
    if (!json && !type.starts_with("application/x-protobuf")) {
        return refuse(415, "Content-Type must be application/x-protobuf or application/json");
    }
    const auto batch = decoded(request, json);
    if (!batch) {
        return refuse(400, batch.error());
    }
    const schemas::Instant now = now_();
    for (const schemas::RunResult& result : batch->results) {
        if (result.key.location != prober->location) {
            return refuse(403, fmt::format("the token of {} speaks for the location {}, not for {}", prober->name,
                                           prober->location, result.key.location));
        }
        if (result.intended > now + furthest_ahead) {
            return refuse(400, fmt::format("a result of {} is from {}, more than a day ahead of the reporter's clock",
                                           to_string(result.key), schemas::to_rfc3339(result.intended)));
        }
    }
    const auto count = store_.add(batch->results);
    if (!count) {
        bool first = false;
        {
            const std::lock_guard lock(mutex_);
            ++counts_.delayed;
            first = counts_.trouble != count.error().reason;
            counts_.trouble = count.error().reason;
        }
        if (first) {
            spdlog::error("results of {} cannot be stored; it keeps them until they can: {}", prober->name,
                          count.error().reason);
        }
        Response response = answer(503, {{"error", count.error().reason}});
        response.headers.emplace_back("Retry-After", std::to_string(retry_after_seconds));
        return response;
    }
    bool recovered = false;
    {
        const std::lock_guard lock(mutex_);
        counts_.stored += count->stored;
        counts_.repeated += count->repeated;
        recovered = !counts_.trouble.empty();
        counts_.trouble.clear();
        if (const auto contact = counts_.probers.find(prober->name); contact != counts_.probers.end()) {
            contact->second.last = now;
            contact->second.results += count->stored;
        }
    }
    if (recovered) {
        spdlog::info("results can be stored again");
    }
    if (count->stored > 0) {
        stored_();
    }
    return answer(200, {{"stored", count->stored}, {"repeated", count->repeated}});
}

IngestCounts Ingest::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

}  // namespace slimtax::reporter
