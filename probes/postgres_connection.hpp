// One connection to PostgreSQL: libpq's asynchronous calls on the loop. Names are looked up by us, no file of the
// prober's home directory is read, and no Kerberos is tried: libpq would block in each of these. libpq does the
// handshake of TLS, but the certificate is judged by our rules and told in our words.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "probes/endpoint.hpp"
#include "probes/io/arrival_watch.hpp"
#include "probes/io/tls.hpp"

struct pg_conn;
struct pg_result;

namespace slimtax::probes {

struct PostgresAccount {
    std::string user;
    std::string password;  ///< stands in no reason
    std::string database;
    bool tls = false;
};

struct PostgresQuery {
    std::string statement;     ///< one statement
    bool write = false;        ///< false: in a read-only transaction, rolled back
    std::size_t limit = 1000;  ///< of rows
};

struct PostgresRows {
    std::size_t rows = 0;
    bool truncated = false;           ///< the limit was reached; the connection is closed then
    std::vector<std::string> values;  ///< the first row's; NULL is empty
    std::string command;              ///< "SELECT 3", "UPDATE 1"
    TimePoint arrived{};              ///< the last of them
    schemas::Duration took{};         ///< from the statement until then
};

class PostgresConnection {
public:
    template <class T>
    using Result = tl::expected<T, Trouble>;

    explicit PostgresConnection(Engine& engine);
    ~PostgresConnection();
    PostgresConnection(const PostgresConnection&) = delete;
    PostgresConnection& operator=(const PostgresConnection&) = delete;

    /// Looks up, connects, encrypts and logs in. Leaves the timings lookup, connect, tls and login, and the outputs
    /// that belong to them.
    Task<Result<void>> open(StepContext& context, const Endpoint& endpoint, const PostgresAccount& account,
                            const Patience& patience);

    /// The server is told to give the statement up at the deadline, too.
    Task<Result<PostgresRows>> query(const PostgresQuery& query, const Patience& patience);

    [[nodiscard]] const std::string& address() const { return address_; }
    [[nodiscard]] const std::string& user() const { return user_; }
    [[nodiscard]] const std::string& database() const { return database_; }
    [[nodiscard]] bool broken() const { return broken_; }
    /// When the last that was read had arrived.
    [[nodiscard]] TimePoint arrived() const;
    [[nodiscard]] int server_version() const;  ///< 150018 for 15.18
    /// After open over TLS: until when the certificate is valid.
    [[nodiscard]] std::optional<schemas::Instant> certificate_until() const;

private:
    struct CloseConnection {
        void operator()(pg_conn* connection) const;
    };
    struct ClearResult {
        void operator()(pg_result* result) const;
    };
    using ResultHandle = std::unique_ptr<pg_result, ClearResult>;
    struct Phases;

    Task<Result<void>> attempt(const Endpoint& endpoint, const PostgresAccount& account, const Address& address,
                               const Patience& patience, Phases& phases);
    Result<void> start(const Endpoint& endpoint, const PostgresAccount& account, const Address& address);
    Result<void> judge_certificate(const Endpoint& endpoint);
    [[nodiscard]] Trouble failed_to_open(const Phases& phases, const std::string& where) const;
    Task<Result<void>> send(std::string_view action, const Patience& patience);
    Task<Result<ResultHandle>> next_result(std::string_view action, const Patience& patience);
    Task<Result<void>> run_plain(std::string statement, const Patience& patience);
    [[nodiscard]] Trouble refusal_of(const pg_result* result, std::string_view action, const Patience& patience) const;
    [[nodiscard]] Trouble lost(std::string_view action);

    Engine* engine_;
    PeerCheck check_;
    ArrivalWatch watch_;
    std::unique_ptr<pg_conn, CloseConnection> connection_;
    std::string address_;
    std::string server_;  ///< "PostgreSQL server db1:5432"
    std::string user_;
    std::string database_;
    std::string secret_;
    bool judged_ = false;
    bool broken_ = false;
};

}  // namespace slimtax::probes
