#include "probes/ldap_connection.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <mutex>

#include <fmt/format.h>
#include <ldap.h>
#include <openldap.h>
#include <sys/socket.h>

#include "schemas/utf8.hpp"

namespace slimtax::probes {

namespace {

template <class T>
using Result = LdapConnection::Result<T>;

// More than so much in answer to one search is not read: many small entries would keep the loop busy.
constexpr std::uint64_t most_search_bytes = 64u << 20;

// So many messages that have come already are taken before others get their turn.
constexpr int most_messages_at_once = 64;

// libldap's first call reads ldap.conf, looks this host's name up and loads SASL plug-ins: all of it may block.
std::atomic<bool> library_is_ready{false};

void make_library_ready() {
    static std::once_flag once;
    std::call_once(once, [] {
        int version = 0;
        ldap_get_option(nullptr, LDAP_OPT_PROTOCOL_VERSION, &version);
        library_is_ready = true;
    });
}

int scope_of(std::string_view word) {
    if (word == "base") {
        return LDAP_SCOPE_BASE;
    }
    return word == "one" ? LDAP_SCOPE_ONELEVEL : LDAP_SCOPE_SUBTREE;
}

LdapAnswer parse_answer(LDAP* ld, LDAPMessage* message) {
    LdapAnswer answer;
    char* text = nullptr;
    const int parsed = ldap_parse_result(ld, message, &answer.code, nullptr, &text, nullptr, nullptr, 0);
    if (parsed != LDAP_SUCCESS) {
        answer.code = parsed;
    }
    if (text != nullptr) {
        answer.text = text;
        ldap_memfree(text);
    }
    return answer;
}

std::string in_words(const LdapAnswer& answer, std::string_view secret) {
    std::string words = ldap_words(answer.code);
    if (!answer.text.empty()) {
        words += ", " + quotable(answer.text, secret);
    }
    return words;
}

void read_entry(LDAP* ld, LDAPMessage* entry, const LdapQuery& query, LdapFound& found) {
    if (++found.entries > 1) {
        return;
    }
    if (char* dn = ldap_get_dn(ld, entry)) {
        found.first_dn = schemas::to_valid_utf8(dn);
        ldap_memfree(dn);
    }
    if (query.attributes.empty()) {
        return;
    }
    if (berval** values = ldap_get_values_len(ld, entry, query.attributes.front().c_str())) {
        for (berval** value = values; *value != nullptr; ++value) {
            found.values.push_back(schemas::to_valid_utf8(std::string_view((*value)->bv_val, (*value)->bv_len)));
        }
        ldap_value_free_len(values);
    }
}

}  // namespace

void LdapConnection::FreeMessage::operator()(ldapmsg* message) const {
    ldap_msgfree(message);
}

LdapConnection::LdapConnection(Engine& engine, Stream stream, std::string address, bool encrypted)
    : engine_(&engine),
      stream_(std::move(stream)),
      address_(std::move(address)),
      server_("LDAP server " + address_),
      encrypted_(encrypted) {}

LdapConnection::~LdapConnection() {
    if (ld_ == nullptr) {
        return;
    }
    ldap_unbind_ext(ld_, nullptr, nullptr);
    // A few bytes nearly always fit into the socket; where they do not, or need TLS, the server sees the close.
    if (!encrypted_ && !broken_) {
        (void)::send(stream_.fd(), wire_.out.data(), wire_.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

Task<Result<void>> LdapConnection::get_library_ready(Engine& engine, TimePoint deadline) {
    if (!library_is_ready) {
        const Wake wake = co_await engine.loop().in_worker(make_library_ready, deadline);
        if (wake != Wake::ready) {
            co_return tl::unexpected(Trouble{Trouble::Kind::ours,
                                             "the LDAP library did not get ready in time: it looks up this host's own "
                                             "name first, see /etc/hosts and /etc/resolv.conf"});
        }
    }
    co_return Result<void>{};
}

Result<void> LdapConnection::prepare() {
    if (ldap_init_fd(stream_.fd(), LDAP_PROTO_EXT, nullptr, &ld_) != LDAP_SUCCESS) {
        ld_ = nullptr;
        return tl::unexpected(Trouble{Trouble::Kind::ours, "the LDAP library could not be set up"});
    }
    const int version = LDAP_VERSION3;
    const int none = 0;
    ldap_set_option(ld_, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(ld_, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_set_option(ld_, LDAP_OPT_RESTART, LDAP_OPT_OFF);
    ldap_set_option(ld_, LDAP_OPT_DEREF, &none);
    ldap_set_option(ld_, LDAP_OPT_TIMELIMIT, &none);
    Sockbuf* buffer = nullptr;
    ldap_get_option(ld_, LDAP_OPT_SOCKBUF, &buffer);
    attach(buffer, wire_);
    return {};
}

Task<Result<void>> LdapConnection::start_tls(StepContext& context, const Endpoint& endpoint, const Patience& patience) {
    static constexpr std::string_view action = "agree to start TLS";
    int id = 0;
    const int code = ldap_extended_operation(ld_, LDAP_EXOP_START_TLS, nullptr, nullptr, nullptr, &id);
    if (code != LDAP_SUCCESS) {
        co_return tl::unexpected(send_trouble(code, action));
    }
    const Result<Message> message = co_await receive(id, action, patience);
    if (!message) {
        co_return tl::unexpected(message.error());
    }
    const LdapAnswer answer = parse_answer(ld_, message->get());
    if (answer.code != LDAP_SUCCESS) {
        co_return tl::unexpected(
            broken_by(fmt::format("LDAP StartTLS at {} refused: {}", address_, in_words(answer, secret_))));
    }
    if (!received_.empty()) {
        // Whoever sits in between could have put it there, to be taken for an encrypted answer.
        co_return tl::unexpected(broken_by(server_ + " sent more in the clear after it had agreed to start TLS"));
    }
    const auto handshake = co_await secure(context, stream_, endpoint, patience);
    broken_ = !handshake;
    encrypted_ = handshake.has_value();
    co_return handshake;
}

Task<Result<void>> LdapConnection::bind(const std::string& dn, const std::string& password, const Patience& patience) {
    static constexpr std::string_view action = "answer the bind request";
    secret_ = password;
    berval credentials{};
    credentials.bv_len = password.size();
    credentials.bv_val = const_cast<char*>(password.data());
    int id = 0;
    const int code = ldap_sasl_bind(ld_, dn.c_str(), LDAP_SASL_SIMPLE, &credentials, nullptr, nullptr, &id);
    if (code != LDAP_SUCCESS) {
        co_return tl::unexpected(send_trouble(code, action));
    }
    auto done = co_await finish_bind(id, patience);
    if (done) {
        dn_ = dn;
    }
    co_return done;
}

Task<Result<void>> LdapConnection::bind_external(const Patience& patience) {
    static constexpr std::string_view action = "answer the bind request";
    char nobody_else[] = "";  // sent all the same: without a first answer the server would ask for one
    berval response{0, nobody_else};
    int id = 0;
    const int code = ldap_sasl_bind(ld_, nullptr, "EXTERNAL", &response, nullptr, nullptr, &id);
    if (code != LDAP_SUCCESS) {
        co_return tl::unexpected(send_trouble(code, action));
    }
    co_return co_await finish_bind(id, patience);
}

Task<Result<void>> LdapConnection::finish_bind(int id, const Patience& patience) {
    static constexpr std::string_view action = "answer the bind request";
    const Result<Message> message = co_await receive(id, action, patience);
    if (!message) {
        co_return tl::unexpected(message.error());
    }
    const LdapAnswer answer = parse_answer(ld_, message->get());
    if (answer.code != LDAP_SUCCESS) {
        co_return tl::unexpected(
            refused(fmt::format("LDAP bind to {} refused: {}", address_, in_words(answer, secret_))));
    }
    co_return Result<void>{};
}

Task<Result<LdapFound>> LdapConnection::search(const LdapQuery& query, const Patience& patience) {
    static constexpr std::string_view action = "answer the search";
    std::vector<char*> attributes;
    for (const std::string& attribute : query.attributes) {
        attributes.push_back(const_cast<char*>(attribute.c_str()));
    }
    attributes.push_back(nullptr);
    int id = 0;
    const int code = ldap_search_ext(ld_, query.base.c_str(), scope_of(query.scope), query.filter.c_str(),
                                     attributes.size() > 1 ? attributes.data() : nullptr, 0, nullptr, nullptr, nullptr,
                                     query.limit, &id);
    if (code == LDAP_FILTER_ERROR) {
        co_return tl::unexpected(
            Trouble{Trouble::Kind::ours, fmt::format("the LDAP filter '{}' is not a filter; it must look like (uid=x)",
                                                     quotable(query.filter, secret_))});
    }
    if (code != LDAP_SUCCESS) {
        co_return tl::unexpected(send_trouble(code, action));
    }
    LdapFound found;
    const std::uint64_t before = received_bytes_;
    while (true) {
        const Result<Message> message = co_await receive(id, action, patience);
        if (!message) {
            co_return tl::unexpected(message.error());
        }
        const int type = ldap_msgtype(message->get());
        if (type == LDAP_RES_SEARCH_ENTRY) {
            read_entry(ld_, message->get(), query, found);
            if (found.entries > static_cast<std::size_t>(query.limit)) {
                co_return tl::unexpected(broken_by(
                    fmt::format("{} sends more than the {} entries that were asked for", server_, query.limit)));
            }
        }
        if (received_bytes_ - before > most_search_bytes) {
            co_return tl::unexpected(broken_by(
                fmt::format("{} sent more than {} MB in answer to the search", server_, most_search_bytes >> 20)));
        }
        if (type != LDAP_RES_SEARCH_RESULT) {
            continue;
        }
        const LdapAnswer answer = parse_answer(ld_, message->get());
        const auto limit = static_cast<std::size_t>(query.limit);
        found.truncated = answer.code == LDAP_SIZELIMIT_EXCEEDED && found.entries >= limit;
        if (answer.code != LDAP_SUCCESS && !found.truncated) {
            co_return tl::unexpected(refused(fmt::format("LDAP search below '{}' at {} refused: {}", query.base,
                                                         address_, in_words(answer, secret_))));
        }
        co_return found;
    }
}

Task<Result<void>> LdapConnection::unbind(const Patience& patience) {
    if (ld_ == nullptr || broken_) {
        co_return Result<void>{};
    }
    ldap_unbind_ext(ld_, nullptr, nullptr);
    ld_ = nullptr;
    const Result<void> sent = co_await flush("take the unbind request", patience);
    broken_ = true;
    co_return sent;
}

// Carries what libldap wrote to the server.
Task<Result<void>> LdapConnection::flush(std::string_view action, const Patience& patience) {
    const std::string bytes = std::exchange(wire_.out, {});
    if (bytes.empty()) {
        co_return Result<void>{};
    }
    auto sent = co_await stream_.write_all(bytes, patience.deadline);
    if (!sent) {
        broken_ = true;
        if (sent.error().kind == Trouble::Kind::timed_out) {
            co_return tl::unexpected(ran_out(server_, action, patience));
        }
        co_return tl::unexpected(std::move(sent.error()));
    }
    co_return Result<void>{};
}

// The next message of a request.
Task<Result<LdapConnection::Message>> LdapConnection::receive(int id, std::string_view action,
                                                              const Patience& patience) {
    const Result<void> sent = co_await flush(action, patience);
    if (!sent) {
        co_return tl::unexpected(sent.error());
    }
    while (true) {
        if (patience.over()) {
            broken_ = true;
            co_return tl::unexpected(ran_out(server_, action, patience));
        }
        const auto size = ldap_message_size(received_);
        if (!size) {
            const std::string said = quotable(received_, secret_, 40);
            co_return tl::unexpected(
                broken_by(fmt::format("{} answered something that is not LDAP: \"{}\"", server_, said)));
        }
        if (*size == 0) {
            messages_at_once_ = 0;
            const Result<void> more = co_await fill(action, patience);
            if (!more) {
                co_return tl::unexpected(more.error());
            }
            continue;
        }
        if (++messages_at_once_ > most_messages_at_once) {
            messages_at_once_ = 0;
            if (co_await engine_->loop().sleep_until(Loop::now()) == Wake::cancelled) {
                co_return tl::unexpected(Trouble::shut_down());
            }
        }
        wire_.in.assign(received_, 0, *size);
        wire_.read = 0;
        received_.erase(0, *size);
        if (const auto notice = ldap_notice_in(wire_.in)) {
            notice_ = in_words(*notice, secret_);
            wire_.in.clear();
            continue;
        }
        // Zero time-out: it has one whole message to read, from memory.
        timeval at_once{};
        ldapmsg* message = nullptr;
        const int type = ldap_result(ld_, id, LDAP_MSG_ONE, &at_once, &message);
        if (type > 0) {
            co_return Message(message);
        }
        if (type < 0 || !wire_.in.empty()) {
            co_return tl::unexpected(broken_by(server_ + " answered something that is not LDAP"));
        }
    }
}

// Gets more bytes from the server.
Task<Result<void>> LdapConnection::fill(std::string_view action, const Patience& patience) {
    std::array<char, 16384> room;
    auto got = co_await stream_.read_some(room, patience.deadline);
    if (!got) {
        broken_ = true;
        if (got.error().kind == Trouble::Kind::timed_out) {
            co_return tl::unexpected(ran_out(server_, action, patience));
        }
        co_return tl::unexpected(std::move(got.error()));
    }
    if (*got == 0) {
        co_return tl::unexpected(broken_by(fmt::format("{} closed the connection and did not {}{}{}", server_, action,
                                                       notice_.empty() ? "" : ": ", notice_)));
    }
    received_.append(room.data(), *got);
    received_bytes_ += *got;
    co_return Result<void>{};
}

Trouble LdapConnection::send_trouble(int code, std::string_view action) {
    broken_ = true;
    return {Trouble::Kind::ours,
            fmt::format("the LDAP library could not ask {} to {}: {}", server_, action, ldap_words(code))};
}

Trouble LdapConnection::broken_by(std::string reason) {
    broken_ = true;
    return refused(std::move(reason));
}

}  // namespace slimtax::probes
