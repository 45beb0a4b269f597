// Makes and upgrades the tables of a store (schemas/store.sql), and refuses files that are something else.
#pragma once

#include <string_view>
#include <vector>

#include "reporter/store/sqlite.hpp"

namespace slimtax::reporter {

/// "slmx", in PRAGMA application_id.
inline constexpr std::int64_t store_application_id = 0x736C6D78;

/// The sections of store.sql, in order: the n-th (from 1) takes a store from version n - 1 to n.
[[nodiscard]] const std::vector<std::string_view>& store_sections();

/// Brings an opened file to the newest version; with Mode::read_only it only checks. Errors: another program's
/// file, a store of a newer program, an empty file that must not be made a store. None of these is touched.
[[nodiscard]] Stored<void> prepare_store(Database& database, Database::Mode mode);

}  // namespace slimtax::reporter
