// tls.handshake: whether a server's certificate holds, for how long and for which names, and how it encrypts.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "probes/imap_client.hpp"
#include "probes/ldap_connection.hpp"
#include "probes/smtp_client.hpp"

namespace slimtax::probes {

namespace {

using schemas::Parameter;
using schemas::ParameterType;

// Oldest first. Older ones are not offered: this machine's OpenSSL need not know them any more.
constexpr std::array<std::string_view, 2> protocol_choices{"TLSv1.2", "TLSv1.3"};

constexpr std::array<std::string_view, 4> starttls_choices{"none", "smtp", "imap", "ldap"};

constexpr auto parameters =
    joined(std::array{host_parameter,
                      port_parameter("", "The server's port; omitted: 443, or with `starttls` 25, 143 or 389.")},
           trust_parameters,
           std::array{
               Parameter{.name = "starttls",
                         .type = ParameterType::choice,
                         .fallback = R"("none")",
                         .help = "The protocol in which TLS is asked for first; none: TLS begins at once.",
                         .choices = starttls_choices},
               Parameter{.name = "min_protocol",
                         .type = ParameterType::choice,
                         .fallback = R"("TLSv1.2")",
                         .help = "The oldest protocol version that will do.",
                         .choices = protocol_choices},
           });

constexpr auto outputs = joined(connection_outputs, tls_outputs, certificate_outputs);

// Each way to begin TLS returns the protocol version agreed on.
using Agreed = tl::expected<std::string, Trouble>;

Task<Agreed> at_once(StepContext& context, const Endpoint& endpoint, const Patience& patience) {
    auto conversation = co_await open_conversation(context, endpoint, true, patience);
    if (!conversation) {
        co_return tl::unexpected(std::move(conversation.error()));
    }
    co_return conversation->stream().tls_protocol();
}

Task<Agreed> by_smtp(StepContext& context, const Endpoint& endpoint, const Patience& patience) {
    auto client = co_await SmtpClient::open(context, endpoint, "starttls", patience);
    if (!client) {
        co_return tl::unexpected(std::move(client.error()));
    }
    const std::string protocol = client->conversation().stream().tls_protocol();
    (void)co_await client->quit(patience);  // the handshake is what was asked for
    co_return protocol;
}

Task<Agreed> by_imap(StepContext& context, const Endpoint& endpoint, const Patience& patience) {
    auto client = co_await ImapClient::open(context, endpoint, "starttls", patience);
    if (!client) {
        co_return tl::unexpected(std::move(client.error()));
    }
    const std::string protocol = client->conversation().stream().tls_protocol();
    (void)co_await client->log_out(patience);
    co_return protocol;
}

Task<Agreed> by_ldap(StepContext& context, const Endpoint& endpoint, const Patience& patience) {
    tl::expected<void, Trouble> done = co_await LdapConnection::get_library_ready(context.engine, patience.deadline);
    if (!done) {
        co_return tl::unexpected(std::move(done.error()));
    }
    auto stream = co_await open_stream(context, endpoint);
    if (!stream) {
        co_return tl::unexpected(std::move(stream.error()));
    }
    LdapConnection connection(context.engine, std::move(*stream), endpoint.address, false);
    done = connection.prepare();
    if (done) {
        done = co_await connection.start_tls(context, endpoint, patience);
    }
    if (!done) {
        co_return tl::unexpected(std::move(done.error()));
    }
    co_return connection.tls_protocol();
}

struct Way {
    std::string_view name;
    std::string_view server;
    std::uint16_t port;
    Task<Agreed> (*secure)(StepContext& context, const Endpoint& endpoint, const Patience& patience);
};

constexpr std::array ways{
    Way{"none", "", 443, at_once},
    Way{"smtp", "SMTP server", 25, by_smtp},
    Way{"imap", "IMAP server", 143, by_imap},
    Way{"ldap", "LDAP server", 389, by_ldap},
};

const Way& way_of(std::string_view name) {
    return *std::ranges::find(ways, name, &Way::name);
}

Task<Outcome> run_handshake(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    const Way& way = way_of(arguments.text("starttls"));
    Endpoint endpoint = Endpoint::of(arguments, way.server, port_of(arguments, way.port, way.port));
    endpoint.trust.describe = true;
    const auto secured = co_await way.secure(context, endpoint, patience);
    if (!secured) {
        co_return outcome_of(secured.error());
    }
    const std::string protocol = *secured;
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
