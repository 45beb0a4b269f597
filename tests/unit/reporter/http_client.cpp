#include "http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace slimtax::reporter::testing {

Connection::Connection(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    timeval patience{20, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error("connection refused");
    }
}

Connection::~Connection() {
    close();
}

void Connection::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return;  // the peer closed: what it answered can still be read
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

bool Connection::read_more() {
    char buffer[65536];
    const ssize_t length = recv(socket_, buffer, sizeof buffer, 0);
    if (length <= 0) {
        return false;
    }
    received_.append(buffer, static_cast<std::size_t>(length));
    return true;
}

const std::string& Connection::read_until(std::string_view text) {
    std::size_t searched = 0;
    while (received_.find(text, searched) == std::string::npos) {
        searched = received_.size() < text.size() ? 0 : received_.size() - text.size();
        if (!read_more()) {
            break;
        }
    }
    return received_;
}

void Connection::unchunk() {
    if (parsed_ == 0) {
        const std::size_t head = received_.find("\r\n\r\n");
        if (head == std::string::npos) {
            return;
        }
        parsed_ = head + 4;
    }
    while (true) {
        const std::size_t line_end = received_.find("\r\n", parsed_);
        if (line_end == std::string::npos) {
            return;
        }
        const std::size_t length = std::stoul(received_.substr(parsed_, line_end - parsed_), nullptr, 16);
        const std::size_t end = line_end + 2 + length + 2;
        if (received_.size() < end) {
            return;
        }
        content_.append(received_, line_end + 2, length);
        parsed_ = end;
    }
}

const std::string& Connection::read_content_until(std::string_view text) {
    std::size_t searched = 0;
    while (content_.find(text, searched) == std::string::npos) {
        searched = content_.size() < text.size() ? 0 : content_.size() - text.size();
        if (!read_more()) {
            break;
        }
        unchunk();
    }
    return content_;
}

const std::string& Connection::read_all() {
    return read_until(std::string_view("\0never\0", 7));
}

void Connection::close() {
    if (socket_ >= 0) {
        ::close(socket_);
        socket_ = -1;
    }
}

Answer ask(std::uint16_t port, const std::string& method, const std::string& path, const std::string& header_lines,
           const std::string& body) {
    Connection connection(port);
    const std::string host = header_lines.find("Host:") == std::string::npos ? "Host: localhost\r\n" : "";
    connection.send(fmt::format("{} {} HTTP/1.1\r\n{}Connection: close\r\nContent-Length: {}\r\n{}\r\n{}", method, path,
                                host, body.size(), header_lines, body));
    const std::string& text = connection.read_all();
    Answer answer;
    const std::size_t head = text.find("\r\n\r\n");
    if (!text.starts_with("HTTP/1.1 ") || head == std::string::npos) {
        return answer;
    }
    answer.status = std::stoi(text.substr(9, 3));
    answer.body = text.substr(head + 4);
    std::size_t at = text.find("\r\n") + 2;
    while (at < head) {
        const std::size_t end = text.find("\r\n", at);
        const std::size_t colon = text.find(": ", at);
        std::string name = text.substr(at, colon - at);
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        answer.headers[name] = text.substr(colon + 2, end - colon - 2);
        at = end + 2;
    }
    return answer;
}

}  // namespace slimtax::reporter::testing
