// xmpp.login, xmpp.roster, xmpp.logout: a chat user signs in, gets the buddy list, signs out. The stream lives in
// the run's Session between the steps and is closed when the run ends, by a logout or without.
#include <array>

#include <fmt/format.h>

#include "probes/endpoint.hpp"
#include "probes/xmpp_client.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

// What the steps of one run share.
struct XmppSession {
    xmpp::Client client;
    schemas::Duration login{};  ///< the login's response time
};

constexpr std::array<std::string_view, 3> xmpp_tls_choices{"required", "optional", "none"};

constexpr std::array login_parameters{
    Parameter{.name = "user",
              .required = true,
              .help = "Who logs in, as user@domain; user@domain/resource asks for that resource.",
              .example = R"("probe@campus.example")"},
    Parameter{.name = "password",
              .required = true,
              .help = "The user's password; write ${secret:NAME}.",
              .example = R"("${secret:im-probe}")"},
    Parameter{.name = "host", .help = "The server; the target, or else the domain of `user`."},
    port_parameter("5222", "The server's port for clients."),
    Parameter{.name = "tls",
              .type = ParameterType::choice,
              .fallback = R"("required")",
              .help = "Whether to encrypt: required fails where TLS is not offered, optional takes it where it is, "
                      "none sends even the password in the clear.",
              .choices = xmpp_tls_choices},
    trust_parameters[0],
    trust_parameters[1],
    Parameter{.name = "server_name",
              .help = "The name that the certificate must bear; omitted: the domain of `user`, as XMPP wants it."},
};

constexpr auto login_outputs =
    joined(connection_outputs,
           std::array{Output{"jid", OutputType::text, "The full JID that the server gave to this session."}});

constexpr std::array roster_outputs{
    Output{"items", OutputType::number, "How many entries the buddy list has."},
    Output{"login_to_list", OutputType::duration,
           "From the start of the login to the whole list, without the pauses between the steps."},
};

xmpp::TlsMode tls_mode(std::string_view word) {
    if (word == "none") {
        return xmpp::TlsMode::none;
    }
    return word == "optional" ? xmpp::TlsMode::optional : xmpp::TlsMode::required;
}

Task<Outcome> run_login(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    const auto jid = xmpp::parse_jid(arguments.text("user"));
    if (!jid) {
        co_return Outcome::fault("the user of an XMPP login must be user@domain");
    }
    xmpp::Account account;
    account.jid = *jid;
    account.password = arguments.text("password");
    account.tls = tls_mode(arguments.text("tls"));
    account.trust.server_name = arguments.has("server_name") ? arguments.text("server_name") : jid->domain;
    account.trust.verify = arguments.flag("verify");
    account.trust.ca_file = arguments.text("ca_file");
    const std::string host = arguments.text("host").empty() ? jid->domain : arguments.text("host");
    const Endpoint endpoint("XMPP server", host, port_of(arguments, 5222, 5222));

    context.session.drop<XmppSession>();
    auto stream = co_await open_stream(context, endpoint);
    if (!stream) {
        co_return outcome_of(std::move(stream.error()));
    }
    const auto session = std::make_shared<XmppSession>(
        XmppSession{xmpp::Client(context.engine, std::move(*stream), endpoint.address), {}});
    const auto entered = co_await session->client.log_in(account, context.report, patience);
    if (!entered) {
        co_return outcome_of(entered.error());
    }
    session->login = patience.spent();
    context.report.output("jid", session->client.jid());
    context.session.put(session);
    co_return Outcome::ok();
}

Task<Outcome> run_roster(StepContext& context) {
    auto* session = context.session.find<XmppSession>();
    if (session == nullptr) {
        co_return Outcome::failed("there is no XMPP session to ask for the buddy list: the login has not succeeded");
    }
    const Patience patience = Patience::until(context.deadline);
    if (session->client.broken()) {
        co_return Outcome::failed("the session with " + session->client.server() + " has ended before this step");
    }
    const auto items = co_await session->client.roster(patience);
    if (!items) {
        co_return outcome_of(items.error());
    }
    const schemas::Duration login_to_list = session->login + patience.spent();
    context.report.timing("login_to_list", login_to_list);
    context.report.output("items", static_cast<double>(*items));
    context.report.output("login_to_list", schemas::to_seconds(login_to_list));
    context.report.note(fmt::format("buddy list of {} entries", *items));
    co_return Outcome::ok();
}

Task<Outcome> run_logout(StepContext& context) {
    auto* session = context.session.find<XmppSession>();
    if (session == nullptr) {
        context.report.note("no XMPP session to end");
        co_return Outcome::ok();
    }
    const Patience patience = Patience::until(context.deadline);
    const auto left = co_await session->client.log_out(patience);
    context.session.drop<XmppSession>();
    if (!left) {
        co_return outcome_of(left.error());
    }
    context.report.note("session ended");
    co_return Outcome::ok();
}

const std::array rows{
    Operation{.info = {.name = "xmpp.login",
                       .levels = "A2 A3",
                       .summary = "logs in to an XMPP (Jabber) server: connection, StartTLS, SASL, session",
                       .parameters = login_parameters,
                       .outputs = login_outputs,
                       .target_parameter = "host",
                       .example = R"(do       = "xmpp.login"
user     = "probe@campus.example"
password = "${secret:im-probe}"
timeout  = "10s"
)"},
              .run = run_login},
    Operation{.info = {.name = "xmpp.logout",
                       .levels = "A2 A3",
                       .summary = "ends the XMPP session in good order; with `always`, after a failure too",
                       .parameters = {},
                       .outputs = {},
                       .after = "xmpp.login",
                       .example = R"(do     = "xmpp.logout"
always = true
)"},
              .run = run_logout},
    Operation{.info = {.name = "xmpp.roster",
                       .levels = "A3",
                       .summary = "fetches the buddy list and counts its entries",
                       .parameters = {},
                       .outputs = roster_outputs,
                       .after = "xmpp.login",
                       .example = R"(do     = "xmpp.roster"
within = "8s"
expect = "items >= 1"
)"},
              .run = run_roster},
};

}  // namespace

std::span<const Operation> xmpp_operations() {
    return rows;
}

}  // namespace slimtax::probes
