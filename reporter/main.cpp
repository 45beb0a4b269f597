// slimtax-reporter: takes results in, keeps them, and says how long people could not get their work done.
#include <exception>
#include <iostream>

#include <CLI/CLI.hpp>

#include "reporter/commands/commands.hpp"

int main(int argc, char** argv) {
    using namespace slimtax::reporter;
    CLI::App app("slimtax-reporter turns the results of probers into lights, outages, budgets and reports.");
    app.set_version_flag("--version", "slimtax-reporter " SLIMTAX_VERSION);
    app.require_subcommand(1);
    app.footer(
        "Example: slimtax-reporter report --config slimtax.toml --week 2026-W47\n"
        "Help on a command: slimtax-reporter COMMAND --help");
    int exit_status = 0;
    add_serve(app, exit_status);
    add_report(app, exit_status);
    add_amend(app, exit_status);
    add_send(app, exit_status);
    add_outages(app, exit_status);
    add_status(app, exit_status);
    add_import(app, exit_status);
    add_export(app, exit_status);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::exception& error) {
        std::cerr << "slimtax-reporter: " << error.what() << '\n';
        return 1;
    }
    return exit_status;
}
