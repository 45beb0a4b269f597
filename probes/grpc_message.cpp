#include "probes/grpc_message.hpp"

namespace slimtax::probes::grpc {
namespace {

void put_varint(std::string& bytes, std::uint64_t number) {
    for (; number > 0x7F; number >>= 7) {
        bytes += static_cast<char>(0x80 | (number & 0x7F));
    }
    bytes += static_cast<char>(number);
}

/// Takes one from the front.
std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
    std::uint64_t number = 0;
    for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
        const auto byte = static_cast<std::uint8_t>(bytes.front());
        bytes.remove_prefix(1);
        number |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            return number;
        }
    }
    return std::nullopt;
}

/// A message as it travels: not compressed, its length, itself.
std::string framed(std::string_view message) {
    std::string bytes(1, '\0');
    for (int shift = 24; shift >= 0; shift -= 8) {
        bytes += static_cast<char>(message.size() >> shift);
    }
    return bytes.append(message);
}

}  // namespace

std::string health_request(const std::string& service) {
    std::string message;
    if (!service.empty()) {
        message += '\x0A';
        put_varint(message, service.size());
        message += service;
    }
    return framed(message);
}

std::optional<std::uint64_t> health_in(std::string_view body) {
    if (body.size() < 5 || body != framed(body.substr(5))) {
        return std::nullopt;
    }
    body.remove_prefix(5);
    std::uint64_t health = 0;  // an omitted field is 0
    while (!body.empty()) {
        const auto tag = take_varint(body);
        if (!tag || *tag >> 3 == 0) {
            return std::nullopt;
        }
        std::uint64_t skipped = 0;
        switch (*tag & 7) {
            case 0: {
                const auto number = take_varint(body);
                if (!number) {
                    return std::nullopt;
                }
                health = *tag >> 3 == 1 ? *number : health;
                break;
            }
            case 1: skipped = 8; break;
            case 2: {
                const auto length = take_varint(body);
                if (!length) {
                    return std::nullopt;
                }
                skipped = *length;
                break;
            }
            case 5: skipped = 4; break;
            default: return std::nullopt;
        }
        if (skipped > body.size()) {
            return std::nullopt;
        }
        body.remove_prefix(static_cast<std::size_t>(skipped));
    }
    return health;
}

}  // namespace slimtax::probes::grpc
