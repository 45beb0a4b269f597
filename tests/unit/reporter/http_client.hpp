// A client of bare sockets, for tests of servers: sends what it is told, well formed or not.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace slimtax::reporter::testing {

/// A connection to 127.0.0.1. Reading gives up after 20 s, so that a hung server fails a test instead of hanging it.
class Connection {
public:
    explicit Connection(std::uint16_t port);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void send(std::string_view bytes) const;
    /// Reads until `text` has come, or the peer has closed; returns all that came so far.
    const std::string& read_until(std::string_view text);
    /// Reads until the peer closes.
    const std::string& read_all();
    /// The same in the content of a chunked answer.
    const std::string& read_content_until(std::string_view text);
    /// Closes now, unread bytes or not.
    void close();
    [[nodiscard]] int descriptor() const { return socket_; }

private:
    bool read_more();
    void unchunk();
    int socket_ = -1;
    std::string received_;
    std::size_t parsed_ = 0;  ///< how much of it is in `content_`
    std::string content_;
};

struct Answer {
    int status = 0;
    std::map<std::string, std::string> headers;  ///< names in lower case
    std::string body;
};

/// "GET /path HTTP/1.1", Host, more header lines (each ending in \r\n), and a body; the connection is closed after it.
[[nodiscard]] Answer ask(std::uint16_t port, const std::string& method, const std::string& path,
                         const std::string& header_lines = "", const std::string& body = "");

}  // namespace slimtax::reporter::testing
