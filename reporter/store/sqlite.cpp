#include "reporter/store/sqlite.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sqlite3.h>

namespace slimtax::reporter {
namespace {

/// Another process may hold the file while it commits or checkpoints.
constexpr int busy_milliseconds = 10'000;

bool no_space(int code, int system_error) {
    const bool space = system_error == ENOSPC || system_error == EDQUOT;
    return code == SQLITE_FULL || ((code & 0xff) == SQLITE_IOERR && space);
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Statement& Statement::bind(int index, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), index, value);
    return *this;
}

Statement& Statement::bind_text(int index, std::string_view value) {
    sqlite3_bind_text64(statement_.get(), index, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
}

Statement& Statement::bind_blob(int index, std::string_view value) {
    sqlite3_bind_blob64(statement_.get(), index, value.data(), value.size(), SQLITE_STATIC);
    return *this;
}

Stored<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code == SQLITE_DONE) {
        return false;
    }
    StoreError error = database_->error("");
    sqlite3_reset(statement_.get());
    return tl::unexpected(std::move(error));
}

Stored<void> Statement::run() {
    Stored<bool> more = true;
    while (more && *more) {
        more = step();
    }
    reset();
    return more ? Stored<void>() : tl::unexpected(more.error());
}

void Statement::reset() {
    sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
    const auto* text = sqlite3_column_text(statement_.get(), column);
    return {reinterpret_cast<const char*>(text),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string_view Statement::blob(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Stored<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file, Mode mode) {
    const int access = mode == Mode::create     ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                       : mode == Mode::existing ? SQLITE_OPEN_READWRITE
                                                : SQLITE_OPEN_READONLY;
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(file.c_str(), &handle, access | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<Database> database(new Database(file, handle));
    if (code != SQLITE_OK) {
        if (handle == nullptr) {
            return tl::unexpected(StoreError{fmt::format("cannot open the store {}: no memory", file.string()), true});
        }
        const int cause = sqlite3_system_errno(handle);
        return tl::unexpected(
            StoreError{fmt::format("cannot open the store {}: {}{}", file.string(),
                                   cause != 0 ? std::strerror(cause) : sqlite3_errmsg(handle),
                                   cause == ENOENT && mode != Mode::create
                                       ? "; results that arrive or are imported make it: is this its right name?"
                                       : ""),
                       false});
    }
    sqlite3_extended_result_codes(handle, 1);
    // Takes the place of SQLite's own checkpoints, which would happen inside somebody's commit.
    sqlite3_wal_hook(handle, &Database::committed, database.get());
    sqlite3_busy_timeout(handle, busy_milliseconds);
    return database;
}

Database::~Database() {
    sqlite3_close_v2(handle_);
}

Stored<void> Database::execute(const std::string& sql) {
    if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        return tl::unexpected(error(""));
    }
    return {};
}

Stored<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    const int code =
        sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    Statement statement;
    statement.statement_.reset(raw);
    statement.database_ = this;
    if (code != SQLITE_OK) {
        return tl::unexpected(error(""));
    }
    return statement;
}

Stored<std::int64_t> Database::integer(std::string_view sql) {
    auto statement = prepare(sql);
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    const auto row = statement->step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    return *row ? statement->integer(0) : 0;
}

std::int64_t Database::changes() const {
    return sqlite3_changes64(handle_);
}

bool Database::in_transaction() const {
    return sqlite3_get_autocommit(handle_) == 0;
}

void Database::checkpoint() {
    // What it cannot copy now (readers, full disk) stays in the log, where it is safe.
    sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

int Database::committed(void* self, sqlite3* /*handle*/, const char* /*schema*/, int pages) {
    static_cast<Database*>(self)->log_pages_ = pages;
    return SQLITE_OK;
}

StoreError Database::error(std::string_view doing) const {
    const int code = sqlite3_extended_errcode(handle_);
    const int cause = sqlite3_system_errno(handle_);
    const std::string store = "the store " + file_.string();
    const std::string lead = doing.empty() ? "" : fmt::format("{}: ", doing);
    if (no_space(code, cause)) {
        return {lead + fmt::format("{} cannot grow: the disk is full; nothing is lost, it goes on when there is room",
                                   store),
                true};
    }
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return {lead + fmt::format("{} is busy: another process has been writing to it for {} s", store,
                                       busy_milliseconds / 1000),
                    true};
        case SQLITE_NOTADB:
            return {lead + fmt::format("{} is not an SQLite database; name another file", file_.string()), false};
        case SQLITE_CORRUPT:
            return {lead + fmt::format("{} is damaged ({}); restore it from a backup", store, sqlite3_errmsg(handle_)),
                    false};
        case SQLITE_READONLY:
            return {lead + fmt::format("{} cannot be written: it is read-only for this user", store), false};
        case SQLITE_CANTOPEN:
        case SQLITE_IOERR:
            return {
                lead + fmt::format("{} cannot be used: {} ({})", store,
                                   cause != 0 ? std::strerror(cause) : "input/output error", sqlite3_errmsg(handle_)),
                true};
        default: return {lead + fmt::format("{}: {} ({})", store, sqlite3_errmsg(handle_), code), false};
    }
}

Stored<Transaction> Transaction::begin(Database& database, Kind kind) {
    const auto begun = database.execute(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
    if (!begun) {
        return tl::unexpected(begun.error());
    }
    return Transaction(&database);
}

Transaction::~Transaction() {
    // A failed statement may have rolled back by itself.
    if (database_ != nullptr && database_->in_transaction()) {
        static_cast<void>(database_->execute("ROLLBACK"));
    }
}

Stored<void> Transaction::commit() {
    auto done = database_->execute("COMMIT");
    if (done) {
        database_ = nullptr;
    }
    return done;
}

}  // namespace slimtax::reporter
