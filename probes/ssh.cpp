// ssh.login, ssh.run: a user logs in over the network, by password or by key, opens a session and runs a command. A
// log-in lives in the run's Session, for later commands; it is closed when the run ends.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "probes/aside.hpp"
#include "probes/endpoint.hpp"
#include "probes/exit_codes.hpp"
#include "probes/ssh_session.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr std::array credential_parameters{
    Parameter{.name = "password",
              .help = "The user's password; write ${secret:NAME}. Exactly one of password, key and key_file is needed.",
              .example = R"("${secret:ssh-probe}")"},
    Parameter{.name = "key",
              .help = "The user's private key itself, as text; write ${secret:NAME}.",
              .example = R"("${secret:ssh-probe-key}")"},
    Parameter{.name = "key_file", .help = "A file with the user's private key, which only the prober can read."},
    Parameter{.name = "key_passphrase", .help = "The passphrase of the key, if it has one; write ${secret:NAME}."},
    host_parameter,
    port_parameter("22"),
    Parameter{.name = "host_key",
              .help = "The server's key, as fingerprint (SHA256:…), public key line (ssh-ed25519 AAAA…) or line of "
                      "known_hosts; several, one a line, of which one must match. Omitted: any key is accepted, and "
                      "told as `fingerprint`.",
              .example = R"("SHA256:uNiVztksCsDhcc0u9e8BrwQFXb6sh6Vq5fGuY0GdSks")",
              .flaw = &host_keys_flaw},
};

constexpr auto login_parameters =
    joined(std::array{Parameter{.name = "user", .required = true, .help = "Who logs in.", .example = R"("probe")"}},
           credential_parameters,
           std::array{
               Parameter{.name = "channel",
                         .type = ParameterType::boolean,
                         .fallback = "true",
                         .help = "Whether to open a session after the login, as a terminal would, and close it."},
           });

constexpr auto run_parameters = joined(
    std::array{
        Parameter{.name = "command",
                  .required = true,
                  .help = "What the user's shell on the server is to run.",
                  .example = R"("df --output=pcent /home")"},
        Parameter{.name = "user",
                  .help = "Who logs in; omitted: the command runs in the session of the ssh.login before.",
                  .example = R"("probe")"},
    },
    credential_parameters,
    std::array{
        Parameter{.name = "exit",
                  .fallback = R"("0")",
                  .help = "The exit codes that are good: numbers and ranges, as in \"0, 2-3\", or \"any\".",
                  .flaw = &exit_codes_flaw},
        Parameter{.name = "match", .type = ParameterType::pattern, .help = "What the output must match."},
        Parameter{.name = "output_limit",
                  .type = ParameterType::integer,
                  .fallback = "65536",
                  .help = "Bytes kept of its output and of its errors; what exceeds them is dropped.",
                  .least = 256,
                  .most = 16 << 20},
    });

constexpr std::array<std::string_view, 3> credentials{"password", "key", "key_file"};
constexpr std::array login_alternatives{
    schemas::Alternatives{.names = credentials, .allowed = schemas::Alternatives::HowMany::exactly_one}};
constexpr std::array run_alternatives{schemas::Alternatives{.names = credentials}};

std::string credentials_without_user(const schemas::WrittenParameters& written) {
    const bool any = std::ranges::any_of(credentials, [&](std::string_view name) { return written.has(name); });
    if (any && !written.has("user")) {
        return "a password or key needs the user that it is of";
    }
    return written.has("user") && !any ? "a user needs a password, key or key_file" : "";
}

constexpr auto login_outputs =
    joined(connection_outputs,
           std::array{
               Output{"fingerprint", OutputType::text, "The server's host key as SHA256:…"},
               Output{"key_type", OutputType::text, "The host key's type, such as ssh-ed25519."},
               Output{"banner", OutputType::text, "What the server calls itself, such as SSH-2.0-OpenSSH_9.2p1."},
           });

constexpr auto run_outputs = joined(
    login_outputs, std::array{
                       Output{"exit_code", OutputType::number, "The command's exit code; -1 when a signal ended it."},
                       Output{"output", OutputType::text, "What it printed."},
                       Output{"errors", OutputType::text, "What it printed as errors."},
                   });

constexpr std::streamsize most_key_bytes = 64 << 10;

// What a worker reads: it may outlive the step.
struct KeyReading {
    std::string file;  ///< empty: `text` is the key
    std::string text;
    std::string passphrase;
    tl::expected<SshKey, std::string> key = tl::unexpected<std::string>("was not read");

    void read() {
        if (!file.empty()) {
            std::ifstream in(file, std::ios::binary);
            text.resize(static_cast<std::size_t>(most_key_bytes));
            in.read(text.data(), most_key_bytes);
            text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
            if (text.empty()) {
                const int error = errno;
                key = tl::unexpected(in || in.eof() ? std::string("is empty")
                                                    : std::string("cannot be read: ") + std::strerror(error));
                return;
            }
        }
        key = read_private_key(text, passphrase);
    }
};

// Reads the key in a worker: a file may be slow to come, and a passphrase is slow on purpose.
Task<tl::expected<SshKey, Trouble>> private_key(StepContext& context, const Patience& patience) {
    const auto reading = std::make_shared<KeyReading>();
    reading->file = context.arguments.text("key_file");
    reading->text = context.arguments.text("key");
    reading->passphrase = context.arguments.text("key_passphrase");
    const std::string what =
        reading->file.empty() ? "the key of the SSH login" : fmt::format("the key file {}", reading->file);
    std::function<void()> work = [reading] { reading->read(); };
    const std::string unread = what + " could not be read";
    auto done = co_await aside(context.engine, std::move(work), unread, patience);
    if (!done) {
        co_return tl::unexpected(std::move(done.error()));
    }
    if (!reading->key) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, what + " " + reading->key.error()});
    }
    co_return std::move(*reading->key);
}

using Opened = tl::expected<std::shared_ptr<SshSession>, Trouble>;

// Connects and logs in as the step's parameters say.
Task<Opened> log_in(StepContext& context, const Patience& patience) {
    const Arguments& arguments = context.arguments;
    const std::string& password = arguments.text("password");
    const int ways =
        (arguments.has("password") ? 1 : 0) + (arguments.has("key") ? 1 : 0) + (arguments.has("key_file") ? 1 : 0);
    if (ways != 1) {
        co_return tl::unexpected(
            Trouble{Trouble::Kind::ours, "an SSH login needs exactly one of password, key and key_file"});
    }
    SshKey key;
    if (!arguments.has("password")) {
        auto read = co_await private_key(context, patience);
        if (!read) {
            co_return tl::unexpected(std::move(read.error()));
        }
        key = std::move(*read);
    }
    const Endpoint endpoint("SSH server", arguments.text("host"), port_of(arguments, 22, 22));
    auto socket = co_await open_socket(context, endpoint);
    if (!socket) {
        co_return tl::unexpected(std::move(socket.error()));
    }

    const auto session = std::make_shared<SshSession>(context.engine, std::move(*socket), endpoint.address);
    Patience stage = Patience::until(patience.deadline);
    tl::expected<void, Trouble> done =
        co_await session->connect(arguments.text("user"), arguments.text("host_key"), patience);
    context.report.output("fingerprint", session->fingerprint());
    context.report.output("key_type", session->key_type());
    context.report.output("banner", session->banner());
    if (!done) {
        co_return tl::unexpected(std::move(done.error()));
    }
    context.report.timing("key_exchange", stage.spent_until(session->arrived()));
    context.report.note(
        fmt::format("{} with host key {} {}", session->banner(), session->key_type(), session->fingerprint()));

    stage = Patience::until(patience.deadline);
    if (key != nullptr) {
        done = co_await session->log_in_by_key(key.get(), patience);
    } else {
        done = co_await session->log_in_by_password(password, patience);
    }
    if (!done) {
        co_return tl::unexpected(std::move(done.error()));
    }
    context.report.timing("authenticate", stage.spent_until(session->arrived()));
    context.report.note("logged in as " + arguments.text("user"));
    co_return session;
}

Task<Outcome> run_login(StepContext& context) {
    const Patience patience = Patience::until(context.deadline);
    context.session.drop<SshSession>();
    auto session = co_await log_in(context, patience);
    if (!session) {
        co_return outcome_of(std::move(session.error()));
    }
    if (context.arguments.flag("channel")) {
        const Patience stage = Patience::until(patience.deadline);
        const auto done = co_await (*session)->open_channel(patience);
        if (!done) {
            co_return outcome_of(done.error());
        }
        context.report.timing("channel", stage.spent_until((*session)->arrived()));
        context.report.note("opened and closed a session");
    }
    context.report.response(patience.spent_until((*session)->arrived()));
    context.session.put(std::move(*session));
    co_return Outcome::ok();
}

/// The session of an earlier ssh.login to that server, where the step names no other user.
SshSession* earlier_login(StepContext& context) {
    auto* const session = context.session.find<SshSession>();
    const Arguments& arguments = context.arguments;
    const std::string address = host_and_port(arguments.text("host"), port_of(arguments, 22, 22));
    const bool same = session != nullptr && session->address() == address &&
                      (!arguments.has("user") || arguments.text("user") == session->user());
    return same ? session : nullptr;
}

Outcome judge(const SshSession::Ended& ended, const Arguments& arguments, const std::string& server) {
    const std::optional<bool> good = holds_code(arguments.text("exit"), ended.code);
    if (!good) {
        return Outcome::fault("exit: " + exit_codes_flaw(arguments.text("exit")));
    }
    const auto first_line = [](std::string_view text) { return quotable(text.substr(0, text.find('\n'))); };
    const std::string said = first_line(ended.errors.empty() ? ended.output : ended.errors);
    const std::string because = said.empty() ? "" : ": " + said;
    if (!ended.signal.empty()) {
        return Outcome::failed(
            fmt::format("the command on {} was ended by signal {}{}", server, ended.signal, because));
    }
    if (ended.code < 0) {
        return Outcome::failed(
            fmt::format("{} closed the session before it told how the command ended{}", server, because));
    }
    if (!*good) {
        return Outcome::failed(fmt::format("the command on {} exited with code {}{}", server, ended.code, because));
    }
    if (const schemas::Pattern* match = arguments.pattern("match");
        match != nullptr && !match->found_in(ended.output)) {
        const std::string begins = first_line(ended.output);
        return Outcome::failed(fmt::format("the output of the command on {} does not match '{}': {}", server,
                                           match->text(),
                                           begins.empty() ? "it is empty" : "it begins with \"" + begins + "\""));
    }
    return Outcome::ok();
}

Task<Outcome> run_command(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    SshSession* session = earlier_login(context);
    std::shared_ptr<SshSession> own;
    if (session == nullptr) {
        if (!arguments.has("user")) {
            co_return Outcome::fault("ssh.run needs an ssh.login to that server before it, or a user of its own");
        }
        auto opened = co_await log_in(context, patience);
        if (!opened) {
            co_return outcome_of(std::move(opened.error()));
        }
        own = std::move(*opened);
        session = own.get();
    }
    const Patience stage = Patience::until(patience.deadline);
    auto ended = co_await session->run(arguments.text("command"),
                                       static_cast<std::size_t>(arguments.integer("output_limit")), patience);
    if (!ended) {
        if (own == nullptr) {
            context.session.drop<SshSession>();  // whatever it is still about to say
        }
        co_return outcome_of(std::move(ended.error()));
    }
    context.report.timing("command", stage.spent_until(session->arrived()));
    context.report.response(patience.spent_until(session->arrived()));
    context.report.output("exit_code", static_cast<double>(ended->code));
    context.report.output("output", ended->output);
    context.report.output("errors", ended->errors);
    context.report.note(fmt::format("the command exited with code {}{}", ended->code,
                                    ended->output_cut || ended->errors_cut ? "; not all that it printed is kept" : ""));
    co_return judge(*ended, arguments, "SSH server " + session->address());
}

const std::array rows{
    Operation{.info = {.name = "ssh.login",
                       .levels = "A2",
                       .summary = "logs in over SSH, by password or by key, and opens a session",
                       .parameters = login_parameters,
                       .outputs = login_outputs,
                       .target_parameter = "host",
                       .example = R"(do       = "ssh.login"
user     = "probe"
key_file = "/etc/slimtax/id_probe"
host_key = "SHA256:uNiVztksCsDhcc0u9e8BrwQFXb6sh6Vq5fGuY0GdSks"
timeout  = "10s"
)",
                       .alternatives = login_alternatives},
              .run = run_login},
    Operation{
        .info = {.name = "ssh.run",
                 .levels = "A2 A3",
                 .summary = "runs a command over SSH, in the session of an earlier ssh.login or in one of its own",
                 .parameters = run_parameters,
                 .outputs = run_outputs,
                 .target_parameter = "host",
                 .example = R"(do       = "ssh.run"
user     = "probe"
key_file = "/etc/slimtax/id_probe"
command  = "test -w /home/probe && df --output=pcent /home"
match    = '\d+%'
)",
                 .text_output = "output",
                 .alternatives = run_alternatives,
                 .contradiction = &credentials_without_user},
        .run = run_command},
};

}  // namespace

std::span<const Operation> ssh_operations() {
    return rows;
}

}  // namespace slimtax::probes
