// DNS messages (RFC 1035): a query as bytes, an answer as records in text. Bounded against any input.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace slimtax::probes {

struct DnsRecord {
    std::string name;  ///< lower case, without the last dot
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;  ///< seconds
    std::string text;       ///< as in a zone file, names without the last dot: "10 mail.campus.test"
};

struct DnsMessage {
    std::uint16_t id = 0;
    bool is_answer = false;
    bool authoritative = false;
    bool truncated = false;
    bool validated = false;  ///< the server says that it has validated the answer (AD, RFC 4035)
    int rcode = 0;
    std::string question;  ///< lower case, without the last dot; empty: none was repeated
    std::uint16_t question_type = 0;
    std::vector<DnsRecord> answers;
};

/// The number of a type ("A" → 1), or 0.
[[nodiscard]] std::uint16_t dns_type(std::string_view word);
/// "NXDOMAIN", or "code 11".
[[nodiscard]] std::string dns_rcode(int code);
/// A name as it is compared: lower case, without the last dot.
[[nodiscard]] std::string dns_canonical(std::string_view name);

inline constexpr std::uint16_t dns_class_internet = 1;
inline constexpr std::uint16_t dns_class_chaos = 3;
inline constexpr std::uint16_t dns_type_rrsig = 46;

/// What is asked beside the name.
struct DnsAsk {
    std::uint16_t id = 0;
    std::uint16_t type = 0;
    std::uint16_t record_class = dns_class_internet;
    std::uint16_t edns_size = 0;  ///< of the largest UDP answer that fits (RFC 6891); 0: no EDNS, 512 bytes
    bool dnssec = false;          ///< asks for signatures and validation; needs EDNS
};

/// A query of one question, recursion desired. The error is a sentence about the name.
[[nodiscard]] tl::expected<std::string, std::string> dns_query(const DnsAsk& ask, const std::string& name);

/// The error is a sentence.
[[nodiscard]] tl::expected<DnsMessage, std::string> parse_dns(std::string_view bytes);

}  // namespace slimtax::probes
