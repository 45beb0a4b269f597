// postgres.login, postgres.query: a user logs in to a PostgreSQL database and asks it something. A log-in's connection
// lives in the run's Session: a later query to the same server uses it; it is closed when the run ends.
#include <array>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "probes/postgres_connection.hpp"

namespace slimtax::probes {
namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr std::array<std::string_view, 2> postgres_tls_choices{"none", "starttls"};

constexpr auto login_parameters =
    joined(std::array{host_parameter, port_parameter("5432"),
                      Parameter{.name = "tls",
                                .type = ParameterType::choice,
                                .fallback = R"("none")",
                                .help = "Whether to encrypt: none, or starttls (at the client's request, as PostgreSQL "
                                        "does it).",
                                .choices = postgres_tls_choices}},
           trust_parameters,
           std::array{
               Parameter{.name = "user", .required = true, .help = "Who logs in.", .example = R"("probe")"},
               Parameter{.name = "password",
                         .help = "The password of `user`; write ${secret:NAME}.",
                         .example = R"("${secret:database-probe}")"},
               Parameter{.name = "database",
                         .help = "The database; omitted: the one that is named like the user.",
                         .example = R"("loans")"},
           });

constexpr auto login_outputs = joined(connection_outputs, tls_outputs,
                                      std::array{
                                          Output{"time.login", OutputType::duration, "Logging in."},
                                          Output{"version", OutputType::number, "The server's major version: 15."},
                                          Output{"release", OutputType::text, "Its whole version, as in 15.18."},
                                      });

constexpr auto query_parameters =
    joined(login_parameters,
           std::array{
               Parameter{.name = "query",
                         .required = true,
                         .help = "One SQL statement.",
                         .example = R"sql("SELECT count(*) FROM loans WHERE due < now()")sql"},
               Parameter{.name = "write",
                         .type = ParameterType::boolean,
                         .fallback = "false",
                         .help = "True to let it change data; otherwise it runs in a read-only transaction."},
               Parameter{.name = "limit",
                         .type = ParameterType::integer,
                         .fallback = "1000",
                         .help = "At most so many rows are read; where there are more, `truncated` is true.",
                         .least = 1,
                         .most = 1'000'000},
           });

constexpr auto query_outputs =
    joined(login_outputs, std::array{
                              Output{"time.query", OutputType::duration, "From the query to its last row."},
                              Output{"rows", OutputType::number, "How many rows came."},
                              Output{"truncated", OutputType::boolean, "There are more than `limit`."},
                              Output{"value", OutputType::text, "The first value of the first row; NULL is empty."},
                              Output{"values", OutputType::text, "All values of the first row, one a line."},
                              Output{"command", OutputType::text, "What was done, such as SELECT 3 or UPDATE 1."},
                          });

PostgresAccount account_of(const Arguments& arguments) {
    PostgresAccount account;
    account.user = arguments.text("user");
    account.password = arguments.text("password");
    account.database = arguments.has("database") ? arguments.text("database") : account.user;
    account.tls = arguments.text("tls") == "starttls";
    return account;
}

Task<tl::expected<std::shared_ptr<PostgresConnection>, Trouble>> log_in(StepContext& context,
                                                                        const Patience& patience) {
    const Endpoint endpoint =
        Endpoint::of(context.arguments, "PostgreSQL server", port_of(context.arguments, 5432, 5432));
    const PostgresAccount account = account_of(context.arguments);
    const auto connection = std::make_shared<PostgresConnection>(context.engine);
    const auto opened = co_await connection->open(context, endpoint, account, patience);
    if (const auto until = connection->certificate_until()) {
        const auto left = std::chrono::floor<std::chrono::days>(*until - context.wall_now);
        context.report.output("cert.days", static_cast<double>(left.count()));
    }
    if (!opened) {
        co_return tl::unexpected(opened.error());
    }
    const int version = connection->server_version();
    context.report.output("version", static_cast<double>(version / 10000));
    context.report.output("release", fmt::format("{}.{}", version / 10000, version % 10000));
    context.report.note(
        fmt::format("logged in as {}, PostgreSQL {}.{}", quotable(account.user), version / 10000, version % 10000));
    co_return connection;
}

Task<Outcome> run_login(StepContext& context) {
    const Patience patience = Patience::until(context.deadline);
    context.session.drop<PostgresConnection>();
    auto connection = co_await log_in(context, patience);
    if (!connection) {
        co_return outcome_of(std::move(connection.error()));
    }
    context.report.response(patience.spent_until((*connection)->arrived()));
    context.session.put(std::move(*connection));
    co_return Outcome::ok();
}

/// The connection of an earlier log-in, when this query would open one like it.
PostgresConnection* earlier_login(StepContext& context) {
    auto* const connection = context.session.find<PostgresConnection>();
    const PostgresAccount account = account_of(context.arguments);
    const std::string address = host_and_port(context.arguments.text("host"), port_of(context.arguments, 5432, 5432));
    const bool same = connection != nullptr && !connection->broken() && connection->address() == address &&
                      connection->user() == account.user && connection->database() == account.database;
    return same ? connection : nullptr;
}

Task<Outcome> run_query(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    PostgresConnection* connection = earlier_login(context);
    std::shared_ptr<PostgresConnection> own;
    if (connection == nullptr) {
        auto opened = co_await log_in(context, patience);
        if (!opened) {
            co_return outcome_of(std::move(opened.error()));
        }
        own = std::move(*opened);
        connection = own.get();
    }
    PostgresQuery query;
    query.statement = arguments.text("query");
    query.write = arguments.flag("write");
    query.limit = static_cast<std::size_t>(arguments.integer("limit"));
    const auto rows = co_await connection->query(query, patience);
    if (!rows) {
        co_return outcome_of(rows.error());
    }
    leave_timing(context.report, "query", rows->took);
    context.report.response(patience.spent_until(rows->arrived));
    context.report.output("rows", static_cast<double>(rows->rows));
    context.report.output("truncated", rows->truncated);
    context.report.output("value", rows->values.empty() ? std::string() : rows->values.front());
    context.report.output("values", fmt::format("{}", fmt::join(rows->values, "\n")));
    context.report.output("command", rows->command);
    context.report.note(
        fmt::format("{} {}{}", rows->rows, rows->rows == 1 ? "row" : "rows", rows->truncated ? ", and more" : ""));
    co_return Outcome::ok();
}

constexpr Operation rows[] = {
    {.info = {.name = "postgres.login",
              .levels = "A2",
              .summary = "logs in to a PostgreSQL database; the connection stays for later queries of the run",
              .parameters = login_parameters,
              .outputs = login_outputs,
              .target_parameter = "host",
              .example = R"(do       = "postgres.login"
tls      = "starttls"
user     = "probe"
password = "${secret:database-probe}"
database = "loans"
)"},
     .run = run_login},
    {.info = {.name = "postgres.query",
              .levels = "A2 A3",
              .summary = "asks a PostgreSQL database, on the connection of an earlier postgres.login or "
                         "on one of its own",
              .parameters = query_parameters,
              .outputs = query_outputs,
              .target_parameter = "host",
              .example = R"toml(do       = "postgres.query"
tls      = "starttls"
user     = "probe"
password = "${secret:database-probe}"
database = "loans"
query    = "SELECT count(*) FROM loans"
expect   = "rows == 1 and value != '0'"
within   = "500ms"
)toml",
              .text_output = "value"},
     .run = run_query},
};

}  // namespace

std::span<const Operation> postgres_operations() {
    return rows;
}

}  // namespace slimtax::probes
