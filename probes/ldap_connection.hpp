// One LDAP connection: libldap for the protocol, a Stream for the bytes. libldap never touches the socket: its
// Sockbuf reads from and writes to memory, and our coroutines carry the bytes. So nothing in it can block, and TLS
// is the Stream's, for ldaps and StartTLS alike. (Tried in thought and dropped: libldap on the descriptor itself;
// its TLS handshakes block, and Debian's is GnuTLS.)
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "probes/endpoint.hpp"
#include "probes/ldap_wire.hpp"

struct ldap;
struct ldapmsg;

namespace slimtax::probes {

/// What is asked in a search.
struct LdapQuery {
    std::string base;
    std::string scope = "sub";  ///< base, one, sub
    std::string filter = "(objectClass=*)";
    std::vector<std::string> attributes;  ///< empty: all
    int limit = 100;                      ///< of entries
};

/// What a search found.
struct LdapFound {
    std::size_t entries = 0;
    bool truncated = false;  ///< the limit was reached
    std::string first_dn;
    std::vector<std::string> values;  ///< of the query's first attribute in the first entry
};

class LdapConnection {
public:
    template <class T>
    using Result = tl::expected<T, Trouble>;

    /// `address` is "ldap1:389", for sentences. The stream may be encrypted already (ldaps).
    LdapConnection(Engine& engine, Stream stream, std::string address, bool encrypted);
    /// Says goodbye where that takes no waiting, and closes.
    ~LdapConnection();
    LdapConnection(const LdapConnection&) = delete;
    LdapConnection& operator=(const LdapConnection&) = delete;

    /// To be awaited before the first connection of a process, and before its time is taken: the library reads its
    /// configuration and looks up this host's name, in a worker.
    static Task<Result<void>> get_library_ready(Engine& engine, TimePoint deadline);

    /// Must come first.
    [[nodiscard]] Result<void> prepare();

    /// "TLSv1.3"; empty in the clear.
    [[nodiscard]] std::string tls_protocol() const { return stream_.tls_protocol(); }

    /// StartTLS, with the book-keeping of `secure`.
    Task<Result<void>> start_tls(StepContext& context, const Endpoint& endpoint, const Patience& patience);

    /// A simple bind; both empty: anonymous. The password stands in no reason.
    Task<Result<void>> bind(const std::string& dn, const std::string& password, const Patience& patience);

    /// SASL EXTERNAL: the server knows who we are by other means, such as our user at a Unix socket.
    Task<Result<void>> bind_external(const Patience& patience);

    Task<Result<LdapFound>> search(const LdapQuery& query, const Patience& patience);

    /// Sends the unbind request and closes.
    Task<Result<void>> unbind(const Patience& patience);

    [[nodiscard]] const std::string& address() const { return address_; }
    /// The name of the last successful bind; empty: anonymous.
    [[nodiscard]] const std::string& dn() const { return dn_; }
    /// True when nothing more can be asked on this connection.
    /// When the last that was read had arrived.
    [[nodiscard]] TimePoint arrived() const { return stream_.arrived(); }
    [[nodiscard]] bool broken() const { return broken_; }

private:
    struct FreeMessage {
        void operator()(ldapmsg* message) const;
    };
    using Message = std::unique_ptr<ldapmsg, FreeMessage>;

    Task<Result<void>> finish_bind(int id, const Patience& patience);
    Task<Result<void>> flush(std::string_view action, const Patience& patience);
    Task<Result<Message>> receive(int id, std::string_view action, const Patience& patience);
    Task<Result<void>> fill(std::string_view action, const Patience& patience);
    [[nodiscard]] Trouble send_trouble(int code, std::string_view action);
    [[nodiscard]] Trouble broken_by(std::string reason);

    Engine* engine_;
    Stream stream_;
    std::string address_;
    std::string server_;  ///< "LDAP server ldap1:389"
    std::string dn_;
    std::string secret_;
    std::string notice_;    ///< what the server said unasked
    std::string received_;  ///< and not yet given to libldap
    LdapWire wire_;
    ldap* ld_ = nullptr;
    std::uint64_t received_bytes_ = 0;
    int messages_at_once_ = 0;  ///< since the last wait
    bool encrypted_;
    bool broken_ = false;
};

}  // namespace slimtax::probes
