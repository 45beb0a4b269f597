#include "reporter/store/schema.hpp"

#include <fmt/format.h>

#include "reporter/store_files.hpp"

namespace slimtax::reporter {
namespace {

tl::unexpected<StoreError> refused(const Database& database, std::string_view why) {
    return tl::unexpected(StoreError{fmt::format("{} {}", database.file().string(), why), false});
}

struct Found {
    std::int64_t application = 0;
    std::int64_t version = 0;
    std::int64_t tables = 0;
};

Stored<Found> look(Database& database) {
    Found found;
    for (const auto& [sql, value] :
         {std::pair{"PRAGMA application_id", &found.application}, std::pair{"PRAGMA user_version", &found.version},
          std::pair{"SELECT count(*) FROM sqlite_master", &found.tables}}) {
        const auto number = database.integer(sql);
        if (!number) {
            return tl::unexpected(number.error());
        }
        *value = *number;
    }
    return found;
}

Stored<void> check(const Database& database, const Found& found, Database::Mode mode) {
    const auto newest = static_cast<std::int64_t>(store_sections().size());
    const bool empty = found.application == 0 && found.version == 0 && found.tables == 0;
    if (empty && mode != Database::Mode::create) {
        return refused(database, "is empty: no results were ever stored in it");
    }
    if (!empty && found.application != store_application_id) {
        return refused(database, "is a database of another program, not a slimtax store; name another file");
    }
    if (found.version > newest) {
        return refused(database,
                       fmt::format("was made by a newer slimtax (store version {}, this program knows up to {}); "
                                   "upgrade this program",
                                   found.version, newest));
    }
    if (found.version < newest && mode == Database::Mode::read_only) {
        return refused(database,
                       fmt::format("was made by an older slimtax (store version {}, this program reads {}); start "
                                   "`slimtax-reporter serve` once, which upgrades it",
                                   found.version, newest));
    }
    return {};
}

/// All missing sections in one transaction: an interrupted upgrade leaves the old version.
Stored<void> upgrade(Database& database) {
    auto transaction = Transaction::begin(database, Transaction::Kind::write);
    if (!transaction) {
        return tl::unexpected(transaction.error());
    }
    // Looked at again, now that nobody else can change it.
    const auto version = database.integer("PRAGMA user_version");
    if (!version) {
        return tl::unexpected(version.error());
    }
    const auto& sections = store_sections();
    std::string sql;
    for (auto next = static_cast<std::size_t>(*version); next < sections.size(); ++next) {
        sql += sections[next];
    }
    sql += fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", store_application_id, sections.size());
    if (auto done = database.execute(sql); !done) {
        return done;
    }
    return transaction->commit();
}

}  // namespace

const std::vector<std::string_view>& store_sections() {
    static const std::vector<std::string_view> sections = [] {
        constexpr std::string_view mark = "\n-- version ";
        std::vector<std::string_view> found;
        std::string_view text = embedded::store_sql;
        std::size_t at = text.find(mark);
        while (at != std::string_view::npos) {
            const std::size_t next = text.find(mark, at + mark.size());
            found.push_back(text.substr(at, next == std::string_view::npos ? next : next - at));
            at = next;
        }
        return found;
    }();
    return sections;
}

Stored<void> prepare_store(Database& database, Database::Mode mode) {
    const auto found = look(database);
    if (!found) {
        return tl::unexpected(found.error());
    }
    if (auto good = check(database, *found, mode); !good || mode == Database::Mode::read_only) {
        return good;
    }
    if (auto done = database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"); !done) {
        return done;
    }
    return found->version < static_cast<std::int64_t>(store_sections().size()) ? upgrade(database) : Stored<void>();
}

}  // namespace slimtax::reporter
