// unix.exchange: whether a service of this machine answers at its unix domain socket.
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "probes/exchange.hpp"
#include "probes/unix_socket.hpp"

namespace slimtax::probes {

namespace {

using schemas::Parameter;

constexpr auto parameters = joined(
    std::array{
        Parameter{.name = "path",
                  .required = true,
                  .help = "The socket; @NAME is one without a file (the abstract name space).",
                  .example = R"("/run/redis/redis.sock")"},
    },
    exchange_parameters);

constexpr auto outputs =
    joined(std::array{schemas::Output{"time.connect", schemas::OutputType::duration, "Making the connection."}},
           exchange_outputs);

Trouble connect_trouble(const std::string& path, int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR: return refused("there is no socket " + path);
        case ECONNREFUSED: return refused("nobody listens at the socket " + path);
        case EPROTOTYPE: return refused("the socket " + path + " is of another kind: it takes no connections");
        case EACCES:
        case EPERM:
            return {Trouble::Kind::ours,
                    "this prober may not use the socket " + path + ": it lacks the right to write there"};
        default: return {Trouble::Kind::ours, "no connection to the socket " + path + ": " + std::strerror(error)};
    }
}

}  // namespace

Task<tl::expected<Socket, Trouble>> connect_unix(Loop& loop, const std::string& path, const Patience& patience) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        co_return tl::unexpected(
            Trouble{Trouble::Kind::ours, fmt::format("the path of a unix domain socket has 1 to {} bytes, this one {}",
                                                     sizeof address.sun_path - 1, path.size())});
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    if (path.starts_with('@')) {
        address.sun_path[0] = '\0';
        --length;
    }
    Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.fd() < 0) {
        co_return tl::unexpected(connect_trouble(path, errno));
    }
    auto pause = std::chrono::milliseconds(1);
    while (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
        // Full queue: unlike TCP's, this connect does not wait for its turn, nor can it be waited for.
        if (errno != EAGAIN && errno != EINTR) {
            co_return tl::unexpected(connect_trouble(path, errno));
        }
        if (patience.over()) {
            co_return tl::unexpected(ran_out("the service at " + path, "accept the connection", patience));
        }
        if (co_await loop.sleep_until(std::min(patience.deadline, Loop::now() + pause)) == Wake::cancelled) {
            co_return tl::unexpected(Trouble::shut_down());
        }
        pause = std::min(pause * 2, std::chrono::milliseconds(100));
    }
    co_return std::move(socket);
}

namespace {

Task<Outcome> run_unix_exchange(StepContext& context) {
    const Patience patience = Patience::until(context.deadline);
    const std::string& path = context.arguments.text("path");
    Stages stages(context.report);
    auto socket = co_await connect_unix(context.engine.loop(), path, patience);
    if (!socket) {
        co_return outcome_of(std::move(socket.error()));
    }
    stages.ended("connect");
    context.report.note("connected to " + path);
    const std::string server = "the service at " + path;
    Stream stream(context.engine, std::move(*socket), server);
    Conversation conversation(std::move(stream), server, exchange_limits);
    conversation.note_in(&context.report);
    co_return co_await run_exchange(context, conversation, patience);
}

constexpr std::array rows{
    Operation{.info = {.name = "unix.exchange",
                       .levels = "A0 A1",
                       .summary = "connects to a unix domain socket of this machine, sends texts and awaits replies",
                       .parameters = parameters,
                       .outputs = outputs,
                       .example = R"(do      = "unix.exchange"
path    = "/run/redis/redis.sock"
send    = ["PING\r\n"]
replies = ['^\+PONG']
)",
                       .text_output = "said",
                       .contradiction = &exchange_contradiction},
              .run = run_unix_exchange},
};

}  // namespace

std::span<const Operation> unix_socket_operations() {
    return rows;
}

}  // namespace slimtax::probes
