// What every operation that connects has in common: the parameters that say to whom, the outputs that say how long
// it took, and the connecting itself with its book-keeping.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "probes/io/stream.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {

/// One table of the rows of several.
template <class Row, std::size_t... sizes>
[[nodiscard]] constexpr auto joined(const std::array<Row, sizes>&... parts) {
    std::array<Row, (sizes + ...)> all{};
    auto place = all.begin();
    ((place = std::copy(parts.begin(), parts.end(), place)), ...);
    return all;
}

/// `host`, which should be the operation's target_parameter.
inline constexpr schemas::Parameter host_parameter{
    .name = "host",
    .required = true,
    .help = "Name or address of the server; the target fills it when omitted.",
    .example = R"("${target}")"};

/// `port` with its default as TOML text; "" where the operation has a rule of its own, which `help` tells.
[[nodiscard]] constexpr schemas::Parameter port_parameter(std::string_view fallback,
                                                          std::string_view help = "The server's port.") {
    return {.name = "port",
            .type = schemas::ParameterType::integer,
            .fallback = fallback,
            .help = help,
            .least = 1,
            .most = 65535};
}

inline constexpr std::array<std::string_view, 3> tls_choices{"none", "starttls", "implicit"};

/// `tls` of a protocol that knows both ways to encrypt; the default as TOML text.
[[nodiscard]] constexpr schemas::Parameter tls_parameter(std::string_view fallback) {
    return {.name = "tls",
            .type = schemas::ParameterType::choice,
            .fallback = fallback,
            .help =
                "Whether to encrypt: none, starttls (on the plain port, at the client's request) or implicit (from "
                "the first byte).",
            .choices = tls_choices};
}

/// `tls` of a protocol that begins with it or has none.
inline constexpr schemas::Parameter tls_flag_parameter{
    .name = "tls",
    .type = schemas::ParameterType::boolean,
    .fallback = "false",
    .help = "Whether TLS begins at once, as on ports 443, 636 and 993."};

/// `verify`, `ca_file`, `server_name`: how the server's certificate is judged.
inline constexpr std::array trust_parameters{
    schemas::Parameter{
        .name = "verify",
        .type = schemas::ParameterType::boolean,
        .fallback = "true",
        .help = "Whether the certificate must be valid, for that name, and signed by a trusted authority."},
    schemas::Parameter{.name = "ca_file",
                       .help = "PEM file with the authorities to trust for this step, instead of the usual ones."},
    schemas::Parameter{.name = "server_name",
                       .help = "The name that the certificate must bear, and that is asked for; omitted: the host."},
};

/// `user` and `password`.
inline constexpr std::array account_parameters{
    schemas::Parameter{.name = "user", .required = true, .help = "Who logs in.", .example = R"("probe")"},
    schemas::Parameter{.name = "password",
                       .required = true,
                       .help = "The user's password; write ${secret:NAME}.",
                       .example = R"("${secret:probe}")"},
};

/// Left by `open_socket`.
inline constexpr std::array connection_outputs{
    schemas::Output{"address", schemas::OutputType::text, "The address that accepted, with its port."},
    schemas::Output{"time.lookup", schemas::OutputType::duration, "Looking the name up."},
    schemas::Output{"time.connect", schemas::OutputType::duration, "Making the TCP connection."},
};

/// Left by `secure`.
inline constexpr std::array tls_outputs{
    schemas::Output{"time.tls", schemas::OutputType::duration, "The TLS handshake; only with TLS."},
    schemas::Output{"cert.days", schemas::OutputType::number,
                    "Days until the server's certificate ends; only with TLS."},
};

/// Left by `secure` too where the endpoint's trust says `describe`; of the certificate, also when it is refused.
inline constexpr std::array certificate_outputs{
    schemas::Output{"cert.names", schemas::OutputType::text,
                    "The names that the certificate is for, with commas between."},
    schemas::Output{"cert.subject", schemas::OutputType::text,
                    "Whom the certificate was made for, such as CN=www,O=Campus."},
    schemas::Output{"cert.issuer", schemas::OutputType::text, "Who signed it."},
    schemas::Output{"cert.key", schemas::OutputType::text, "Kind and bits of its key, such as EC 256 or RSA 2048."},
    schemas::Output{"cert.chain", schemas::OutputType::number,
                    "How many certificates the server sent, its own included."},
    schemas::Output{"tls.protocol", schemas::OutputType::text, "The protocol version agreed on, such as TLSv1.3."},
    schemas::Output{"tls.cipher", schemas::OutputType::text, "The cipher suite agreed on."},
};

/// A server as a step names it.
struct Endpoint {
    /// `kind` stands before the address in sentences: "IMAP server"; empty: the address alone.
    Endpoint(std::string_view kind, std::string its_host, std::uint16_t its_port);

    /// As `host` and `trust_parameters` among the arguments say.
    [[nodiscard]] static Endpoint of(const Arguments& arguments, std::string_view kind, std::uint16_t port);

    std::string host;
    std::uint16_t port;
    std::string address;  ///< "mail1:143"
    std::string server;   ///< "IMAP server mail1:143", for sentences
    TlsOptions trust;     ///< the name to ask for is the host unless set
};

/// The `port` among the arguments; where it is omitted, `implicit` when `tls` says so, else `plain`.
[[nodiscard]] std::uint16_t port_of(const Arguments& arguments, std::uint16_t plain, std::uint16_t implicit);

/// A part of the response time, as timing NAME and as output "time.NAME".
void leave_timing(StepReport& report, const std::string& name, schemas::Duration took);

/// Times the stages of a step, one after the other.
class Stages {
public:
    /// Over a stream, which must outlive it, a stage ends when the kernel had the answer that it ends with.
    explicit Stages(StepReport& report, const Stream* stream = nullptr) : report_(&report), stream_(stream) {}
    /// Leaves the time since the stage before ended; the next one begins.
    void ended(const std::string& name);
    /// The same for a stage that ends with what we sent.
    void ended_by_us(const std::string& name);
    /// The response time of a step that began with `patience`, when what its user waits for is there: until its last
    /// byte had arrived. What follows is a good-bye.
    [[nodiscard]] schemas::Duration response(const Patience& patience) const;
    /// The next one begins now: what lay between has been timed elsewhere.
    void begin() { stage_.began = Loop::now(); }

private:
    StepReport* report_;
    const Stream* stream_;
    Patience stage_ = Patience::until({});
};

/// Looks up and connects. Leaves `connection_outputs`, their timings and a note.
Task<tl::expected<Socket, Trouble>> open_socket(StepContext& context, const Endpoint& endpoint);

/// The same, as a stream in the clear.
Task<tl::expected<Stream, Trouble>> open_stream(StepContext& context, const Endpoint& endpoint);

/// The TLS handshake on a connection to that endpoint: at once, or when the server has agreed to start it. Leaves
/// `tls_outputs`, the timing "tls" and a note.
Task<tl::expected<void, Trouble>> secure(StepContext& context, Stream& stream, const Endpoint& endpoint,
                                         const Patience& patience);

}  // namespace slimtax::probes
