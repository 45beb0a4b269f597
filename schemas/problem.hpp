// What is wrong with a file, said so that its author can mend it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slimtax::schemas {

/// A place in a text file; line and column count from 1, 0 means unknown. Columns count code points.
struct Position {
    int line = 0;
    int column = 0;
};

/// One thing wrong (`error`: the file is refused) or worth knowing (`advice`: it is taken).
struct Problem {
    enum class Kind { error, advice };

    Kind kind = Kind::error;
    std::string file;
    Position at;
    std::string message;  ///< what is wrong and what was expected: one sentence, no full stop
    std::string hint;     ///< what to do: "did you mean 'timeout'?"; may be empty
};

using Problems = std::vector<Problem>;

/// "file:line:column: error: message (hint)".
[[nodiscard]] std::string to_string(const Problem& problem);

[[nodiscard]] bool has_errors(const Problems& problems);

/// The candidate nearest to `word` by edits (insert, delete, replace, swap), or empty when none is near:
/// at most a third of the word's length, at least 1.
[[nodiscard]] std::string nearest_word(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace slimtax::schemas
