#include "prober/reporter_link.hpp"

#include <charconv>

#include "probes/io/engine.hpp"
#include "probes/io/http_client.hpp"

namespace slimtax::prober {
namespace {

std::chrono::seconds retry_after(const probes::HttpResponse& response) {
    const std::string_view text = response.header("retry-after");
    long long seconds = 0;
    // The form with a date is left to the shipper's own patience.
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    return std::chrono::seconds(seconds < 0 || seconds > 86'400 ? 0 : seconds);
}

probes::Task<SendReply> post(probes::Engine& engine, std::string url, std::string token, std::string body,
                             probes::TimePoint deadline) {
    probes::HttpRequest request("POST", std::move(url));
    request.headers.emplace_back("Content-Type", "application/x-protobuf");
    request.headers.emplace_back("Authorization", "Bearer " + token);
    request.body = std::move(body);
    request.keep_body = 4096;
    const auto response = co_await engine.http().fetch(std::move(request), deadline);
    SendReply reply;
    if (response) {
        reply.status = response->status;
        reply.text = response->body;
        reply.retry_after = retry_after(*response);
    } else {
        reply.text = response.error().reason;
    }
    co_return reply;
}

}  // namespace

SendBatch send_to_reporter(probes::Engine& engine, std::string url, std::shared_ptr<const std::string> token) {
    return [&engine, url = std::move(url) + "/api/v1/results", token = std::move(token)](std::string body,
                                                                                         probes::TimePoint deadline) {
        return post(engine, url, *token, std::move(body), deadline);
    };
}

}  // namespace slimtax::prober
