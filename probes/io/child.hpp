// A command run to its end on the loop: no shell, nothing inherited but what is given, nothing left behind.
//
// The child gets a process group of its own, default signals, its input as a file (so that it may read it or not),
// and no descriptor beyond its three. When it ends, or its time is up, the whole group is killed: what it started
// in the background goes too, unless that made a session of its own. The child is always reaped; one that SIGKILL
// does not end at once (it hangs in the kernel) is reaped later, when it ends.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "probes/io/loop.hpp"
#include "probes/io/task.hpp"
#include "schemas/time.hpp"

namespace slimtax::probes {

struct ChildOptions {
    std::vector<std::string> argv;  ///< the first is a path, or a name that is looked for in PATH
    std::vector<std::pair<std::string, std::string>> environment;  ///< all of it
    std::string folder = "/";                                      ///< where it runs
    std::string input;                                             ///< its standard input; empty: /dev/null
    std::size_t output_limit = 64u << 10;  ///< bytes kept of each stream; more is read and thrown away
};

struct ChildEnd {
    enum class How {
        exited,       ///< `code` is the exit code
        killed,       ///< by a signal that was not ours: `code` is its number
        timed_out,    ///< killed by us, at the deadline
        cancelled,    ///< killed by us, since the loop is being shut down
        not_started,  ///< `trouble` says why
    };
    How how = How::not_started;
    int code = 0;
    std::string trouble;
    std::string output;  ///< its standard output, and
    std::string errors;  ///< its standard error, as bytes
    bool output_cut = false;
    bool errors_cut = false;
    schemas::Duration took{};  ///< from the start to the end
    schemas::Duration cpu{};   ///< user and system time of it and the children it waited for
};

/// Runs the command; ends at the deadline, at most 100 ms late.
[[nodiscard]] Task<ChildEnd> run_child(Loop& loop, ChildOptions options, TimePoint deadline);

/// The variables of this process that a command may see: PATH, HOME, USER, LOGNAME, LANG, LC_ALL, TZ, TMPDIR. Not
/// the others: secrets may be among them.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> plain_environment();

}  // namespace slimtax::probes
