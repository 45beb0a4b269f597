#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>

#include <fmt/format.h>

#include "prober/commands/commands.hpp"
#include "prober/commands/common.hpp"
#include "prober/commands/new_definition.hpp"
#include "prober/commands/operations.hpp"
#include "probes/registry.hpp"
#include "schemas/definition_reader.hpp"
#include "schemas/operation_words.hpp"
#include "schemas/toml_reader.hpp"

namespace slimtax::prober {
namespace {

// Never over a file that is there: its author's work is worth more than ours.
bool write_new(const std::string& path, const std::string& text) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0) {
        complain(errno == EEXIST ? fmt::format("{} is there already; name another file, or remove it", path)
                                 : fmt::format("{} cannot be written: {}", path, std::strerror(errno)));
        return false;
    }
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t wrote = ::write(file, text.data() + done, text.size() - done);
        if (wrote < 0) {
            complain(fmt::format("{} cannot be written: {}", path, std::strerror(errno)));
            ::close(file);
            ::unlink(path.c_str());
            return false;
        }
        done += static_cast<std::size_t>(wrote);
    }
    return ::close(file) == 0;
}

// The level that was asked for, which must be one of the operation's; or the usual one.
std::optional<schemas::Level> level_for(const schemas::OperationInfo& info, const std::string& asked) {
    if (asked.empty()) {
        return usual_level(info);
    }
    const auto levels = schemas::levels_of(info);
    const auto level = schemas::parse_level(asked);
    if (!level || std::ranges::find(levels, asked) == levels.end()) {
        complain(fmt::format("{} is at home at {}, not at '{}'", info.name, info.levels, asked));
        return std::nullopt;
    }
    return level;
}

}  // namespace

int make_new(const NewOptions& options) {
    const schemas::Catalog catalog = probes::catalog();
    const schemas::OperationInfo* info = schemas::find_operation(catalog, options.operation);
    if (info == nullptr) {
        complain(unknown_operation(catalog, options.operation));
        return 1;
    }
    if (!options.id.empty() && !schemas::is_id(options.id)) {
        complain(fmt::format("'{}' cannot be an id: letters, digits, '-', '_' and '.' only, a letter or digit first",
                             options.id));
        return usage_error;
    }
    const auto level = level_for(*info, options.level);
    if (!level) {
        return usage_error;
    }
    const std::string text = new_definition(*info, catalog, {options.target, options.id, *level});
    // The rest is made from good rows, but the target came from outside.
    const auto read = schemas::read_definition(text, options.out.empty() ? "new.toml" : options.out, catalog);
    if (schemas::has_errors(read.problems)) {
        complain(read.problems);
        return 1;
    }
    if (options.out.empty() || options.out == "-") {
        std::cout << text << std::flush;
        return std::cout ? 0 : 1;
    }
    if (!write_new(options.out, text)) {
        return 1;
    }
    std::cout << fmt::format("wrote {}: change the lines marked <--, then: slimtax-prober try {}\n", options.out,
                             options.out);
    return 0;
}

}  // namespace slimtax::prober
