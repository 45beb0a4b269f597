// The commands of slimtax-prober. Each returns the exit status; what goes wrong is said on standard error.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace slimtax::prober {

/// Exit status of a command line that makes no sense (EX_USAGE of sysexits.h).
inline constexpr int usage_error = 64;

struct CheckOptions {
    std::vector<std::string> paths;               ///< files, directories, or "-"; empty: the configuration's
    std::optional<std::filesystem::path> config;  ///< then it is checked too, and that its secrets are there
    std::string format = "text";                  ///< text, json
};
/// 0: no errors; 1: errors.
int check(const CheckOptions& options);

struct TryOptions {
    std::string file;      ///< or "-"
    std::string probe;     ///< empty: every probe
    std::string target;    ///< empty: every target
    std::string location;  ///< empty: the configuration's, or else the probe's first
    std::optional<std::filesystem::path> config;
    std::string format = "text";  ///< text, json
    bool load = false;            ///< run nothing: say what load it would be; `file` may be a directory
};
/// 0: ok; 1: slow; 2: failed or timeout; 3: prober_fault. The worst of several runs.
int try_out(const TryOptions& options);

struct NewOptions {
    std::string operation;
    std::string target;  ///< empty: one that stands for it
    std::string id;      ///< of the service; empty: one that stands for it
    std::string level;   ///< one of the operation's; empty: the usual one
    std::string out;     ///< a file that is not there yet; empty or "-": standard output
};
/// 0: written; 1: no such operation, or the file cannot be written.
int make_new(const NewOptions& options);

struct ListOptions {
    std::string operation;        ///< or a word that several share: then these; empty: all
    std::string format = "text";  ///< text, json, schema, markdown
};
/// 0; 1: no such operation.
int list(const ListOptions& options);

struct RunOptions {
    std::optional<std::filesystem::path> config;
    std::string log = "info";
};
/// 0: stopped in good order; 1: could not start.
int run(const RunOptions& options);

}  // namespace slimtax::prober
