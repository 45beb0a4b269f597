// slimtax-prober: the command line.
#include <algorithm>
#include <exception>
#include <iostream>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "prober/commands/commands.hpp"
#include "prober/version.hpp"
#include "schemas/problem.hpp"

namespace {

using namespace slimtax::prober;

constexpr const char* config_help = "Settings of this prober (default: ./slimtax.toml, /etc/slimtax/slimtax.toml)";

struct Options {
    CheckOptions check;
    TryOptions try_out;
    NewOptions make_new;
    ListOptions list;
    RunOptions run;
};

void add_check(CLI::App& app, CheckOptions& options) {
    CLI::App* command = app.add_subcommand("check", "Find every mistake in definition files");
    command->add_option("PATH", options.paths, "Files, directories, or - for standard input");
    command->add_option("--config", options.config, "Check this prober's settings too, and that its secrets are there")
        ->type_name("FILE");
    command->add_option("--format", options.format, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->type_name("FORMAT");
    command->footer(
        "Without PATH the settings and the definitions that they name are checked.\n"
        "Exit status: 0 no errors, 1 errors.\n\n"
        "Example: slimtax-prober check definitions/\n"
        "         slimtax-prober check --format json - < web.toml");
}

void add_try(CLI::App& app, TryOptions& options) {
    CLI::App* command = app.add_subcommand("try", "Run probes now and show each step; nothing is stored");
    command->add_option("FILE", options.file, "A definition file, or - for standard input")->required();
    command->add_option("PROBE", options.probe, "Id of a probe (default: all of them)");
    command->add_option("--target", options.target, "Only this target; it need not be in the file")->type_name("NAME");
    command->add_option("--location", options.location, "Run as if at this location")->type_name("NAME");
    command->add_option("--config", options.config, config_help)->type_name("FILE");
    command->add_option("--format", options.format, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->type_name("FORMAT");
    command->add_flag("--load", options.load,
                      "Run nothing: show what load it is on each target; FILE may be a directory");
    command->footer(
        "Secrets come from the environment ($SLIMTAX_SECRET_NAME) or from where the settings say.\n"
        "Exit status: 0 ok, 1 slow, 2 failed or timeout, 3 prober_fault; the worst of several runs.\n\n"
        "Example: slimtax-prober try definitions/web.toml front-page --target www2.example\n"
        "         slimtax-prober try --load definitions/");
}

void add_new(CLI::App& app, NewOptions& options) {
    CLI::App* command = app.add_subcommand("new", "Begin a definition file with an operation, explained line by line");
    command->add_option("OPERATION", options.operation, "What its probe shall do: http.get")->required();
    command->add_option("--target", options.target, "The server to probe")->type_name("NAME");
    command->add_option("--id", options.id, "Id of the service")->type_name("ID");
    command->add_option("--level", options.level, "A0 to A4, one of the operation's (default: the usual one)")
        ->type_name("LEVEL");
    command->add_option("--out", options.out, "A file that is not there yet (default: standard output)")
        ->type_name("FILE");
    command->footer(
        "The file is good as it stands; lines to change end in <--, options stand there as comments.\n"
        "'slimtax-prober list' shows all operations.\n\n"
        "Example: slimtax-prober new http.get --target www.library.example --id library --out library.toml");
}

void add_list(CLI::App& app, ListOptions& options) {
    CLI::App* command = app.add_subcommand("list", "The operations that steps can do, with their parameters");
    command->add_option("OPERATION", options.operation, "This one in full, or those with this word: ldap, login");
    command
        ->add_option("--format", options.format,
                     "text, json, markdown (the reference page) or schema (JSON Schema of a definition, for editors)")
        ->check(CLI::IsMember({"text", "json", "schema", "markdown"}))
        ->type_name("FORMAT");
    command->footer(
        "Example: slimtax-prober list\n"
        "         slimtax-prober list http.get"
        "\n"
        "         slimtax-prober list --format schema > definitions.schema.json");
}

void add_run(CLI::App& app, RunOptions& options) {
    CLI::App* command = app.add_subcommand("run", "The daemon: runs this location's probes, ships their results");
    command->add_option("--config", options.config, config_help)->type_name("FILE");
    command->add_option("--log", options.log, "Levels: \"info\", \"warn,scheduler=debug,runs=debug\"")
        ->envname("SLIMTAX_LOG")
        ->type_name("LEVELS");
    command->footer(
        "SIGHUP (or POST /-/reload) reads the definitions again; a bad set never replaces a good one.\n"
        "SIGTERM stops in good order: runs under way end, results are on disk.\n\n"
        "Example: slimtax-prober run --config /etc/slimtax/slimtax.toml");
}

int start(int argc, char** argv) {
    CLI::App app("Runs scripted user transactions at set times and ships what came of them to the reporter.",
                 "slimtax-prober");
    app.set_version_flag("--version", "slimtax-prober " + std::string(version()));
    app.require_subcommand(1);
    app.footer(
        "Example: slimtax-prober new http.get --target www.library.example --out library.toml\n"
        "         slimtax-prober try library.toml\n"
        "'slimtax-prober COMMAND --help' shows a command's options.");
    if (argc > 1 && argv[1][0] != '-') {
        const std::vector<std::string_view> commands{"new", "check", "try", "list", "run"};
        if (std::ranges::find(commands, argv[1]) == commands.end()) {
            const std::string near = slimtax::schemas::nearest_word(argv[1], commands);
            std::cerr << "slimtax-prober: there is no command '" << argv[1] << "', only new, check, try, list and run"
                      << (near.empty() ? "" : "; did you mean '" + near + "'?") << '\n';
            return usage_error;
        }
    }
    Options options;
    add_new(app, options.make_new);
    add_check(app, options.check);
    add_try(app, options.try_out);
    add_list(app, options.list);
    add_run(app, options.run);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : usage_error;
    }
    if (app.got_subcommand("new")) {
        return make_new(options.make_new);
    }
    if (app.got_subcommand("check")) {
        return check(options.check);
    }
    if (app.got_subcommand("try")) {
        return try_out(options.try_out);
    }
    if (app.got_subcommand("list")) {
        return list(options.list);
    }
    return run(options.run);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return start(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "slimtax-prober: " << error.what() << '\n';
        return 3;
    }
}
