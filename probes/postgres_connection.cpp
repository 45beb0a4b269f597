#include "probes/postgres_connection.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

#include "probes/io/stamp.hpp"
#include "probes/io/stream.hpp"
#include "probes/io/tls_peer.hpp"

namespace slimtax::probes {
namespace {

/// More than so much in answer to one query is not read.
constexpr std::uint64_t most_bytes = 16u << 20;

/// Of the first row so many values are kept, and so much of each.
constexpr int most_values = 100;
constexpr int most_value_bytes = 65536;

/// libpq looks for files of the home directory unless it is told of others.
constexpr const char* no_file = "/nonexistent/slimtax";

schemas::Duration between(TimePoint from, TimePoint to) {
    return std::chrono::duration_cast<schemas::Duration>(to - from);
}

/// libpq prints notices to standard error unless it is given something else to do.
void ignore_notice(void*, const PGresult*) {}

/// What libpq says of a connection that failed, without its own beginning, and its first line only.
std::string_view cause_in(std::string_view message) {
    constexpr std::string_view before = " failed: ";
    if (const std::size_t at = message.find(before); at != std::string_view::npos) {
        message.remove_prefix(at + before.size());
    }
    return message.substr(0, message.find('\n'));
}

bool is_any_of(std::string_view text, std::initializer_list<int> errors) {
    return std::ranges::any_of(errors,
                               [&](int error) { return text.find(std::strerror(error)) != std::string_view::npos; });
}

}  // namespace

/// How far a connection has come, and when.
struct PostgresConnection::Phases {
    enum class At { connecting, tls, login } at = At::connecting;
    TimePoint began = Loop::now();
    std::optional<TimePoint> connected;
    std::optional<TimePoint> secured;
    schemas::Duration connect{};
};

void PostgresConnection::CloseConnection::operator()(pg_conn* connection) const {
    ::PQfinish(connection);
}

void PostgresConnection::ClearResult::operator()(pg_result* result) const {
    ::PQclear(result);
}

PostgresConnection::PostgresConnection(Engine& engine) : engine_(&engine), check_("", "", true) {}
PostgresConnection::~PostgresConnection() = default;

int PostgresConnection::server_version() const {
    return connection_ ? ::PQserverVersion(connection_.get()) : 0;
}

std::optional<schemas::Instant> PostgresConnection::certificate_until() const {
    return check_.valid_until;
}

Task<PostgresConnection::Result<void>> PostgresConnection::open(StepContext& context, const Endpoint& endpoint,
                                                                const PostgresAccount& account,
                                                                const Patience& patience) {
    address_ = endpoint.address;
    server_ = endpoint.server;
    user_ = account.user;
    database_ = account.database;
    secret_ = account.password;
    if (std::getenv("PGSERVICE") != nullptr) {
        co_return tl::unexpected(
            Trouble{Trouble::Kind::ours,
                    "the variable PGSERVICE is set for the prober: PostgreSQL would not be asked as the "
                    "step says; unset it"});
    }
    const TimePoint began = Loop::now();
    const auto addresses = co_await engine_->resolver().look_up(endpoint.host, endpoint.port, patience.deadline);
    if (!addresses) {
        co_return tl::unexpected(addresses.error());
    }
    leave_timing(context.report, "lookup", between(began, Loop::now()));
    Trouble trouble;
    std::size_t left = addresses->size();
    for (const Address& address : *addresses) {
        const TimePoint now = Loop::now();
        // An address that swallows everything gets its share of the time only, so that the others have theirs.
        Patience share = patience;
        share.deadline = now + (patience.deadline - now) / static_cast<int>(left--);
        Phases phases;
        auto opened = co_await attempt(endpoint, account, address, share, phases);
        if (phases.connected) {
            leave_timing(context.report, "connect", phases.connect);
            context.report.output("address", address.text());
            context.report.note("connected to " + endpoint.address + " (" + address.text() + ")");
        }
        if (phases.secured) {
            leave_timing(context.report, "tls", between(*phases.connected, *phases.secured));
        }
        if (opened) {
            const TimePoint login = phases.secured ? *phases.secured : *phases.connected;
            leave_timing(context.report, "login", between(login, arrived()));
            co_return opened;
        }
        trouble = std::move(opened.error());
        if (phases.connected || trouble.kind == Trouble::Kind::ours) {
            break;  // another address is another server only where this one does not even accept
        }
    }
    broken_ = true;
    co_return tl::unexpected(std::move(trouble));
}

PostgresConnection::Result<void> PostgresConnection::start(const Endpoint& endpoint, const PostgresAccount& account,
                                                           const Address& address) {
    const std::string host_address = address.host();
    const std::string port = std::to_string(endpoint.port);
    const std::array<std::pair<const char*, const char*>, 17> options{{
        {"host", endpoint.trust.server_name.c_str()},
        {"hostaddr", host_address.c_str()},
        {"port", port.c_str()},
        {"user", account.user.c_str()},
        {"password", account.password.c_str()},
        {"dbname", account.database.c_str()},
        {"sslmode", account.tls ? "require" : "disable"},
        {"sslrootcert", no_file},
        {"sslcert", no_file},
        {"sslcrl", no_file},
        {"gssencmode", "disable"},
        {"passfile", no_file},
        {"application_name", "slimtax"},
        {"client_encoding", "UTF8"},
        {"options", ""},
        {"target_session_attrs", "any"},
        {nullptr, nullptr},
    }};
    std::array<const char*, 17> names{};
    std::array<const char*, 17> values{};
    for (std::size_t i = 0; i < options.size(); ++i) {
        std::tie(names[i], values[i]) = options[i];
    }
    judged_ = false;
    check_ = PeerCheck(endpoint.address, endpoint.trust.server_name, endpoint.trust.verify);
    connection_.reset(::PQconnectStartParams(names.data(), values.data(), 0));
    if (!connection_) {
        return tl::unexpected(Trouble{Trouble::Kind::ours, "no memory for a connection to " + server_});
    }
    ::PQsetNoticeReceiver(connection_.get(), &ignore_notice, nullptr);
    watch_ = ArrivalWatch();
    want_receive_stamps(::PQsocket(connection_.get()));
    return {};
}

// libpq would judge only by roots that it reads from a file for each connection. So it is told not to, and the
// judgement is ours, between the handshake's end and the first word that is said over it. (A callback during the
// handshake was tried: libpq may have finished that before anybody can set one.)
PostgresConnection::Result<void> PostgresConnection::judge_certificate(const Endpoint& endpoint) {
    auto* const ssl = static_cast<SSL*>(::PQgetssl(connection_.get()));
    if (judged_ || ssl == nullptr || ::SSL_is_init_finished(ssl) != 1) {
        return {};
    }
    judged_ = true;
    const std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> roots(::SSL_CTX_new(::TLS_client_method()),
                                                                    &::SSL_CTX_free);
    auto done = engine_->tls().judge(roots.get(), endpoint.trust.ca_file, check_);
    if (done && !judge_finished(ssl, ::SSL_CTX_get_cert_store(roots.get()), check_)) {
        done = tl::unexpected(refused(check_.reason));
    }
    return done;
}

Task<PostgresConnection::Result<void>> PostgresConnection::attempt(const Endpoint& endpoint,
                                                                   const PostgresAccount& account,
                                                                   const Address& address, const Patience& patience,
                                                                   Phases& phases) {
    std::string where = endpoint.address;
    if (address.host() != endpoint.host) {
        where += " (" + address.host() + ")";
    }
    Result<void> going = start(endpoint, account, address);
    if (!going) {
        co_return going;
    }
    Loop& loop = engine_->loop();
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        const int fd = ::PQsocket(connection_.get());
        if (next == PGRES_POLLING_FAILED || fd < 0 || ::PQstatus(connection_.get()) == CONNECTION_BAD) {
            co_return tl::unexpected(failed_to_open(phases, where));
        }
        Wake wake = Wake::ready;
        if (next == PGRES_POLLING_READING) {
            wake = co_await loop.readable(fd, patience.deadline);
        } else {
            wake = co_await loop.writable(fd, patience.deadline);
        }
        if (wake == Wake::cancelled) {
            co_return tl::unexpected(Trouble::shut_down());
        }
        if (wake == Wake::timed_out || patience.over()) {
            switch (phases.at) {
                case Phases::At::connecting:
                    co_return tl::unexpected(
                        Trouble{Trouble::Kind::timed_out, "connection to " + where + " timed out"});
                case Phases::At::tls: co_return tl::unexpected(ran_out(server_, "finish the TLS handshake", patience));
                case Phases::At::login: co_return tl::unexpected(ran_out(server_, "answer the log-in", patience));
            }
        }
        if (next == PGRES_POLLING_READING) {
            watch_.look(fd);
        }
        next = ::PQconnectPoll(connection_.get());
        const ConnStatusType status = ::PQstatus(connection_.get());
        if (!phases.connected && status != CONNECTION_STARTED && status != CONNECTION_BAD) {
            phases.connected = Loop::now();
            phases.connect = connect_time(fd, between(phases.began, *phases.connected));
            phases.at = account.tls ? Phases::At::tls : Phases::At::login;
        }
        going = judge_certificate(endpoint);
        if (!going) {
            co_return going;
        }
        if (judged_ && !phases.secured) {
            phases.secured = Loop::now();
            phases.at = Phases::At::login;
        }
    }
    ::PQsetnonblocking(connection_.get(), 1);
    co_return Result<void>();
}

Trouble PostgresConnection::failed_to_open(const Phases& phases, const std::string& where) const {
    const std::string_view message = ::PQerrorMessage(connection_.get());
    std::string_view cause = cause_in(message);
    const std::string words = quotable(cause, secret_, 300);
    if (is_any_of(cause, {EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, ENETUNREACH})) {
        return {Trouble::Kind::ours, "no connection to " + where + ": " + words};
    }
    if (phases.at == Phases::At::connecting) {
        if (is_any_of(cause, {ECONNREFUSED})) {
            return refused("connection to " + where + " refused");
        }
        return refused("connection to " + where + " failed: " + words);
    }
    constexpr std::string_view fatal = "FATAL:  ";
    if (cause.starts_with(fatal)) {
        return refused(fmt::format("{} refused the log-in of {}: {}", server_, quotable(user_),
                                   quotable(cause.substr(fatal.size()), secret_, 300)));
    }
    if (message.find("GSSAPI") != std::string_view::npos) {
        return refused(server_ + " wants a log-in by Kerberos (GSSAPI), which no probe does: its pg_hba.conf must let "
                                 "this account in by a password");
    }
    if (phases.at == Phases::At::tls) {
        if (cause.find("does not support SSL") != std::string_view::npos) {
            return refused(server_ + " does not offer TLS");
        }
        return refused("TLS handshake with " + address_ + " failed: " + words);
    }
    if (is_any_of(cause, {ECONNRESET, EPIPE}) || cause.find("closed the connection") != std::string_view::npos) {
        return refused(server_ + " closed the connection during the log-in");
    }
    return refused(server_ + " could not be logged in to: " + words);
}

TimePoint PostgresConnection::arrived() const {
    return connection_ ? watch_.arrived(::PQsocket(connection_.get())) : Loop::now();
}

Trouble PostgresConnection::lost(std::string_view action) {
    broken_ = true;
    return refused(fmt::format("{} closed the connection before it did {}", server_, action));
}

Task<PostgresConnection::Result<void>> PostgresConnection::send(std::string_view action, const Patience& patience) {
    while (true) {
        const int left = ::PQflush(connection_.get());
        if (left == 0) {
            co_return Result<void>();
        }
        // Both ways: a server that talks while it should listen must not make us wait for each other.
        const Wake wake =
            co_await engine_->loop().readable_or_writable(::PQsocket(connection_.get()), patience.deadline);
        if (wake == Wake::cancelled) {
            co_return tl::unexpected(Trouble::shut_down());
        }
        if (wake == Wake::timed_out || patience.over()) {
            broken_ = true;
            co_return tl::unexpected(ran_out(server_, action, patience));
        }
        watch_.look(::PQsocket(connection_.get()));
        if (left < 0 || ::PQconsumeInput(connection_.get()) != 1) {
            co_return tl::unexpected(lost(action));
        }
    }
}

Task<PostgresConnection::Result<PostgresConnection::ResultHandle>> PostgresConnection::next_result(
    std::string_view action, const Patience& patience) {
    const std::uint64_t before = watch_.received();
    while (::PQisBusy(connection_.get()) == 1) {
        const Wake wake = co_await engine_->loop().readable(::PQsocket(connection_.get()), patience.deadline);
        if (wake == Wake::cancelled) {
            co_return tl::unexpected(Trouble::shut_down());
        }
        if (wake == Wake::timed_out || patience.over()) {
            broken_ = true;
            co_return tl::unexpected(ran_out(server_, action, patience));
        }
        watch_.look(::PQsocket(connection_.get()));
        if (::PQconsumeInput(connection_.get()) != 1) {
            co_return tl::unexpected(lost(action));
        }
        if (watch_.received() - before > most_bytes) {
            broken_ = true;
            co_return tl::unexpected(
                refused(fmt::format("{} sent a row of more than {} MB", server_, most_bytes >> 20)));
        }
    }
    ResultHandle result(::PQgetResult(connection_.get()));
    if (::PQstatus(connection_.get()) == CONNECTION_BAD) {
        co_return tl::unexpected(lost(action));
    }
    co_return std::move(result);
}

Trouble PostgresConnection::refusal_of(const pg_result* result, std::string_view action,
                                       const Patience& patience) const {
    const char* const state = ::PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* const primary = ::PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const std::string_view message = primary == nullptr ? ::PQresultErrorMessage(result) : primary;
    if (state != nullptr && std::strcmp(state, "57014") == 0) {  // query_canceled: by the time-out that we set
        return ran_out(server_, action, patience);
    }
    return refused(fmt::format("{} refused the query: {}{}", server_, quotable(message, secret_, 300),
                               state == nullptr ? "" : fmt::format(" ({})", quotable(state, {}, 10))));
}

Task<PostgresConnection::Result<void>> PostgresConnection::run_plain(std::string statement, const Patience& patience) {
    constexpr std::string_view action = "begin a transaction";
    if (::PQsendQuery(connection_.get(), statement.c_str()) != 1) {
        co_return tl::unexpected(lost(action));
    }
    auto going = co_await send(action, patience);
    while (going) {
        auto result = co_await next_result(action, patience);
        if (!result) {
            co_return tl::unexpected(std::move(result.error()));
        }
        if (!*result) {
            break;
        }
        if (::PQresultStatus(result->get()) == PGRES_FATAL_ERROR) {
            going = tl::unexpected(refusal_of(result->get(), action, patience));
        } else if (::PQresultStatus(result->get()) != PGRES_COMMAND_OK) {
            going = tl::unexpected(lost(action));
        }
    }
    co_return going;
}

Task<PostgresConnection::Result<PostgresRows>> PostgresConnection::query(const PostgresQuery& query,
                                                                         const Patience& patience) {
    constexpr std::string_view action = "answer the query";
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(patience.deadline - Loop::now()).count();
    const auto limit = std::clamp<long long>(left, 1, 2'000'000'000);
    // A query that we gave up must not go on in the server: with a probe every few seconds they would pile up.
    const std::string prepare = (query.write ? "SET" : "BEGIN TRANSACTION READ ONLY; SET LOCAL") +
                                fmt::format(" statement_timeout = {}", limit);
    auto going = co_await run_plain(prepare, patience);
    if (!going) {
        co_return tl::unexpected(std::move(going.error()));
    }
    // With parameters, were there any: this way the server takes one statement and no more.
    if (::PQsendQueryParams(connection_.get(), query.statement.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) !=
            1 ||
        ::PQsetSingleRowMode(connection_.get()) != 1) {
        co_return tl::unexpected(lost(action));
    }
    const Patience stage = Patience::until(patience.deadline);
    going = co_await send(action, patience);
    PostgresRows rows;
    while (going) {
        auto next = co_await next_result(action, patience);
        if (!next) {
            co_return tl::unexpected(std::move(next.error()));
        }
        const pg_result* const result = next->get();
        if (result == nullptr) {
            break;
        }
        const ExecStatusType status = ::PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR) {
            going = tl::unexpected(refusal_of(result, action, patience));
        } else if (status == PGRES_SINGLE_TUPLE) {
            if (rows.rows == query.limit) {
                rows.truncated = true;
                rows.arrived = arrived();
                rows.took = stage.spent_until(rows.arrived);
                broken_ = true;  // the rest is not read: nothing more can be asked on this connection
                connection_.reset();
                co_return rows;
            }
            for (int i = 0; rows.rows == 0 && i < std::min(::PQnfields(result), most_values); ++i) {
                const int length = std::min(::PQgetlength(result, 0, i), most_value_bytes);
                rows.values.emplace_back(::PQgetvalue(result, 0, i), static_cast<std::size_t>(length));
            }
            ++rows.rows;
        } else if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
            rows.command = ::PQcmdStatus(const_cast<pg_result*>(result));
        } else {  // COPY wants a conversation that no probe holds
            broken_ = true;
            co_return tl::unexpected(refused(server_ + " answers that statement by a copy, which a query cannot take"));
        }
    }
    if (!going) {
        // The connection may be used again; a transaction that failed ends with it or with the next one.
        broken_ = broken_ || ::PQtransactionStatus(connection_.get()) != PQTRANS_IDLE;
        co_return tl::unexpected(std::move(going.error()));
    }
    rows.arrived = arrived();
    rows.took = stage.spent_until(rows.arrived);
    if (!query.write) {
        going = co_await run_plain("ROLLBACK", patience);
        if (!going) {
            co_return tl::unexpected(std::move(going.error()));
        }
    }
    co_return rows;
}

}  // namespace slimtax::probes
