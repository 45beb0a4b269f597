// ssh.login: a user logs in over the network, by password or by key, and opens a session.
#include <array>
#include <fstream>
#include <functional>

#include <fmt/format.h>

#include "probes/endpoint.hpp"
#include "probes/ssh_session.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr std::array login_parameters{
    Parameter{.name = "user", .required = true, .help = "Who logs in.", .example = R"("probe")"},
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
              .help =
                  "The server's key, as fingerprint (SHA256:…) or public key line (ssh-ed25519 AAAA…); several, one "
                  "a line, of which one must match. Omitted: any key is accepted, and told as `fingerprint`.",
              .example = R"("SHA256:uNiVztksCsDhcc0u9e8BrwQFXb6sh6Vq5fGuY0GdSks")"},
    Parameter{.name = "channel",
              .type = ParameterType::boolean,
              .fallback = "true",
              .help = "Whether to open a session after the login, as a terminal would, and close it."},
};

constexpr auto login_outputs =
    joined(connection_outputs,
           std::array{
               Output{"fingerprint", OutputType::text, "The server's host key as SHA256:…"},
               Output{"key_type", OutputType::text, "The host key's type, such as ssh-ed25519."},
               Output{"banner", OutputType::text, "What the server calls itself, such as SSH-2.0-OpenSSH_9.2p1."},
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
                key = tl::unexpected<std::string>("cannot be read");
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
    const Wake wake = co_await context.engine.loop().in_worker(std::move(work), patience.deadline);
    if (wake != Wake::ready) {
        co_return tl::unexpected(
            Trouble{Trouble::Kind::ours, fmt::format("{} could not be read {}", what, patience.in_words())});
    }
    if (!reading->key) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, what + " " + reading->key.error()});
    }
    co_return std::move(*reading->key);
}

Task<Outcome> run_login(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const Patience patience = Patience::until(context.deadline);
    const std::string& password = arguments.text("password");
    const int ways =
        (arguments.has("password") ? 1 : 0) + (arguments.has("key") ? 1 : 0) + (arguments.has("key_file") ? 1 : 0);
    if (ways != 1) {
        co_return Outcome::fault("an SSH login needs exactly one of password, key and key_file");
    }
    SshKey key;
    if (!arguments.has("password")) {
        auto read = co_await private_key(context, patience);
        if (!read) {
            co_return outcome_of(std::move(read.error()));
        }
        key = std::move(*read);
    }
    const Endpoint endpoint("SSH server", arguments.text("host"), port_of(arguments, 22, 22));
    auto socket = co_await open_socket(context, endpoint);
    if (!socket) {
        co_return outcome_of(std::move(socket.error()));
    }

    SshSession session(context.engine, std::move(*socket), endpoint.address);
    Patience stage = Patience::until(patience.deadline);
    tl::expected<void, Trouble> done =
        co_await session.connect(arguments.text("user"), arguments.text("host_key"), patience);
    context.report.output("fingerprint", session.fingerprint());
    context.report.output("key_type", session.key_type());
    context.report.output("banner", session.banner());
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    context.report.timing("key_exchange", stage.spent());
    context.report.note(
        fmt::format("{} with host key {} {}", session.banner(), session.key_type(), session.fingerprint()));

    stage = Patience::until(patience.deadline);
    if (key != nullptr) {
        done = co_await session.log_in_by_key(key.get(), patience);
    } else {
        done = co_await session.log_in_by_password(password, patience);
    }
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    context.report.timing("authenticate", stage.spent());
    context.report.note("logged in as " + arguments.text("user"));
    if (arguments.flag("channel")) {
        stage = Patience::until(patience.deadline);
        done = co_await session.open_channel(patience);
        if (!done) {
            co_return outcome_of(std::move(done.error()));
        }
        context.report.timing("channel", stage.spent());
        context.report.note("opened and closed a session");
    }
    co_return Outcome::ok();
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
)"},
              .run = run_login},
};

}  // namespace

std::span<const Operation> ssh_operations() {
    return rows;
}

}  // namespace slimtax::probes
