// The commands of slimtax-reporter: one file each. `add_NAME` adds the subcommand with its options; when it is the
// one that was called, it runs while the command line is parsed and leaves its exit status.
#pragma once

namespace CLI {
class App;
}

namespace slimtax::reporter {

/// Exit statuses: 0 done, 1 it could not be done (bad file, store out of reach), 2 the command line is wrong.
void add_serve(CLI::App& app, int& exit_status);
void add_report(CLI::App& app, int& exit_status);
void add_amend(CLI::App& app, int& exit_status);
void add_send(CLI::App& app, int& exit_status);
void add_outages(CLI::App& app, int& exit_status);
void add_status(CLI::App& app, int& exit_status);
void add_import(CLI::App& app, int& exit_status);
void add_export(CLI::App& app, int& exit_status);

}  // namespace slimtax::reporter
