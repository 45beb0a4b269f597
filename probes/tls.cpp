// tls.handshake: whether a server's certificate holds, for how long and for which names, and how it encrypts.
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "probes/endpoint.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

// Oldest first. Older ones are not offered: this machine's OpenSSL need not know them any more.
constexpr std::array<std::string_view, 2> protocol_choices{"TLSv1.2", "TLSv1.3"};

constexpr auto parameters = joined(std::array{host_parameter, port_parameter("443")}, trust_parameters,
                                   std::array{
                                       Parameter{.name = "min_protocol",
                                                 .type = ParameterType::choice,
                                                 .fallback = R"("TLSv1.2")",
                                                 .help = "The oldest protocol version that will do.",
                                                 .choices = protocol_choices},
                                   });

constexpr auto outputs =
    joined(connection_outputs, tls_outputs,
           std::array{
               Output{"cert.names", OutputType::text, "The names that the certificate is for, with commas between."},
               Output{"cert.subject", OutputType::text, "Whom the certificate was made for, such as CN=www,O=Campus."},
               Output{"cert.issuer", OutputType::text, "Who signed it."},
               Output{"cert.key", OutputType::text, "Kind and bits of its key, such as EC 256 or RSA 2048."},
               Output{"cert.chain", OutputType::number, "How many certificates the server sent, its own included."},
               Output{"tls.protocol", OutputType::text, "The protocol version agreed on, such as TLSv1.3."},
               Output{"tls.cipher", OutputType::text, "The cipher suite agreed on."},
           });

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

Task<Outcome> run_handshake(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    Endpoint endpoint = Endpoint::of(arguments, "", port_of(arguments, 443, 443));
    endpoint.trust.describe = true;
    auto stream = co_await open_stream(context, endpoint);
    if (!stream) {
        co_return outcome_of(std::move(stream.error()));
    }
    const auto secured = co_await secure(context, *stream, endpoint, patience);
    leave_certificate(context.report, *stream);
    if (!secured) {
        co_return outcome_of(secured.error());
    }
    const std::string protocol = stream->tls_protocol();
    context.report.output("tls.protocol", protocol);
    context.report.output("tls.cipher", stream->tls_cipher());
    context.report.note(fmt::format("{} with {}", protocol, stream->tls_cipher()));
    const auto place = [](std::string_view version) { return std::ranges::find(protocol_choices, version); };
    if (place(protocol) < place(arguments.text("min_protocol"))) {
        co_return Outcome::failed(fmt::format("{} agreed on {}, but {} is wanted", endpoint.server, protocol,
                                              arguments.text("min_protocol")));
    }
    co_return Outcome::ok();
}

constexpr std::array rows{
    Operation{.info = {.name = "tls.handshake",
                       .levels = "A1 A2",
                       .summary = "makes a TLS connection and judges the server's certificate: authority, names, days "
                                  "left; and the protocol version",
                       .parameters = parameters,
                       .outputs = outputs,
                       .target_parameter = "host",
                       .example = R"(do     = "tls.handshake"
port   = 443
expect = "cert.days > 14"
)"},
              .run = run_handshake},
};

}  // namespace

std::span<const Operation> tls_operations() {
    return rows;
}

}  // namespace slimtax::probes
