#include "probes/dns_message.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include <arpa/inet.h>

#include "schemas/utf8.hpp"

namespace slimtax::probes {
namespace {

struct TypeName {
    std::string_view word;
    std::uint16_t number;
};
enum Type : std::uint16_t {
    A = 1,
    NS = 2,
    CNAME = 5,
    SOA = 6,
    PTR = 12,
    MX = 15,
    TXT = 16,
    AAAA = 28,
    SRV = 33,
    CAA = 257
};
constexpr std::array types{TypeName{"A", A},     TypeName{"AAAA", AAAA}, TypeName{"CAA", CAA}, TypeName{"CNAME", CNAME},
                           TypeName{"MX", MX},   TypeName{"NS", NS},     TypeName{"PTR", PTR}, TypeName{"SOA", SOA},
                           TypeName{"SRV", SRV}, TypeName{"TXT", TXT}};

void put16(std::string& bytes, std::uint16_t value) {
    bytes += static_cast<char>(value >> 8);
    bytes += static_cast<char>(value & 0xFF);
}

/// Reads a message from front to back; once past its end, everything is empty and `good` is false.
class Reader {
public:
    Reader(std::string_view message, std::size_t from, std::size_t to) : message_(message), place_(from), end_(to) {}

    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] std::size_t place() const { return place_; }
    [[nodiscard]] std::size_t left() const { return end_ - place_; }

    std::string_view bytes(std::size_t count) {
        if (!good_ || count > left()) {
            good_ = false;
            return {};
        }
        const std::string_view taken = message_.substr(place_, count);
        place_ += count;
        return taken;
    }
    std::uint32_t number(std::size_t size) {
        std::uint32_t value = 0;
        for (const char byte : bytes(size)) {
            value = value << 8 | static_cast<unsigned char>(byte);
        }
        return value;
    }
    std::uint16_t number16() { return static_cast<std::uint16_t>(number(2)); }

    /// A name, compressed or not. Pointers must lead backwards, so that they come to an end.
    std::string name();

    /// A string with its length before it.
    std::string_view counted() { return bytes(number(1)); }

private:
    std::string_view message_;
    std::size_t place_;
    std::size_t end_;
    bool good_ = true;
};

/// Bytes that are no text as \DDD (RFC 1035 §5.1). In a part of a name everything but printable ASCII is none, and its
/// dots are escaped; other text may be UTF-8.
std::string as_in_zone_file(std::string_view bytes, bool part_of_name) {
    const bool utf8 = !part_of_name && schemas::first_invalid_utf8(bytes) == std::string::npos;
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        const bool shown = (byte > 0x20 || (byte == 0x20 && !part_of_name)) && byte != 0x7F && (byte < 0x80 || utf8);
        if (!shown) {
            text += '\\' + std::to_string(1000 + byte).substr(1);
        } else if (part_of_name && (c == '.' || c == '\\')) {
            text += '\\';
            text += c;
        } else {
            text += c;
        }
    }
    return text;
}

std::string Reader::name() {
    std::string text;
    std::size_t lowest = place_;  // pointers go below this
    std::size_t at = place_;
    bool jumped = false;
    while (good_) {
        if (at >= message_.size() || (!jumped && at >= end_) || text.size() > 255) {
            good_ = false;
            break;
        }
        const auto length = static_cast<unsigned char>(message_[at]);
        if ((length & 0xC0) == 0xC0) {
            const std::size_t target =
                at + 1 < message_.size()
                    ? (static_cast<std::size_t>(length & 0x3F) << 8 | static_cast<unsigned char>(message_[at + 1]))
                    : message_.size();
            if (target >= lowest) {
                good_ = false;
                break;
            }
            if (!jumped) {
                place_ = at + 2;
            }
            jumped = true;
            lowest = at = target;
            continue;
        }
        if (length == 0) {
            if (!jumped) {
                place_ = at + 1;
            }
            break;
        }
        if (length > 63 || at + 1 + length > message_.size()) {
            good_ = false;
            break;
        }
        text += text.empty() ? "" : ".";
        text += as_in_zone_file(message_.substr(at + 1, length), true);
        at += 1 + length;
    }
    if (place_ > end_) {
        good_ = false;
    }
    return good_ ? dns_canonical(text) : std::string();
}

std::string hex(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const char byte : bytes) {
        text += digits[static_cast<unsigned char>(byte) >> 4];
        text += digits[static_cast<unsigned char>(byte) & 15];
    }
    return text;
}

std::string address(Reader& data, int family, std::size_t size) {
    const std::string_view bytes = data.bytes(size);
    char room[INET6_ADDRSTRLEN] = "";
    if (bytes.size() == size &&
        family == AF_INET) {  // not by inet_ntop, which prints with a format: it is the usual one
        const auto part = [&](std::size_t i) { return std::to_string(static_cast<unsigned char>(bytes[i])); };
        return part(0) + "." + part(1) + "." + part(2) + "." + part(3);
    }
    if (bytes.size() == size) {
        ::inet_ntop(family, bytes.data(), room, sizeof room);
    }
    return room;
}

/// The data of a record as text; the reader stands at its start and ends with it.
std::string data_text(std::uint16_t type, Reader& data) {
    const auto number = [&data](std::size_t size) { return std::to_string(data.number(size)) + " "; };
    std::string text;
    switch (type) {
        case A: return address(data, AF_INET, 4);
        case AAAA: return address(data, AF_INET6, 16);
        case NS:
        case CNAME:
        case PTR: return data.name();
        case MX: text = number(2); return text + data.name();
        case SRV:
            text = number(2);
            text += number(2);
            text += number(2);
            return text + data.name();
        case TXT:
            while (data.good() && data.left() > 0) {
                text += data.counted();
            }
            return as_in_zone_file(text, false);
        case SOA:
            text = data.name() + " ";
            text += data.name();
            for (int i = 0; i < 5 && data.good(); ++i) {
                text += " " + std::to_string(data.number(4));
            }
            return text;
        case CAA:
            text = number(1);
            text += as_in_zone_file(data.counted(), true);
            text += " \"" + as_in_zone_file(data.bytes(data.left()), false) + "\"";
            return text;
        default: {
            text = "\\# " + std::to_string(data.left()) + " ";
            return text + hex(data.bytes(data.left()));
        }
    }
}

}  // namespace

std::uint16_t dns_type(std::string_view word) {
    for (const TypeName& type : types) {
        if (type.word == word) {
            return type.number;
        }
    }
    return 0;
}

std::string dns_rcode(int code) {
    static constexpr std::array<std::string_view, 6> names{"NOERROR",  "FORMERR", "SERVFAIL",
                                                           "NXDOMAIN", "NOTIMP",  "REFUSED"};
    const auto place = static_cast<std::size_t>(code);
    return place < names.size() ? std::string(names[place]) : "code " + std::to_string(code);
}

std::string dns_canonical(std::string_view name) {
    if (name.ends_with('.')) {
        name.remove_suffix(1);
    }
    std::string text(name);
    for (char& letter : text) {
        letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
    return text;
}

tl::expected<std::string, std::string> dns_query(const DnsAsk& ask, const std::string& name) {
    constexpr std::uint16_t recursion_desired = 0x0100;
    constexpr std::uint16_t authentic_data = 0x0020;  // in a query: say so in the answer (RFC 6840)
    std::string bytes;
    put16(bytes, ask.id);
    put16(bytes, ask.dnssec ? recursion_desired | authentic_data : recursion_desired);
    put16(bytes, 1);  // one question
    bytes.append(4, '\0');
    put16(bytes, ask.edns_size > 0 ? 1 : 0);
    const std::size_t start = bytes.size();
    if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
        return tl::unexpected("\"" + name + "\" is no name of the DNS: write its ASCII form, xn--...");
    }
    std::string_view rest = name;
    if (rest.ends_with('.')) {
        rest.remove_suffix(1);
    }
    while (!rest.empty()) {
        const auto dot = rest.find('.');
        const std::string_view label = rest.substr(0, dot);
        rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
        const bool ends_in_dot = dot != std::string_view::npos && rest.empty();
        if (label.empty() || label.size() > 63 || ends_in_dot) {
            return tl::unexpected("\"" + name + "\" is no valid name: each part between dots has 1 to 63 characters");
        }
        bytes += static_cast<char>(label.size());
        bytes += label;
    }
    bytes += '\0';
    if (bytes.size() - start > 255) {
        return tl::unexpected("\"" + name + "\" is no valid name: it is longer than 255 characters");
    }
    put16(bytes, ask.type);
    put16(bytes, ask.record_class);
    if (ask.edns_size > 0) {
        constexpr std::uint16_t type_opt = 41;
        constexpr std::uint16_t dnssec_ok = 0x8000;
        bytes += '\0';  // the root
        put16(bytes, type_opt);
        put16(bytes, ask.edns_size);
        put16(bytes, 0);  // extended code, version
        put16(bytes, ask.dnssec ? dnssec_ok : 0);
        put16(bytes, 0);  // no options
    }
    return bytes;
}

tl::expected<DnsMessage, std::string> parse_dns(std::string_view bytes) {
    Reader reader(bytes, 0, bytes.size());
    DnsMessage message;
    message.id = reader.number16();
    const std::uint16_t flags = reader.number16();
    message.is_answer = (flags & 0x8000) != 0;
    message.authoritative = (flags & 0x0400) != 0;
    message.truncated = (flags & 0x0200) != 0;
    message.validated = (flags & 0x0020) != 0;
    message.rcode = flags & 0x000F;
    const std::uint16_t questions = reader.number16();
    const std::uint16_t answers = reader.number16();
    reader.bytes(4);  // authority and additional records are not looked at
    for (int i = 0; i < questions && reader.good(); ++i) {
        message.question = reader.name();
        message.question_type = reader.number16();
        reader.number16();
    }
    for (int i = 0; i < answers && reader.good(); ++i) {
        DnsRecord record;
        record.name = reader.name();
        record.type = reader.number16();
        reader.number16();
        record.ttl = reader.number(4);
        const std::size_t length = reader.number16();
        const std::size_t start = reader.place();
        reader.bytes(length);
        if (!reader.good()) {
            break;
        }
        Reader data(bytes, start, start + length);
        record.text = data_text(record.type, data);
        if (!data.good() || data.left() != 0) {
            return tl::unexpected(std::string("a record in the answer is damaged"));
        }
        message.answers.push_back(std::move(record));
    }
    // A truncated answer may end anywhere: its header counts.
    if (!reader.good() && !message.truncated) {
        return tl::unexpected(std::string("the answer is cut short or no DNS message"));
    }
    return message;
}

}  // namespace slimtax::probes
