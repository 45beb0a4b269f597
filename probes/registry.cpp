#include "probes/registry.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

// One row per kind of operation; NAME.cpp defines `NAME_operations()`. An explicit table, not static
// self-registration: in a static library that silently registers nothing.
#define SLIMTAX_KINDS(KIND) \
    KIND(command)           \
    KIND(counter)           \
    KIND(dns)               \
    KIND(file)              \
    KIND(ftp)               \
    KIND(grpc)              \
    KIND(http)              \
    KIND(imap)              \
    KIND(irc)               \
    KIND(http_page)         \
    KIND(ldap)              \
    KIND(log)               \
    KIND(log_match)         \
    KIND(mail)              \
    KIND(pop3)              \
    KIND(postgres)          \
    KIND(process)           \
    KIND(redis)             \
    KIND(smtp)              \
    KIND(socket)            \
    KIND(ssh)               \
    KIND(story)             \
    KIND(tcp)               \
    KIND(tls)               \
    KIND(unix_socket)       \
    KIND(websocket)         \
    KIND(xmpp)

namespace slimtax::probes {

#define SLIMTAX_DECLARE(kind) std::span<const Operation> kind##_operations();
SLIMTAX_KINDS(SLIMTAX_DECLARE)
#undef SLIMTAX_DECLARE

namespace {

std::vector<const Operation*> all_operations() {
    std::vector<const Operation*> rows;
    const auto add = [&rows](std::span<const Operation> kind) {
        for (const Operation& operation : kind) {
            rows.push_back(&operation);
        }
    };
#define SLIMTAX_ADD(kind) add(kind##_operations());
    SLIMTAX_KINDS(SLIMTAX_ADD)
#undef SLIMTAX_ADD
    std::ranges::sort(rows, {}, [](const Operation* operation) { return operation->info.name; });
    return rows;
}

const std::vector<const Operation*>& table() {
    static const std::vector<const Operation*> rows = all_operations();
    return rows;
}

}  // namespace

const Operation* find_operation(std::string_view name) {
    const auto name_of = [](const Operation* operation) { return operation->info.name; };
    const auto it = std::ranges::lower_bound(table(), name, {}, name_of);
    return it == table().end() || name_of(*it) != name ? nullptr : *it;
}

schemas::Catalog catalog() {
    static const std::vector<const schemas::OperationInfo*> infos = [] {
        std::vector<const schemas::OperationInfo*> rows;
        for (const Operation* operation : table()) {
            rows.push_back(&operation->info);
        }
        return rows;
    }();
    return infos;
}

}  // namespace slimtax::probes
