// xmpp.login, xmpp.roster, xmpp.message, xmpp.logout: a chat user signs in, gets the buddy list, writes to somebody who
// gets it, signs out. The stream lives in
// the run's Session between the steps and is closed when the run ends, by a logout or without.
#include <array>

#include <fmt/format.h>
#include <unistd.h>

#include "probes/endpoint.hpp"
#include "probes/patience.hpp"
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
    Endpoint endpoint;
    xmpp::Account account;  ///< without its password
};

std::string jid_flaw(std::string_view jid) {
    return xmpp::parse_jid(jid) ? "" : fmt::format("\"{}\" is no user@domain", quotable(jid));
}

constexpr std::array<std::string_view, 3> xmpp_tls_choices{"required", "optional", "none"};

constexpr std::array login_parameters{
    Parameter{.name = "user",
              .required = true,
              .help = "Who logs in, as user@domain; user@domain/resource asks for that resource.",
              .example = R"("probe@campus.example")",
              .flaw = &jid_flaw},
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

constexpr std::array message_parameters{
    Parameter{.name = "to",
              .required = true,
              .help = "Who gets the message, as user@domain: a second account on the same server, that logs in for it.",
              .example = R"("probe2@campus.example")",
              .flaw = &jid_flaw},
    Parameter{.name = "password",
              .required = true,
              .help = "That user's password; write ${secret:NAME}.",
              .example = R"("${secret:im-probe2}")"},
};

constexpr std::array message_outputs{
    Output{"time.reader_login", OutputType::duration, "The second user's login, from the look-up on."},
    Output{"time.delivery", OutputType::duration,
           "From the sending to the message's arrival at the second user: the step's response time."},
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
        XmppSession{xmpp::Client(context.engine, std::move(*stream), endpoint.address), {}, endpoint, account});
    session->account.password.clear();
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
    context.report.response(patience.spent_until(session->client.arrived()));
    const schemas::Duration login_to_list = session->login + *context.report.measured;
    context.report.timing("login_to_list", login_to_list);
    context.report.output("items", static_cast<double>(*items));
    context.report.output("login_to_list", schemas::to_seconds(login_to_list));
    context.report.note(fmt::format("buddy list of {} entries", *items));
    co_return Outcome::ok();
}

/// The session of the second user, opened as the first one's was.
Task<tl::expected<std::shared_ptr<xmpp::Client>, Trouble>> log_reader_in(StepContext& context,
                                                                         const XmppSession& writer,
                                                                         const xmpp::Jid& jid,
                                                                         const Patience& patience) {
    auto connected =
        co_await connect_tcp(context.engine, writer.endpoint.host, writer.endpoint.port, patience.deadline);
    if (!connected) {
        co_return tl::unexpected(std::move(connected.error()));
    }
    Stream stream(context.engine, std::move(connected->socket), writer.endpoint.server);
    const auto reader = std::make_shared<xmpp::Client>(context.engine, std::move(stream), writer.endpoint.address);
    xmpp::Account account = writer.account;
    account.jid = jid;
    account.password = context.arguments.text("password");
    StepReport aside;  // its phases are not this step's
    auto done = co_await reader->log_in(account, aside, patience);
    if (done) {
        done = co_await reader->become_available(patience);
    }
    if (!done) {
        co_return tl::unexpected(std::move(done.error()));
    }
    co_return reader;
}

Task<Outcome> run_message(StepContext& context) {
    auto* session = context.session.find<XmppSession>();
    if (session == nullptr) {
        co_return Outcome::failed("there is no XMPP session to write from: the login has not succeeded");
    }
    const Patience patience = Patience::until(context.deadline);
    if (session->client.broken()) {
        co_return Outcome::failed("the session with " + session->client.server() + " has ended before this step");
    }
    const auto jid = xmpp::parse_jid(context.arguments.text("to"));
    if (!jid) {
        co_return Outcome::fault("the reader of an XMPP message must be user@domain");
    }
    const auto reader = co_await log_reader_in(context, *session, *jid, patience);
    if (!reader) {
        co_return outcome_of(reader.error());
    }
    leave_timing(context.report, "reader_login", patience.spent());

    // Whoever sees it knows what it is; the number tells it from those of other runs.
    static std::uint64_t messages = 0;
    const std::string id =
        fmt::format("slimtax-{}-{}-{}", context.wall_now.time_since_epoch().count(), ::getpid(), ++messages);
    const std::string action = fmt::format("bring the message of {} to {}", session->client.jid(), (*reader)->jid());
    const Patience delivery = Patience::until(patience.deadline);
    auto done = co_await session->client.send_message((*reader)->jid(), id, "slimtax: a test message, " + id, delivery);
    if (done) {
        done = co_await (*reader)->await_message(id, action, delivery);
        context.report.response(delivery.spent_until((*reader)->arrived()));
    }
    if (!done && done.error().kind == Trouble::Kind::timed_out && !session->client.broken()) {
        // A server that will not deliver says so to the writer; what it said is there by now.
        const auto bounced = co_await session->client.await_message(id, action, Patience::until(Loop::now()));
        if (!bounced && bounced.error().kind == Trouble::Kind::refused) {
            done = bounced;
        }
    }
    (void)co_await (*reader)->log_out(patience);
    if (!done) {
        co_return outcome_of(done.error());
    }
    leave_timing(context.report, "delivery", *context.report.measured);
    context.report.note("the message arrived at " + (*reader)->jid());
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
    Operation{
        .info = {.name = "xmpp.message",
                 .levels = "A3",
                 .summary = "writes to a second user, who is logged in for it, and waits until the message arrives",
                 .parameters = message_parameters,
                 .outputs = message_outputs,
                 .after = "xmpp.login",
                 .example = R"(do       = "xmpp.message"
to       = "probe2@campus.example"
password = "${secret:im-probe2}"
within   = "1s"
)"},
        .run = run_message,
        .descriptors = 2},
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
