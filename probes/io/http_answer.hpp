// Reads an HTTP/1.1 answer from the bytes of a connection, as they come. Bounded in memory whatever comes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "probes/io/http_client.hpp"

namespace slimtax::probes {

class HttpAnswer {
public:
    /// Of an answer to `request`, which outlives this. `peer`: "im1:80", for reasons.
    HttpAnswer(const HttpRequest& request, std::string peer) : request_(request), peer_(std::move(peer)) {}

    enum class State {
        head,    ///< the status line or a header is awaited
        body,    ///< more of the body is awaited
        ended,   ///< all is here; what follows is not looked at
        broken,  ///< `reason` says why
    };

    /// Takes the next bytes.
    State take(std::string_view bytes);
    /// Takes the connection's end.
    State take_end();

    [[nodiscard]] bool began() const { return began_; }
    [[nodiscard]] bool head_ended() const { return state_ != State::head; }
    [[nodiscard]] const std::string& reason() const { return reason_; }
    /// Status, phrase, headers and body, so far.
    [[nodiscard]] HttpResponse& response() { return response_; }

private:
    enum class Framing { length, chunks, until_end };
    enum class Chunk { size, data, data_end, trailer };

    State fail(std::string reason);
    State not_http() { return fail(peer_ + " answered with something that is not HTTP"); }
    State malformed(std::string_view how) {
        return fail("the answer of " + peer_ + " is malformed: " + std::string(how));
    }
    std::optional<std::string_view> line(std::string_view& bytes);
    State status_line(std::string_view line);
    State header_line(std::string_view line);
    State end_head();
    State body(std::string_view bytes);
    State chunks(std::string_view bytes);
    State chunk_size(std::string_view line);
    State keep(std::string_view part);
    State too_long();

    const HttpRequest& request_;
    std::string peer_;
    State state_ = State::head;
    std::string reason_;
    HttpResponse response_;
    std::string line_;  ///< the beginning of a line whose end has not come
    std::size_t head_bytes_ = 0;
    bool began_ = false;
    bool has_status_ = false;
    Framing framing_ = Framing::until_end;
    Chunk chunk_ = Chunk::size;
    std::uint64_t left_ = 0;  ///< of the body, or of the chunk
};

}  // namespace slimtax::probes
