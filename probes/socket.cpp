// socket.listening: does something listen there (A0)? Reads the kernel's list; no connection is made.
#include <fmt/format.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>

#include "probes/aside.hpp"
#include "probes/io/resolver.hpp"
#include "probes/local_sockets.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {
namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr std::string_view protocols[] = {"tcp", "udp"};

constexpr std::array parameters{
    Parameter{.name = "port",
              .type = ParameterType::integer,
              .help = "The port that must be listened at.",
              .example = "443",
              .least = 1,
              .most = 65535},
    Parameter{.name = "address",
              .help = "The address of this machine that must be served; a socket for all addresses serves it too. "
                      "Omitted: any.",
              .example = R"("192.0.2.10")"},
    Parameter{.name = "protocol",
              .type = ParameterType::choice,
              .fallback = R"("tcp")",
              .help = "Which kind of port.",
              .choices = protocols},
    Parameter{.name = "path",
              .help = "A Unix socket instead of a port; a name that begins with '@' is an abstract one.",
              .example = R"("/run/php/php-fpm.sock")"},
    Parameter{.name = "listening",
              .type = ParameterType::boolean,
              .fallback = "true",
              .help = "False when nothing may listen there: with address = \"0.0.0.0\", when nothing may be open to "
                      "all addresses."},
    Parameter{.name = "process",
              .help = "The name of the program that must listen. To see other users' sockets, the prober needs the "
                      "capability CAP_SYS_PTRACE.",
              .example = R"("nginx")"},
    Parameter{.name = "max_waiting",
              .type = ParameterType::integer,
              .help = "At most so many connections may wait to be accepted: more mean that the server does not keep "
                      "up. Of UDP: unread bytes.",
              .example = "64",
              .least = 0,
              .most = 1LL << 32},
};

constexpr std::array<std::string_view, 2> places{"port", "path"};
constexpr std::array alternatives{
    schemas::Alternatives{.names = places, .allowed = schemas::Alternatives::HowMany::exactly_one}};

constexpr std::array outputs{
    Output{"count", OutputType::number, "How many sockets listen there."},
    Output{"address", OutputType::text, "Where the first one listens, or its path."},
    Output{"waiting", OutputType::number, "Connections that wait to be accepted, of UDP unread bytes, of all of them."},
    Output{"user", OutputType::text, "Whose socket it is (not of a Unix socket)."},
    Output{"pid", OutputType::number, "The process that listens, where the prober may see it."},
    Output{"process", OutputType::text, "The name of its program, where the prober may see it."},
};

/// What a worker looks for and finds; it owns all of it, since it may outlive the step.
struct Search {
    std::string proc;
    SocketKind kind = SocketKind::tcp;
    std::uint16_t port = 0;
    std::optional<LocalAddress> address;
    std::string path;

    std::string trouble;
    std::vector<LocalSocket> found;
    std::vector<std::pair<pid_t, std::string>> holders;  ///< by process number, with the program's name
    bool holders_hidden = false;
    std::string user;

    [[nodiscard]] bool fits(const LocalSocket& socket) const {
        if (kind == SocketKind::unix_path) {
            return socket.path == path;
        }
        return socket.port == port && (!address || socket.address.serves(*address));
    }

    void work() {
        LocalSockets all = listening_sockets(proc, kind);
        trouble = all.trouble;
        std::unordered_set<std::uint64_t> inodes;
        for (LocalSocket& socket : all.sockets) {
            if (fits(socket)) {
                inodes.insert(socket.inode);
                found.push_back(std::move(socket));
            }
        }
        if (found.empty()) {
            return;
        }
        user = kind == SocketKind::unix_path ? "" : user_name(found.front().owner);
        const SocketHolders seen = find_holders(proc, inodes);
        for (const auto& held : seen.inodes) {
            holders.emplace_back(held.first, program_name(held.first));
        }
        std::ranges::sort(holders);
        holders_hidden = seen.hidden && holders.empty();
    }

private:
    [[nodiscard]] std::string program_name(pid_t pid) const {
        std::ifstream file(fmt::format("{}/{}/comm", proc, pid));
        std::string name;
        std::getline(file, name);
        return name;
    }

    static std::string user_name(uid_t user) {
        std::array<char, 16384> room;
        passwd entry{};
        passwd* result = nullptr;
        ::getpwuid_r(user, &entry, room.data(), room.size(), &result);
        return result == nullptr ? std::to_string(user) : std::string(entry.pw_name);
    }
};

/// "TCP port 443 at 192.0.2.10", "Unix socket /run/x.sock"
std::string in_words(const Search& search, const Arguments& arguments) {
    if (search.kind == SocketKind::unix_path) {
        return "Unix socket " + quotable(search.path);
    }
    const std::string at = search.address ? " at " + arguments.text("address") : "";
    return fmt::format("{} port {}{}", search.kind == SocketKind::tcp ? "TCP" : "UDP", search.port, at);
}

std::string where(const LocalSocket& socket) {
    if (!socket.path.empty()) {
        return socket.path;
    }
    const std::string host = socket.address.text();
    return host_and_port(host, socket.port);
}

/// " (process 'nginx', 4711)", as far as it can be seen.
std::string by_whom(const Search& search) {
    if (!search.holders.empty()) {
        return fmt::format(" (process '{}', {})", quotable(search.holders.front().second),
                           search.holders.front().first);
    }
    return search.user.empty() ? "" : fmt::format(" (of user '{}')", quotable(search.user));
}

std::uint64_t waiting(const Search& search) {
    std::uint64_t sum = 0;
    for (const LocalSocket& socket : search.found) {
        sum += socket.waiting;
    }
    return sum;
}

Outcome judge_holder(const Search& search, const std::string& program, const std::string& what) {
    constexpr std::size_t kept_by_kernel = 15;  // of a program's name
    for (const auto& holder : search.holders) {
        if (holder.second == program.substr(0, kept_by_kernel)) {
            return Outcome::ok();
        }
    }
    if (search.holders_hidden) {
        return Outcome::fault(
            fmt::format("the prober may not see which process listens on {}: give it the capability CAP_SYS_PTRACE, or "
                        "run it as the user of the service",
                        what));
    }
    return Outcome::failed(fmt::format(
        "{} is not listened on by process '{}'{}", what, quotable(program),
        search.holders.empty() ? "" : fmt::format(", but by '{}'", quotable(search.holders.front().second))));
}

Outcome judge(const Search& search, const Arguments& arguments) {
    const std::string what = in_words(search, arguments);
    if (!arguments.flag("listening")) {
        return search.found.empty()
                   ? Outcome::ok()
                   : Outcome::failed(fmt::format("something listens on {}, at {}{}: nothing may", what,
                                                 quotable(where(search.found.front())), by_whom(search)));
    }
    if (search.found.empty()) {
        return Outcome::failed(fmt::format("nothing on this machine listens on {}", what));
    }
    if (const std::string& program = arguments.text("process"); !program.empty()) {
        if (Outcome outcome = judge_holder(search, program, what); outcome.verdict != schemas::Verdict::ok) {
            return outcome;
        }
    }
    if (arguments.has("max_waiting") &&
        waiting(search) > static_cast<std::uint64_t>(arguments.integer("max_waiting"))) {
        return Outcome::failed(fmt::format("{} {} wait at {}{}, more than {}", waiting(search),
                                           search.kind == SocketKind::udp ? "unread bytes" : "connections", what,
                                           by_whom(search), arguments.integer("max_waiting")));
    }
    return Outcome::ok();
}

void fill(StepReport& report, const Search& search) {
    report.output("count", static_cast<double>(search.found.size()));
    report.output("waiting", static_cast<double>(waiting(search)));
    if (search.found.empty()) {
        return;
    }
    report.output("address", where(search.found.front()));
    report.output("user", search.user);
    if (!search.holders.empty()) {
        report.output("pid", static_cast<double>(search.holders.front().first));
        report.output("process", search.holders.front().second);
    }
    report.note(fmt::format("listens at {}{}", quotable(where(search.found.front())), by_whom(search)));
}

Task<Outcome> run(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const auto search = std::make_shared<Search>();
    search->proc = context.engine.options().proc_root;
    search->port = static_cast<std::uint16_t>(arguments.integer("port"));
    search->path = arguments.text("path");
    search->kind = !search->path.empty()                 ? SocketKind::unix_path
                   : arguments.text("protocol") == "udp" ? SocketKind::udp
                                                         : SocketKind::tcp;
    if (search->path.empty() == (search->port == 0)) {
        co_return Outcome::fault("socket.listening needs to know where: write either port or path");
    }
    if (const std::string& address = arguments.text("address"); !address.empty()) {
        search->address = LocalAddress::parse(address);
        if (!search->address) {
            co_return Outcome::fault(fmt::format("address = \"{}\" is no numeric address", quotable(address)));
        }
    }
    const Patience patience = Patience::until(context.deadline);
    std::function<void()> work = [search] { search->work(); };
    auto done = co_await aside(context.engine, std::move(work), "/proc could not be read", patience);
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    if (!search->trouble.empty()) {
        co_return Outcome::fault(search->trouble);
    }
    fill(context.report, *search);
    co_return judge(*search, arguments);
}

constexpr Operation operations[] = {{
    .info = {.name = "socket.listening",
             .levels = "A0",
             .summary = "looks whether a port or a Unix socket of this machine is listened on, without connecting",
             .parameters = parameters,
             .outputs = outputs,
             .example = R"toml(do = "socket.listening"
port = 443
process = "nginx"
)toml",
             .alternatives = alternatives},
    .run = run,
}};

}  // namespace

std::span<const Operation> socket_operations() {
    return operations;
}

}  // namespace slimtax::probes
