// What the offline commands share: where store and definitions are, from --config or from --store and --definitions.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "reporter/ledger/period.hpp"
#include "reporter/report.hpp"
#include "reporter/store/sqlite_store.hpp"
#include "schemas/definition.hpp"

namespace CLI {
class App;
}

namespace slimtax::reporter {

/// The options as given; empty: not given.
struct WorkplaceOptions {
    std::filesystem::path config;
    std::filesystem::path store;
    std::filesystem::path definitions;
};

/// --config, --store, and --definitions where the command needs them.
void add_workplace_options(CLI::App& command, WorkplaceOptions& options, bool with_definitions);

/// --week, --month, --from, --to: which period is asked for.
struct PeriodOptions {
    std::string week;
    std::string month;
    std::string from;
    std::string to;
};
void add_period_options(CLI::App& command, PeriodOptions& options);

/// What a command works with. `locations`: those of the configuration's probers, or those in the store.
struct Workplace {
    std::unique_ptr<SqliteStore> store;
    schemas::Definitions definitions;
    std::vector<std::string> locations;
};

/// Opens store and definitions. Complains on standard error and returns nothing when it cannot. Advice on
/// definitions is not shown: that is what `slimtax-prober check` is for.
[[nodiscard]] std::unique_ptr<Workplace> open_workplace(const WorkplaceOptions& options, SqliteStore::Mode mode);

/// What is wrong with a period in the time zones of the services: it ends before it begins in one, or has begun in
/// none. Empty: nothing.
[[nodiscard]] std::string wrong_with_period(const AskedPeriod& asked, const schemas::Definitions& definitions,
                                            schemas::Instant now);

/// The report that was asked for; complains on standard error and returns nothing when it cannot be made.
[[nodiscard]] std::unique_ptr<Report> report_of(Workplace& workplace, const PeriodOptions& asked);

/// "slimtax-reporter: SENTENCE" on standard error.
void complain(const std::string& sentence);

/// Writes `text` to `file`, or to standard output when it is empty or "-". Complains and returns false when it
/// cannot be written whole; an existing file is then left as it was.
[[nodiscard]] bool write_out(const std::string& text, const std::string& file);

}  // namespace slimtax::reporter
