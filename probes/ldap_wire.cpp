#include "probes/ldap_wire.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <lber.h>
#include <ldap.h>

namespace slimtax::probes {

namespace {

// A single message may not be larger; a hostile server could announce gigabytes.
constexpr ber_len_t most_message_bytes = 8U << 20;

LdapWire& wire_of(Sockbuf_IO_Desc* desc) {
    return *static_cast<LdapWire*>(desc->sbiod_pvt);
}

int wire_setup(Sockbuf_IO_Desc* desc, void* wire) {
    desc->sbiod_pvt = wire;
    return 0;
}
int wire_remove(Sockbuf_IO_Desc*) {
    return 0;
}
int wire_control(Sockbuf_IO_Desc* desc, int option, void*) {
    const LdapWire& wire = wire_of(desc);
    return option == LBER_SB_OPT_DATA_READY && wire.read < wire.in.size() ? 1 : 0;
}
ber_slen_t wire_read(Sockbuf_IO_Desc* desc, void* room, ber_len_t length) {
    LdapWire& wire = wire_of(desc);
    const std::size_t take = std::min<std::size_t>(length, wire.in.size() - wire.read);
    if (take == 0) {
        errno = EWOULDBLOCK;
        return -1;
    }
    std::memcpy(room, wire.in.data() + wire.read, take);
    wire.read += take;
    if (wire.read == wire.in.size()) {
        wire.in.clear();
        wire.read = 0;
    }
    return static_cast<ber_slen_t>(take);
}
ber_slen_t wire_write(Sockbuf_IO_Desc* desc, void* bytes, ber_len_t length) {
    wire_of(desc).out.append(static_cast<const char*>(bytes), length);
    return static_cast<ber_slen_t>(length);
}
int wire_close(Sockbuf_IO_Desc*) {
    return 0;
}

Sockbuf_IO wire_io{wire_setup, wire_remove, wire_control, wire_read, wire_write, wire_close};

}  // namespace

void attach(sockbuf* buffer, LdapWire& wire) {
    ber_len_t most = most_message_bytes;
    ber_sockbuf_ctrl(buffer, LBER_SB_OPT_SET_MAX_INCOMING, &most);
    ber_sockbuf_add_io(buffer, &wire_io, LBER_SBIOD_LEVEL_PROVIDER, &wire);
}

tl::expected<std::size_t, std::string> ldap_message_size(std::string_view bytes) {
    if (bytes.empty()) {
        return 0;
    }
    if (static_cast<unsigned char>(bytes[0]) != LDAP_TAG_MESSAGE) {
        return tl::unexpected<std::string>("no sequence");
    }
    if (bytes.size() < 2) {
        return 0;
    }
    const auto first = static_cast<unsigned char>(bytes[1]);
    const std::size_t more = first < 0x80 ? 0 : first & 0x7FU;
    if (first == 0x80 || more > 4) {
        return tl::unexpected<std::string>("no definite length");
    }
    if (bytes.size() < 2 + more) {
        return 0;
    }
    std::size_t length = more == 0 ? first : 0;
    for (std::size_t i = 0; i < more; ++i) {
        length = length << 8 | static_cast<unsigned char>(bytes[2 + i]);
    }
    if (length > most_message_bytes) {
        return tl::unexpected<std::string>("too long");
    }
    // Each begins with its number, and a number it must be: libldap takes anything for one.
    if (length == 0 || (bytes.size() > 2 + more && bytes[2 + more] != LBER_INTEGER)) {
        return tl::unexpected<std::string>("no message");
    }
    const std::size_t size = 2 + more + length;
    return bytes.size() < size ? 0 : size;
}

std::optional<LdapAnswer> ldap_notice_in(const std::string& message) {
    if (message.empty()) {
        return std::nullopt;  // liblber would read where nothing is
    }
    berval bytes{};
    bytes.bv_len = message.size();
    bytes.bv_val = const_cast<char*>(message.data());
    BerElement* const reader = ber_init(&bytes);
    if (reader == nullptr) {
        return std::nullopt;
    }
    ber_int_t id = -1;
    ber_int_t code = LDAP_OTHER;
    berval matched{};
    berval text{};
    std::optional<LdapAnswer> notice;
    if (ber_scanf(reader, "{i", &id) != LBER_ERROR && id == 0) {
        notice.emplace();
        if (ber_scanf(reader, "{emm", &code, &matched, &text) != LBER_ERROR) {
            notice->code = code;
            notice->text.assign(text.bv_val, text.bv_len);
        }
    }
    ber_free(reader, 1);
    return notice;
}

std::string ldap_words(int code) {
    std::string words = ldap_err2string(code);
    // "Invalid credentials" inside a sentence; "DSA is busy" stays.
    if (words.size() > 1 && std::islower(static_cast<unsigned char>(words[1])) != 0) {
        words[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(words[0])));
    }
    return fmt::format("{} ({})", words, code);
}

}  // namespace slimtax::probes
