#include "prober/http_sender.hpp"

#include <algorithm>
#include <charconv>

#include "probes/io/engine.hpp"
#include "probes/io/http_client.hpp"

namespace slimtax::prober {
namespace {

using probes::Task;

/// A POST as a coroutine of its own: what it needs lives in its frame, however long the sender lives.
Task<SendReply> post(probes::Engine& engine, std::string url, std::string token, std::string body,
                     probes::TimePoint deadline) {
    probes::HttpRequest request("POST", std::move(url));
    request.headers.emplace_back("Content-Type", "application/x-protobuf");
    request.headers.emplace_back("Authorization", "Bearer " + token);
    request.body = std::move(body);
    request.keep_body = 4096;
    const auto response = co_await engine.http().fetch(std::move(request), deadline);
    SendReply reply;
    if (!response) {
        reply.text = response.error().reason;
        co_return reply;
    }
    reply.status = response->status;
    reply.text = response->body;
    if (response->status >= 300 && response->status < 400) {
        reply.text = "a redirect to " + std::string(response->header("location")) +
                     ", which is not followed; write that address as [prober] reporter";
    }
    const std::string_view wait = response->header("retry-after");
    std::int64_t seconds = 0;  // the other form, a date, is as good as none: there is a wait anyway
    if (std::from_chars(wait.data(), wait.data() + wait.size(), seconds).ec == std::errc()) {
        reply.retry_after = std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, 86400));
    }
    co_return reply;
}

}  // namespace

SendBatch send_over_http(probes::Engine& engine, const std::string& reporter, std::string token) {
    const std::string base = reporter.ends_with('/') ? reporter.substr(0, reporter.size() - 1) : reporter;
    return [&engine, url = base + "/api/v1/results", token = std::move(token)](std::string body,
                                                                               probes::TimePoint deadline) {
        return post(engine, url, token, std::move(body), deadline);
    };
}

}  // namespace slimtax::prober
