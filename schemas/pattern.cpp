#include "schemas/pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>

namespace slimtax::schemas {
namespace {

// A pattern such as (a+)+b may take exponential time: these limits end a match within some milliseconds.
constexpr std::uint32_t match_limit = 200'000;
constexpr std::uint32_t heap_limit_kib = 8 * 1024;
constexpr std::size_t longest_pattern = 16 * 1024;
constexpr std::size_t jit_stack_start = 32 * 1024;
constexpr std::size_t jit_stack_most = 512 * 1024;

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* thing) const {
        Free(thing);
    }
};

using Code = std::unique_ptr<pcre2_code, Freer<pcre2_code_free>>;
using CompileContext = std::unique_ptr<pcre2_compile_context, Freer<pcre2_compile_context_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Freer<pcre2_match_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Freer<pcre2_match_data_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Freer<pcre2_jit_stack_free>>;

/// What a thread needs to match; made once per thread, since a log may have millions of lines.
struct Workspace {
    MatchContext context{pcre2_match_context_create(nullptr)};
    JitStack stack{pcre2_jit_stack_create(jit_stack_start, jit_stack_most, nullptr)};
    MatchData data{};
    std::uint32_t pairs = 0;

    Workspace() {
        pcre2_set_match_limit(context.get(), match_limit);
        pcre2_set_heap_limit(context.get(), heap_limit_kib);
        if (stack) {
            pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
        }
    }

    pcre2_match_data* data_for(std::uint32_t wanted) {
        if (wanted > pairs) {
            pairs = wanted;
            data.reset(pcre2_match_data_create(pairs, nullptr));
        }
        return data.get();
    }
};

Workspace& workspace() {
    static thread_local Workspace of_this_thread;
    return of_this_thread;
}

std::string error_text(int number) {
    std::array<PCRE2_UCHAR, 256> buffer{};
    pcre2_get_error_message(number, buffer.data(), buffer.size());
    return reinterpret_cast<const char*>(buffer.data());
}

PCRE2_SPTR bytes_of(std::string_view text) {
    // PCRE2 wants an address also for an empty text.
    return reinterpret_cast<PCRE2_SPTR>(text.data() != nullptr ? text.data() : "");
}

}  // namespace

struct Pattern::Compiled {
    std::string text;
    Code code;
    std::uint32_t groups = 0;

    /// The number of filled pairs in the workspace's match data, or a negative PCRE2 error.
    [[nodiscard]] int run(std::string_view subject) const {
        Workspace& space = workspace();
        pcre2_match_data* data = space.data_for(groups + 1);
        const auto once = [&](std::uint32_t options) {
            return pcre2_match(code.get(), bytes_of(subject), subject.size(), 0, options, data, space.context.get());
        };
        const int found = once(0);
        return found == PCRE2_ERROR_JIT_STACKLIMIT ? once(PCRE2_NO_JIT) : found;
    }
};

tl::expected<Pattern, PatternError> Pattern::compile(std::string_view text) {
    const CompileContext context(pcre2_compile_context_create(nullptr));
    pcre2_set_max_pattern_length(context.get(), longest_pattern);
    int error = 0;
    PCRE2_SIZE offset = 0;
    auto compiled = std::make_shared<Compiled>();
    compiled->text = text;
    // Bytes, not characters: a log line in Latin-1 must not end the match.
    compiled->code.reset(pcre2_compile(bytes_of(text), text.size(), PCRE2_NEVER_UTF, &error, &offset, context.get()));
    if (!compiled->code) {
        return tl::unexpected(PatternError{std::min<std::size_t>(offset, text.size()), error_text(error)});
    }
    pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);  // without JIT it is slower, that is all
    pcre2_pattern_info(compiled->code.get(), PCRE2_INFO_CAPTURECOUNT, &compiled->groups);
    Pattern pattern;
    pattern.compiled_ = std::move(compiled);
    return pattern;
}

bool Pattern::found_in(std::string_view text) const {
    return !compiled_ || compiled_->run(text) >= 0;
}

std::optional<std::vector<std::string_view>> Pattern::match(std::string_view text) const {
    if (!compiled_) {
        return std::vector{text.substr(0, 0)};
    }
    const int filled = compiled_->run(text);
    if (filled < 0) {
        return std::nullopt;
    }
    const PCRE2_SIZE* pairs = pcre2_get_ovector_pointer(workspace().data.get());
    std::vector<std::string_view> groups(compiled_->groups + 1);
    for (std::size_t i = 0; i < std::min(groups.size(), static_cast<std::size_t>(filled)); ++i) {
        // \K in a lookahead can put the start behind the end.
        if (pairs[2 * i] != PCRE2_UNSET && pairs[2 * i] <= pairs[2 * i + 1]) {
            groups[i] = text.substr(pairs[2 * i], pairs[2 * i + 1] - pairs[2 * i]);
        }
    }
    return groups;
}

std::optional<int> Pattern::group(std::string_view name) const {
    if (!compiled_) {
        return std::nullopt;
    }
    const std::string terminated(name);
    const int number = pcre2_substring_number_from_name(compiled_->code.get(), bytes_of(terminated));
    return number > 0 ? std::optional(number) : std::nullopt;
}

const std::string& Pattern::text() const {
    static const std::string nothing;
    return compiled_ ? compiled_->text : nothing;
}

}  // namespace slimtax::schemas
