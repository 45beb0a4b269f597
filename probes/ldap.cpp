// ldap.bind, ldap.search, ldap.unbind: a user signs in to the directory and looks somebody up. A bind's connection
// lives in the run's Session: a later search of the same server uses it; it is closed when the run ends.
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "probes/ldap_connection.hpp"
#include "probes/operation.hpp"
#include "probes/unix_socket.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr std::array<std::string_view, 3> ldap_tls_choices{"none", "starttls", "ldaps"};
constexpr std::array<std::string_view, 3> scope_choices{"base", "one", "sub"};

constexpr std::array<std::string_view, 2> mechanism_choices{"simple", "external"};

std::string filter_flaw(std::string_view filter) {
    const auto wrong = [&] {
        return fmt::format("\"{}\" is no LDAP filter: it must look like (uid=x), with as many ( as )",
                           quotable(filter));
    };
    int open = 0;  // of a value's own brackets none count: they are written \28 and \29
    for (const char c : filter) {
        open += c == '(' ? 1 : c == ')' ? -1 : 0;
        if (open < 0) {
            return wrong();
        }
    }
    return open != 0 || filter.find('=') == std::string_view::npos ? wrong() : "";
}

/// Why the parameters of a bind cannot go together. Empty: they can, or it will show when the step runs.
std::string bind_contradiction(const schemas::WrittenParameters& written) {
    const bool dn = written.has("dn");
    if (dn != written.has("password")) {
        // A name without a password is an "unauthenticated bind": many servers answer it with success.
        return dn ? "an LDAP bind with a dn needs a password: with an empty one it would be anonymous, whatever the dn"
                  : "an LDAP bind with a password needs a dn";
    }
    if (dn && written.text("mechanism") == "external") {
        return "an LDAP bind by mechanism external takes no dn";
    }
    if (written.has("certificate") != written.has("key")) {
        return "a certificate of our own needs its key, and the key its certificate";
    }
    const bool in_the_clear = written.text("tls").value_or(written.has("tls") ? "" : "none") == "none";
    return written.has("certificate") && in_the_clear
               ? "a certificate is shown in TLS: set tls = \"starttls\" or \"ldaps\""
               : "";
}

constexpr std::array connect_parameters{
    Parameter{.name = "host",
              .help = "Name or address of the server; the target fills it when omitted. Not needed with `path`.",
              .example = R"("${target}")"},
    Parameter{.name = "path",
              .help = "The server's Unix socket on this machine (ldapi), instead of host and port.",
              .example = R"("/run/slapd/ldapi")"},
    port_parameter("", "The server's port; omitted: 389, or 636 for ldaps."),
    Parameter{.name = "tls",
              .type = ParameterType::choice,
              .fallback = R"("none")",
              .help = "Whether to encrypt: none, starttls (on the plain port) or ldaps (from the first byte).",
              .choices = ldap_tls_choices},
};
constexpr std::array account_parameters{
    Parameter{.name = "mechanism",
              .type = ParameterType::choice,
              .fallback = R"("simple")",
              .help = "How to bind: simple (`dn` and `password`, or anonymously), or external (SASL EXTERNAL: the "
                      "server knows the prober by its user, with `path`, or by its `certificate`).",
              .choices = mechanism_choices},
    Parameter{.name = "dn",
              .help = "Who binds, as a distinguished name; omitted: anonymous.",
              .example = R"("uid=probe,ou=people,dc=campus,dc=example")"},
    Parameter{.name = "password",
              .help = "The password of `dn`; write ${secret:NAME}.",
              .example = R"("${secret:directory-probe}")"},
    Parameter{.name = "certificate",
              .help =
                  "With TLS, together with `key`: the certificate that the prober shows, as PEM, those of its issuers "
                  "after it.",
              .example = R"("${secret:directory-probe-cert}")"},
    Parameter{.name = "key",
              .help = "Together with `certificate`: its key, as PEM, not encrypted; write ${secret:NAME}.",
              .example = R"("${secret:directory-probe-key}")"},
};

constexpr auto bind_parameters = joined(connect_parameters, trust_parameters, account_parameters);

constexpr auto bind_outputs = joined(connection_outputs, tls_outputs);

constexpr auto search_parameters =
    joined(bind_parameters,
           std::array{
               Parameter{.name = "base",
                         .help = "Where to search; omitted: the root, which only scope base finds.",
                         .example = R"("ou=people,dc=campus,dc=example")"},
               Parameter{.name = "scope",
                         .type = ParameterType::choice,
                         .fallback = R"("sub")",
                         .help = "How deep: base (that entry alone), one (its children) or sub (all below).",
                         .choices = scope_choices},
               Parameter{.name = "filter",
                         .fallback = R"toml("(objectClass=*)")toml",
                         .help = "What to find, as an LDAP filter.",
                         .example = R"toml("(uid=probe)")toml",
                         .flaw = &filter_flaw},
               Parameter{.name = "attributes",
                         .type = ParameterType::text_list,
                         .help = "Which attributes to get; omitted: all. The first one becomes `value` and `values`.",
                         .example = R"(["mail"])"},
               Parameter{.name = "limit",
                         .type = ParameterType::integer,
                         .fallback = "100",
                         .help = "At most so many entries; more are not asked for, and `truncated` is true then.",
                         .least = 1,
                         .most = 100000},
           });

constexpr auto search_outputs =
    joined(bind_outputs,
           std::array{
               Output{"entries", OutputType::number, "How many entries were found."},
               Output{"truncated", OutputType::boolean, "There are more than `limit`."},
               Output{"dn", OutputType::text, "The distinguished name of the first entry."},
               Output{"value", OutputType::text, "The first value of the first of `attributes`, in the first entry."},
               Output{"values", OutputType::text, "All values of that attribute in the first entry, one a line."},
           });

std::uint16_t ldap_port(const Arguments& arguments) {
    return port_of(arguments, arguments.text("tls") == "ldaps" ? 636 : 389, 636);
}

Task<tl::expected<Stream, Trouble>> open_ldap_stream(StepContext& context, const Endpoint& endpoint) {
    if (!context.arguments.has("path")) {
        co_return co_await open_stream(context, endpoint);
    }
    const Patience stage = Patience::until(context.deadline);
    auto socket = co_await connect_unix(context.engine.loop(), endpoint.address, stage);
    if (!socket) {
        co_return tl::unexpected(std::move(socket.error()));
    }
    leave_timing(context.report, "connect", stage.spent());
    context.report.output("address", endpoint.address);
    context.report.note("connected to " + endpoint.address);
    co_return Stream(context.engine, std::move(*socket), endpoint.server);
}

// Opens a connection as the step's parameters say, and binds.
Task<tl::expected<std::shared_ptr<LdapConnection>, Trouble>> connect_and_bind(StepContext& context,
                                                                              const Patience& patience,
                                                                              bool anonymous_bind) {
    const Arguments& arguments = context.arguments;
    const std::string dn = arguments.text("dn");
    const std::string password = arguments.text("password");
    const std::string tls = arguments.text("tls");
    if (dn.empty() != password.empty()) {
        // A name without a password is an "unauthenticated bind": many servers answer it with success.
        co_return tl::unexpected(
            Trouble{Trouble::Kind::ours, dn.empty() ? "an LDAP bind with a password needs a dn"
                                                    : "an LDAP bind with a dn needs a password: with an empty one it "
                                                      "would be anonymous, whatever the dn"});
    }
    const bool external = arguments.text("mechanism") == "external";
    if (external && !dn.empty()) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, "an LDAP bind by mechanism external takes no dn"});
    }
    Endpoint endpoint = Endpoint::of(arguments, "LDAP server", ldap_port(arguments));
    endpoint.trust.own_certificate = arguments.text("certificate");
    endpoint.trust.own_key = arguments.text("key");
    if (arguments.has("certificate") != arguments.has("key")) {
        co_return tl::unexpected(
            Trouble{Trouble::Kind::ours, "a certificate of our own needs its key, and the key its certificate"});
    }
    if (arguments.has("certificate") && tls == "none") {
        co_return tl::unexpected(
            Trouble{Trouble::Kind::ours, "a certificate is shown in TLS: set tls = \"starttls\" or \"ldaps\""});
    }
    if (arguments.has("path")) {
        endpoint.address = arguments.text("path");
        endpoint.server = "LDAP server " + endpoint.address;
    } else if (endpoint.host.empty()) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, "an LDAP bind needs a host or a path"});
    }
    auto stream = co_await open_ldap_stream(context, endpoint);
    if (!stream) {
        co_return tl::unexpected(std::move(stream.error()));
    }
    tl::expected<void, Trouble> done;
    if (tls == "ldaps") {
        done = co_await secure(context, *stream, endpoint, patience);
        if (!done) {
            co_return tl::unexpected(std::move(done.error()));
        }
    }
    const auto connection =
        std::make_shared<LdapConnection>(context.engine, std::move(*stream), endpoint.address, tls == "ldaps");
    done = connection->prepare();
    if (done && tls == "starttls") {
        done = co_await connection->start_tls(context, endpoint, patience);
    }
    if (!done) {
        co_return tl::unexpected(std::move(done.error()));
    }
    if (!dn.empty() || external || anonymous_bind) {
        const Patience stage = Patience::until(patience.deadline);
        if (external) {
            done = co_await connection->bind_external(patience);
        } else {
            done = co_await connection->bind(dn, password, patience);
        }
        if (!done) {
            co_return tl::unexpected(std::move(done.error()));
        }
        context.report.timing("bind", stage.spent_until(connection->arrived()));
        context.report.note(external ? "bound by SASL EXTERNAL" : dn.empty() ? "bound anonymously" : "bound as " + dn);
    }
    co_return connection;
}

Task<Outcome> run_bind(StepContext& context) {
    const auto ready = co_await LdapConnection::get_library_ready(context.engine, context.deadline);
    if (!ready) {
        co_return outcome_of(ready.error());
    }
    const Patience patience = Patience::until(context.deadline);
    context.session.drop<LdapConnection>();
    auto connection = co_await connect_and_bind(context, patience, true);
    if (!connection) {
        co_return outcome_of(std::move(connection.error()));
    }
    context.report.response(patience.spent_until((*connection)->arrived()));
    context.session.put(std::move(*connection));
    co_return Outcome::ok();
}

// The connection of an earlier bind, when this search would open one like it.
LdapConnection* earlier_bind(StepContext& context) {
    auto* connection = context.session.find<LdapConnection>();
    const Arguments& arguments = context.arguments;
    if (connection == nullptr || connection->broken() ||
        (arguments.has("dn") && arguments.text("dn") != connection->dn())) {
        return nullptr;
    }
    if (arguments.has("path")) {
        return connection->address() == arguments.text("path") ? connection : nullptr;
    }
    // Without a port of its own the search means the server that the bind found, whichever port that was.
    const std::string& host = arguments.text("host");
    const std::string any_port = host_and_port(host, 0);
    const bool same = arguments.has("port")
                          ? connection->address() == host_and_port(host, ldap_port(arguments))
                          : connection->address().starts_with(any_port.substr(0, any_port.size() - 1));
    return same ? connection : nullptr;
}

Task<Outcome> run_search(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const auto ready = co_await LdapConnection::get_library_ready(context.engine, context.deadline);
    if (!ready) {
        co_return outcome_of(ready.error());
    }
    const Patience patience = Patience::until(context.deadline);
    LdapConnection* connection = earlier_bind(context);
    std::shared_ptr<LdapConnection> own;
    if (connection == nullptr) {
        auto opened = co_await connect_and_bind(context, patience, false);
        if (!opened) {
            co_return outcome_of(std::move(opened.error()));
        }
        own = std::move(*opened);
        connection = own.get();
    }
    LdapQuery query;
    query.base = arguments.text("base");
    query.scope = arguments.text("scope");
    query.filter = arguments.text("filter");
    query.attributes = arguments.list("attributes");
    query.limit = static_cast<int>(arguments.integer("limit"));
    const Patience stage = Patience::until(patience.deadline);
    const auto found = co_await connection->search(query, patience);
    if (!found) {
        co_return outcome_of(found.error());
    }
    context.report.timing("search", stage.spent_until(connection->arrived()));
    context.report.response(patience.spent_until(connection->arrived()));
    context.report.output("entries", static_cast<double>(found->entries));
    context.report.output("truncated", found->truncated);
    context.report.output("dn", found->first_dn);
    context.report.output("value", found->values.empty() ? std::string() : found->values.front());
    context.report.output("values", fmt::format("{}", fmt::join(found->values, "\n")));
    context.report.note(fmt::format("found {} {}", found->entries, found->entries == 1 ? "entry" : "entries"));
    co_return Outcome::ok();
}

Task<Outcome> run_unbind(StepContext& context) {
    auto* connection = context.session.find<LdapConnection>();
    if (connection == nullptr) {
        context.report.note("no LDAP connection to end");
        co_return Outcome::ok();
    }
    const Patience patience = Patience::until(context.deadline);
    const auto done = co_await connection->unbind(patience);
    context.session.drop<LdapConnection>();
    if (!done) {
        co_return outcome_of(done.error());
    }
    co_return Outcome::ok();
}

const std::array rows{
    Operation{.info = {.name = "ldap.bind",
                       .levels = "A2",
                       .summary = "signs in to an LDAP directory; the connection stays for later searches of the run",
                       .parameters = bind_parameters,
                       .outputs = bind_outputs,
                       .target_parameter = "host",
                       .example = R"(do       = "ldap.bind"
tls      = "starttls"
dn       = "uid=probe,ou=people,dc=campus,dc=example"
password = "${secret:directory-probe}"
)",
                       .contradiction = &bind_contradiction},
              .run = run_bind},
    Operation{.info = {.name = "ldap.search",
                       .levels = "A2 A3",
                       .summary = "searches an LDAP directory, on the connection of an earlier ldap.bind to the same "
                                  "server or on one of its own",
                       .parameters = search_parameters,
                       .outputs = search_outputs,
                       .target_parameter = "host",
                       .example = R"toml(do         = "ldap.search"
base       = "ou=people,dc=campus,dc=example"
filter     = "(uid=probe)"
attributes = ["mail"]
within     = "500ms"
expect     = "entries == 1"
)toml"},
              .run = run_search},
    Operation{.info = {.name = "ldap.unbind",
                       .levels = "A2 A3",
                       .summary = "ends the connection of an earlier ldap.bind in good order",
                       .parameters = {},
                       .outputs = {},
                       .after = "ldap.bind",
                       .example = R"(do     = "ldap.unbind"
always = true
)"},
              .run = run_unbind},
};

}  // namespace

std::span<const Operation> ldap_operations() {
    return rows;
}

}  // namespace slimtax::probes
