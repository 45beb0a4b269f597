// Log files as servers write and rotate them, and definition files as people write them.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include "probes/log_reader.hpp"
#include "probes/registry.hpp"
#include "schemas/definition_reader.hpp"
#include "schemas/pattern.hpp"
#include "schemas/utf8.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace slimtax::fuzz {
namespace {

/// A file of this process, gone at its end; in memory where the system has such a place.
const std::string& scratch_file() {
    struct File {
        std::string path = (std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp") +
                           ("/slimtax-fuzz-" + std::to_string(::getpid()));
        File() = default;
        File(const File&) = delete;
        File& operator=(const File&) = delete;
        ~File() { std::filesystem::remove(path); }
    };
    static const File file;
    return file.path;
}

/// Reads the input as it grows by two writes: every whole line comes once, and what it was told is what is there.
void feed_logs(const std::string& input) {
    static const auto pattern = schemas::Pattern::compile(R"(message from=(?<user>\S+) )").value();
    const std::string& path = scratch_file();
    const std::size_t half = below(input.size() + 1);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << "begin\n";
    probes::LogLimits limits;
    limits.line_bytes = 4096;
    limits.bytes = 1 + below(100'000);
    auto position = probes::read_log(path, std::nullopt, limits, [](std::string_view) {}).position;
    std::string seen;
    std::uint64_t lines = 0;
    const auto take = [&](std::string_view line) {
        must(line.size() <= limits.line_bytes, "a line is bounded", input);
        must(line.find('\n') == std::string_view::npos, "a line has no end inside", input);
        (void)pattern.match(line);
        (void)schemas::to_valid_utf8(line);
        ++lines;
    };
    for (const auto& part : {input.substr(0, half), input.substr(half)}) {
        std::ofstream(path, std::ios::binary | std::ios::app) << part;
        for (int turns = 0; turns < 200'000; ++turns) {
            const auto reading = probes::read_log(path, position, limits, take);
            must(reading.trouble.empty(), "a file that grows is read without trouble", input);
            must(!reading.lost, "a file that grows loses nothing", input);
            const bool stood = reading.position == position;
            position = reading.position;
            if (stood) {
                break;
            }
        }
    }
    must(lines >= static_cast<std::uint64_t>(std::count(input.begin(), input.end(), '\n')), "no line is missed", input);
}

void feed_definitions(const std::string& input) {
    const auto read = schemas::read_definition(input, "x.toml", probes::catalog());
    must(read.definition.has_value() != schemas::has_errors(read.problems), "a definition or an error", input);
    for (const schemas::Problem& problem : read.problems) {
        const std::string text = schemas::to_string(problem);
        must(schemas::first_invalid_utf8(text) == std::string::npos, "a problem is UTF-8", input);
        must(text.size() < 3000, "a problem is short", input);
    }
}

constexpr const char* service = R"([service]
id = "im"
title = "Chat"
owner = "a@b.example"
[window]
timezone = "America/New_York"
open = ["mon-fri 06:00-24:00", "sat 08:00-22:00"]
closed = ["2026-12-25"]
[[window.maintenance]]
from = 2026-12-06T02:00:00
to = 2026-12-06T04:00:00
why = "work"
[[objective]]
id = "o"
level = "A3"
bands = [ { up_to = "8s", at_least = "98%" }, { from = "8s", up_to = "20s", at_most = "5%" } ]
outage_when = { below_target_for = "10 min" }
budget = "60 min per week"
[[probe]]
id = "p"
level = "A3"
targets = ["a", "b"]
every = "30s"
timeout = "25s"
think = "1s..4s"
[[probe.step]]
do = "http.get"
url = "http://${target}/"
expect = 'status == 200 and json("/x") != "" and time.first_byte < 300ms'
save = { t = 'css("input[name=t]@value")' }
)";

}  // namespace

const Target logs{"logs",
                  {"2026 message from=u001 to=u002\nother line\nmessage from=\xff x\n", "no end", "\n\n\n"},
                  {"\n", "\r\n", "message from=", " ", std::string("\0", 1), "\xff\xfe", "u001 "},
                  feed_logs};
const Target definitions{"definitions",
                         {service},
                         {"[",
                          "]",
                          "[[",
                          "]]",
                          "=",
                          "\"",
                          "'",
                          "\"\"\"",
                          "{",
                          "}",
                          ",",
                          ".",
                          "\n",
                          "#",
                          "${target}",
                          "${save.",
                          "${secret:",
                          "1979-05-27T07:32:00Z",
                          "0x",
                          "1e9",
                          "inf",
                          "\\u",
                          "[[probe.step]]\n",
                          "do = ",
                          "expect = ",
                          "every = ",
                          "9999999 weeks",
                          "budget = ",
                          "json(",
                          "css(\"",
                          " and ",
                          "\xef\xbb\xbf",
                          "\xff"},
                         feed_definitions};

}  // namespace slimtax::fuzz
