#include "probes/endpoint.hpp"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace slimtax::probes {

namespace {

void leave_certificate(StepReport& report, const Stream& stream) {
    if (!stream.certificate_until()) {
        return;  // it was never seen
    }
    const CertificateFacts& facts = stream.certificate();
    const std::string names = fmt::format("{}", fmt::join(facts.names, ", "));
    report.output("cert.names", quotable(names, {}, 4096));
    report.output("cert.subject", quotable(facts.subject, {}, 1024));
    report.output("cert.issuer", quotable(facts.issuer, {}, 1024));
    report.output("cert.key", facts.key);
    report.output("cert.chain", static_cast<double>(facts.sent));
    report.note("certificate for " + (names.empty() ? quotable(facts.subject) : quotable(names)) + ", signed by " +
                quotable(facts.issuer));
}

}  // namespace

Endpoint::Endpoint(std::string_view kind, std::string its_host, std::uint16_t its_port)
    : host(std::move(its_host)),
      port(its_port),
      address(host_and_port(host, port)),
      server(kind.empty() ? address : std::string(kind) + " " + address) {
    trust.server_name = host;
}

Endpoint Endpoint::of(const Arguments& arguments, std::string_view kind, std::uint16_t port) {
    Endpoint endpoint(kind, arguments.text("host"), port);
    endpoint.trust.verify = arguments.flag("verify");
    endpoint.trust.ca_file = arguments.text("ca_file");
    if (arguments.has("server_name")) {
        endpoint.trust.server_name = arguments.text("server_name");
    }
    return endpoint;
}

std::uint16_t port_of(const Arguments& arguments, std::uint16_t plain, std::uint16_t implicit) {
    if (arguments.has("port")) {
        return static_cast<std::uint16_t>(arguments.integer("port"));
    }
    return arguments.text("tls") == "implicit" ? implicit : plain;
}

void leave_timing(StepReport& report, const std::string& name, schemas::Duration took) {
    report.timing(name, took);
    report.output("time." + name, schemas::to_seconds(took));
}

void Stages::ended(const std::string& name) {
    leave_timing(*report_, name, stream_ == nullptr ? stage_.spent() : stage_.spent_until(stream_->arrived()));
    begin();
}

schemas::Duration Stages::response(const Patience& patience) const {
    return stream_ == nullptr ? patience.spent() : patience.spent_until(stream_->arrived());
}

void Stages::ended_by_us(const std::string& name) {
    leave_timing(*report_, name, stage_.spent());
    begin();
}

Task<tl::expected<Socket, Trouble>> open_socket(StepContext& context, const Endpoint& endpoint) {
    auto connected = co_await connect_tcp(context.engine, endpoint.host, endpoint.port, context.deadline);
    if (!connected) {
        co_return tl::unexpected(std::move(connected.error()));
    }
    leave_timing(context.report, "lookup", connected->lookup);
    leave_timing(context.report, "connect", connected->connect);
    context.report.output("address", connected->peer.text());
    context.report.note("connected to " + endpoint.address + " (" + connected->peer.text() + ")");
    co_return std::move(connected->socket);
}

Task<tl::expected<Stream, Trouble>> open_stream(StepContext& context, const Endpoint& endpoint) {
    auto socket = co_await open_socket(context, endpoint);
    if (!socket) {
        co_return tl::unexpected(std::move(socket.error()));
    }
    co_return Stream(context.engine, std::move(*socket), endpoint.server);
}

Task<tl::expected<void, Trouble>> secure(StepContext& context, Stream& stream, const Endpoint& endpoint,
                                         const Patience& patience) {
    auto took = co_await stream.start_tls(endpoint.trust, patience.deadline);
    // Also of a certificate that is refused.
    if (const auto until = stream.certificate_until()) {
        const auto left = std::chrono::floor<std::chrono::days>(*until - context.wall_now);
        context.report.output("cert.days", static_cast<double>(left.count()));
    }
    if (endpoint.trust.describe) {
        leave_certificate(context.report, stream);
    }
    if (!took) {
        if (took.error().kind == Trouble::Kind::timed_out) {
            co_return tl::unexpected(ran_out(endpoint.server, "finish the TLS handshake", patience));
        }
        co_return tl::unexpected(std::move(took.error()));
    }
    leave_timing(context.report, "tls", *took);
    if (endpoint.trust.describe) {
        context.report.output("tls.protocol", stream.tls_protocol());
        context.report.output("tls.cipher", stream.tls_cipher());
    }
    context.report.note("TLS established: " + stream.tls_protocol() + " with " + stream.tls_cipher());
    co_return tl::expected<void, Trouble>();
}

}  // namespace slimtax::probes
