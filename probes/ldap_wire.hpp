// What lies between libldap and the bytes of a connection: its Sockbuf reads from and writes to memory. Whole
// messages are cut out of the stream here, so that libldap never sees half of one, nor anything that is none.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

struct sockbuf;

namespace slimtax::probes {

/// The two directions. Must stay where it is while a Sockbuf uses it.
struct LdapWire {
    std::string in;        ///< one whole message from the server, or nothing
    std::size_t read = 0;  ///< of `in`, by libldap
    std::string out;       ///< for the server
};

/// Makes a connection's Sockbuf (LDAP_OPT_SOCKBUF) use the wire.
void attach(sockbuf* buffer, LdapWire& wire);

/// The size of the message that `bytes` begin with; 0 while it is not whole. An error when it is none of LDAP, or
/// larger than any that we want.
[[nodiscard]] tl::expected<std::size_t, std::string> ldap_message_size(std::string_view bytes);

/// What a server says of a request.
struct LdapAnswer {
    int code = 80;     ///< LDAP_OTHER
    std::string text;  ///< its own words; may be empty
};

/// What an unsolicited message says (RFC 4511 §4.4: the server is about to close); nothing when it is another
/// message. libldap would only lose it, and some memory with it.
[[nodiscard]] std::optional<LdapAnswer> ldap_notice_in(const std::string& message);

/// A result code in words: "invalid credentials (49)".
[[nodiscard]] std::string ldap_words(int code);

}  // namespace slimtax::probes
