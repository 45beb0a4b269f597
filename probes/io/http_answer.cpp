#include "probes/io/http_answer.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace slimtax::probes {
namespace {

constexpr std::size_t most_head_bytes = 256 * 1024;
constexpr std::size_t longest_chunk_line = 16 * 1024;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
        text.remove_prefix(1);
    }
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
        text.remove_suffix(1);
    }
    return text;
}

std::string lower(std::string_view text) {
    std::string small(text);
    for (char& letter : small) {
        letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
    return small;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// A number without sign or blanks, or nothing.
std::optional<std::uint64_t> number(std::string_view text, int base) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    const bool whole = !text.empty() && error == std::errc() && end == text.data() + text.size();
    return whole && value <= static_cast<std::uint64_t>(INT64_MAX) ? std::optional(value) : std::nullopt;
}

}  // namespace

HttpAnswer::State HttpAnswer::fail(std::string reason) {
    reason_ = std::move(reason);
    return state_ = State::broken;
}

HttpAnswer::State HttpAnswer::take(std::string_view bytes) {
    began_ = began_ || !bytes.empty();
    while (state_ == State::head && !bytes.empty()) {
        const auto next = line(bytes);
        if (!next) {
            // Whoever does not speak HTTP may never end a line.
            constexpr std::string_view begin = "HTTP/";
            const bool other = !has_status_ && std::string_view(line_).substr(0, begin.size()) !=
                                                   begin.substr(0, std::min(begin.size(), line_.size()));
            return other ? not_http() : state_;
        }
        if (state_ == State::broken) {
            return state_;
        }
        const std::string text(*next);
        line_.clear();
        if (!has_status_) {
            status_line(text);
        } else if (text.empty()) {
            end_head();
        } else {
            header_line(text);
        }
    }
    return state_ == State::body ? body(bytes) : state_;
}

/// The next line without its end, taken off `bytes`; nothing when more is needed, or what there is is too much.
std::optional<std::string_view> HttpAnswer::line(std::string_view& bytes) {
    const auto end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    const std::size_t size = part.size() + (end == std::string_view::npos ? 0 : 1);
    head_bytes_ += size;
    bytes.remove_prefix(size);
    if (head_bytes_ > most_head_bytes) {
        fail(peer_ + ": the header is longer than 256 KiB");
        return std::string_view();
    }
    line_ += part;
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view whole = line_;
    if (whole.ends_with('\r')) {
        whole.remove_suffix(1);
    }
    return whole;
}

HttpAnswer::State HttpAnswer::status_line(std::string_view text) {
    // "HTTP/1.1 200 OK"; the phrase may be missing.
    const bool good = text.size() >= 12 && (text.starts_with("HTTP/1.0 ") || text.starts_with("HTTP/1.1 ")) &&
                      std::all_of(text.begin() + 9, text.begin() + 12, is_digit) && text[9] != '0' &&
                      (text.size() == 12 || text[12] == ' ') && text.find('\0') == std::string_view::npos;
    if (!good) {
        return not_http();
    }
    has_status_ = true;
    response_.status = static_cast<int>(*number(text.substr(9, 3), 10));
    response_.phrase = trimmed(text.substr(12));
    response_.headers.clear();
    response_.headers.reserve(12);
    return state_;
}

HttpAnswer::State HttpAnswer::header_line(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) {
        return not_http();
    }
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) {
        // The rest of the header before, folded: its beginning has to do.
        return text.front() == ' ' || text.front() == '\t' ? state_ : not_http();
    }
    response_.headers.emplace_back(lower(text.substr(0, colon)), trimmed(text.substr(colon + 1)));
    return state_;
}

HttpAnswer::State HttpAnswer::end_head() {
    const int status = response_.status;
    if (status < 200 && status != 101) {  // an interim answer: the next one counts
        has_status_ = false;
        return state_;
    }
    std::optional<std::uint64_t> length;
    bool chunked = false;
    for (const auto& [name, value] : response_.headers) {
        if (name == "content-length") {
            const auto said = number(value, 10);
            if (!said || (length && *length != *said)) {
                return malformed("its Content-Length is no length");
            }
            length = said;
        } else if (name == "transfer-encoding") {
            const std::string coding = lower(value);
            if (coding != "chunked" && coding != "identity") {
                return fail("HTTP with " + peer_ + " failed: its answer has a transfer coding that was not asked for");
            }
            chunked = chunked || coding == "chunked";
        }
    }
    if (request_.method == "HEAD" || status == 204 || status == 304 || status == 101) {
        return state_ = State::ended;
    }
    framing_ = chunked ? Framing::chunks : length ? Framing::length : Framing::until_end;
    left_ = framing_ == Framing::length ? *length : 0;
    return state_ = framing_ == Framing::length && left_ == 0 ? State::ended : State::body;
}

HttpAnswer::State HttpAnswer::too_long() {
    return fail(peer_ + ": the body is longer than the " + std::to_string(request_.max_body) + " bytes of max_body");
}

HttpAnswer::State HttpAnswer::keep(std::string_view part) {
    response_.bytes += part.size();
    if (response_.bytes > request_.max_body) {
        return too_long();
    }
    if (response_.body.size() < request_.keep_body) {
        response_.body.append(part.substr(0, request_.keep_body - response_.body.size()));
    }
    return state_;
}

HttpAnswer::State HttpAnswer::body(std::string_view bytes) {
    if (framing_ == Framing::chunks) {
        return chunks(bytes);
    }
    if (framing_ == Framing::until_end) {
        return keep(bytes);
    }
    const std::string_view part = bytes.substr(0, left_);
    left_ -= part.size();
    if (keep(part) == State::broken) {
        return state_;
    }
    return state_ = left_ == 0 ? State::ended : State::body;
}

HttpAnswer::State HttpAnswer::chunks(std::string_view bytes) {
    while (state_ == State::body && !bytes.empty()) {
        if (chunk_ == Chunk::data) {
            const std::string_view part = bytes.substr(0, left_);
            bytes.remove_prefix(part.size());
            left_ -= part.size();
            chunk_ = left_ == 0 ? Chunk::data_end : Chunk::data;
            keep(part);
            continue;
        }
        const std::size_t before = head_bytes_;
        const auto next = line(bytes);
        if (chunk_ != Chunk::trailer) {
            head_bytes_ = before;  // trailers count as header, the lines around chunks have a limit of their own
        }
        if (state_ == State::broken) {
            return state_;
        }
        if (!next && chunk_ != Chunk::trailer && line_.size() > longest_chunk_line) {
            return malformed("a chunk's first line does not end");
        }
        if (!next) {
            return state_;
        }
        const std::string text(*next);
        line_.clear();
        if (chunk_ == Chunk::size) {
            chunk_size(text);
        } else if (chunk_ == Chunk::data_end) {
            if (!text.empty()) {
                return malformed("a chunk is longer than it says");
            }
            chunk_ = Chunk::size;
        } else if (text.empty()) {
            return state_ = State::ended;
        }
    }
    return state_;
}

HttpAnswer::State HttpAnswer::chunk_size(std::string_view text) {
    const auto size = number(trimmed(text.substr(0, text.find(';'))), 16);
    if (!size) {
        return malformed("a chunk has no length");
    }
    left_ = *size;
    chunk_ = left_ == 0 ? Chunk::trailer : Chunk::data;
    return state_;
}

HttpAnswer::State HttpAnswer::take_end() {
    if (state_ == State::head) {
        return fail(peer_ + (began_ ? " closed the connection in the middle of its answer's header"
                                    : " closed the connection without an answer"));
    }
    if (state_ == State::body) {
        const bool whole = framing_ == Framing::until_end ||
                           (framing_ == Framing::chunks && chunk_ == Chunk::trailer && line_.empty());
        if (whole) {
            return state_ = State::ended;
        }
        return fail(peer_ + " closed the connection in the middle of its answer's body: " +
                    std::to_string(response_.bytes) + " bytes came");
    }
    return state_;
}

}  // namespace slimtax::probes
