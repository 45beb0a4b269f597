// The record (record.hpp) in the store's file, by a connection of its own. For sqlite_store.cpp.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "reporter/store/record.hpp"
#include "reporter/store/sqlite.hpp"

namespace slimtax::reporter {

/// One thread at a time.
class StoreRecord {
public:
    /// Opens a store's file that is of the newest version. `read_only`: only the two that read may be called.
    [[nodiscard]] static Stored<std::unique_ptr<StoreRecord>> open(const std::filesystem::path& file, bool read_only);

    /// As Store's.
    [[nodiscard]] Stored<std::int64_t> amend(const RecordedAmendment& amendment);
    [[nodiscard]] Stored<Amendments> amendments();
    [[nodiscard]] Stored<std::size_t> issue(std::span<const IssuedFigure> figures);
    [[nodiscard]] Stored<std::vector<IssuedFigure>> issued(const std::string& service, const std::string& objective,
                                                           schemas::Instant from, schemas::Instant to);

private:
    explicit StoreRecord(std::unique_ptr<Database> database) : database_(std::move(database)) {}

    std::unique_ptr<Database> database_;
};

}  // namespace slimtax::reporter
