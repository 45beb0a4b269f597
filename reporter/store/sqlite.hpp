// SQLite with owners and values instead of pointers and codes. Errors are StoreErrors: sentences that name the file
// and what to do. One connection is used by one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "reporter/store/store.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace slimtax::reporter {

class Database;

/// A prepared statement. Values are bound from 1, columns counted from 0. Texts and blobs that are bound must live
/// until the next reset; views from columns live until the next step.
class Statement {
public:
    Statement() = default;

    Statement& bind(int index, std::int64_t value);
    Statement& bind_text(int index, std::string_view value);
    Statement& bind_blob(int index, std::string_view value);

    /// True when there is a row, false at the end. Errors reset the statement.
    [[nodiscard]] Stored<bool> step();
    /// Steps to the end and resets.
    [[nodiscard]] Stored<void> run();
    void reset();

    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string_view text(int column) const;
    [[nodiscard]] std::string_view blob(int column) const;

private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    const Database* database_ = nullptr;
};

class Database {
public:
    enum class Mode { create, existing, read_only };

    /// Opens without looking inside: SQLite reads the file at the first statement.
    [[nodiscard]] static Stored<std::unique_ptr<Database>> open(const std::filesystem::path& file, Mode mode);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs statements that give no rows.
    [[nodiscard]] Stored<void> execute(const std::string& sql);
    [[nodiscard]] Stored<Statement> prepare(std::string_view sql);
    /// The integer in the first column of the first row.
    [[nodiscard]] Stored<std::int64_t> integer(std::string_view sql);
    /// Rows that the last statement changed.
    [[nodiscard]] std::int64_t changes() const;
    [[nodiscard]] bool in_transaction() const;
    /// Pages in the write-ahead log after this connection's last commit.
    [[nodiscard]] int log_pages() const { return log_pages_; }
    /// Copies what it can from the log into the file, without waiting for anybody.
    void checkpoint();

    /// The last call's error as a sentence.
    [[nodiscard]] StoreError error(std::string_view doing) const;
    [[nodiscard]] const std::filesystem::path& file() const { return file_; }

private:
    Database(std::filesystem::path file, sqlite3* handle) : file_(std::move(file)), handle_(handle) {}
    static int committed(void* self, sqlite3* handle, const char* schema, int pages);
    std::filesystem::path file_;
    sqlite3* handle_;
    int log_pages_ = 0;
};

/// A transaction that rolls back unless it was committed.
class Transaction {
public:
    enum class Kind { read, write };
    [[nodiscard]] static Stored<Transaction> begin(Database& database, Kind kind);
    Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    [[nodiscard]] Stored<void> commit();

private:
    explicit Transaction(Database* database) : database_(database) {}
    Database* database_;
};

}  // namespace slimtax::reporter
