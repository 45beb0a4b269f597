#include "probes/ssh_session.hpp"

#include <cstring>
#include <functional>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>

namespace slimtax::probes {

namespace {

template <class T>
using Result = SshSession::Result<T>;

// A server may ask so often and so much in keyboard-interactive.
constexpr int most_rounds = 8;

// More than so much in answer to one request but a command is no SSH, or a flood that would keep the loop busy.
constexpr std::uint64_t most_answer_bytes = 1u << 20;

std::string methods_of(int list) {
    std::vector<std::string_view> names;
    const auto add = [&](int bit, std::string_view name) {
        if ((list & bit) != 0) {
            names.push_back(name);
        }
    };
    add(SSH_AUTH_METHOD_PASSWORD, "password");
    add(SSH_AUTH_METHOD_PUBLICKEY, "publickey");
    add(SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive");
    add(SSH_AUTH_METHOD_HOSTBASED, "hostbased");
    add(SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic");
    return names.empty() ? "nothing that is known here" : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

SshSession::SshSession(Engine& engine, Socket socket, std::string address)
    : engine_(&engine),
      address_(std::move(address)),
      server_("SSH server " + address_),
      socket_(std::move(socket)),
      lent_(::fcntl(socket_.fd(), F_DUPFD_CLOEXEC, 0)),
      session_(ssh_new()) {
    const bool no = false;
    const int quiet = SSH_LOG_NOLOG;
    ssh_options_set(session_, SSH_OPTIONS_LOG_VERBOSITY, &quiet);
    ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &no);
    // Nothing of the prober's own account: its folder would be looked up, and its files read.
    ssh_options_set(session_, SSH_OPTIONS_SSH_DIR, "/nonexistent");
    ssh_options_set(session_, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
    ssh_options_set(session_, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    ssh_options_set(session_, SSH_OPTIONS_FD, &lent_);
    ssh_set_blocking(session_, 0);
}

SshSession::~SshSession() {
    close_channel();
    ssh_disconnect(session_);
    ssh_free(session_);
    // libssh closes a descriptor that it was given after some errors, and leaves it open otherwise. The number alone
    // does not tell: another thread may have it by now.
    struct stat ours {};
    struct stat lent {};
    if (lent_ >= 0 && ::fstat(socket_.fd(), &ours) == 0 && ::fstat(lent_, &lent) == 0 && ours.st_ino == lent.st_ino &&
        ours.st_dev == lent.st_dev) {
        ::close(lent_);
    }
}

Task<Result<void>> SshSession::connect(const std::string& user, const std::string& expected_key,
                                       const Patience& patience) {
    if (lent_ < 0) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, "no descriptor left for an SSH session"});
    }
    user_ = user;
    ssh_options_set(session_, SSH_OPTIONS_USER, user.c_str());
    const std::string algorithms = algorithms_for(expected_key);
    if (!algorithms.empty() && ssh_options_set(session_, SSH_OPTIONS_HOSTKEYS, algorithms.c_str()) != SSH_OK) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, "host_key is of a kind that is not known here"});
    }
    static constexpr std::string_view greeting = "send its greeting";
    static constexpr std::string_view exchange = "finish the key exchange";
    std::function<int()> call = [this] { return ssh_connect(session_); };
    const Result<int> done = co_await until_done(std::move(call), SSH_AGAIN, greeting, patience);
    if (!done) {
        if (done.error().kind == Trouble::Kind::timed_out && ssh_get_serverbanner(session_) != nullptr) {
            co_return tl::unexpected(ran_out(server_, exchange, patience));
        }
        co_return tl::unexpected(done.error());
    }
    if (*done != SSH_OK) {
        co_return tl::unexpected(lost(ssh_get_serverbanner(session_) == nullptr ? greeting : exchange));
    }
    co_return check_host_key(expected_key);
}

Result<void> SshSession::check_host_key(const std::string& expected) {
    ssh_key raw = nullptr;
    if (ssh_get_server_publickey(session_, &raw) != SSH_OK) {
        return tl::unexpected(refused(server_ + " showed no host key"));
    }
    const SshKey key(raw);
    fingerprint_ = fingerprint_of(raw);
    key_type_ = ssh_key_type_to_char(ssh_key_type(raw));
    if (expected.empty()) {
        return {};
    }
    const auto matches = is_expected_key(raw, fingerprint_, expected);
    if (!matches) {
        return tl::unexpected(Trouble{Trouble::Kind::ours, matches.error()});
    }
    if (!*matches) {
        return tl::unexpected(refused(fmt::format("the host key of {} differs: it shows {} {}, expected {}", server_,
                                                  key_type_, fingerprint_, fingerprints_of(expected))));
    }
    return {};
}

Task<Result<void>> SshSession::log_in_by_password(const std::string& password, const Patience& patience) {
    static constexpr std::string_view action = "answer the login";
    secret_ = password;
    std::function<int()> none = [this] { return ssh_userauth_none(session_, nullptr); };
    Result<int> answer = co_await until_done(std::move(none), SSH_AUTH_AGAIN, action, patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    if (*answer == SSH_AUTH_SUCCESS || *answer == SSH_AUTH_ERROR) {
        co_return judge_login(*answer, "password");
    }
    const int list = ssh_userauth_list(session_, nullptr);
    if ((list & SSH_AUTH_METHOD_PASSWORD) == 0 && (list & SSH_AUTH_METHOD_INTERACTIVE) != 0) {
        co_return co_await log_in_interactively(password, patience);
    }
    std::function<int()> try_password = [this, &password] {
        return ssh_userauth_password(session_, nullptr, password.c_str());
    };
    answer = co_await until_done(std::move(try_password), SSH_AUTH_AGAIN, action, patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    co_return judge_login(*answer, "password");
}

Task<Result<void>> SshSession::log_in_interactively(const std::string& password, const Patience& patience) {
    static constexpr std::string_view action = "answer the login";
    for (int round = 0; round < most_rounds; ++round) {
        std::function<int()> ask = [this] { return ssh_userauth_kbdint(session_, nullptr, nullptr); };
        const Result<int> answer = co_await until_done(std::move(ask), SSH_AUTH_AGAIN, action, patience);
        if (!answer) {
            co_return tl::unexpected(answer.error());
        }
        if (*answer != SSH_AUTH_INFO) {
            co_return judge_login(*answer, "keyboard-interactive");
        }
        const int prompts = ssh_userauth_kbdint_getnprompts(session_);
        for (int i = 0; i < prompts; ++i) {
            char echoed = 0;
            ssh_userauth_kbdint_getprompt(session_, static_cast<unsigned>(i), &echoed);
            // What is typed in the open is no place for a password.
            ssh_userauth_kbdint_setanswer(session_, static_cast<unsigned>(i),
                                          echoed != 0 ? user_.c_str() : password.c_str());
        }
    }
    co_return tl::unexpected(refused(server_ + " asks one question after the other and does not let us in"));
}

Task<Result<void>> SshSession::log_in_by_key(ssh_key_struct* key, const Patience& patience) {
    std::function<int()> try_key = [this, key] { return ssh_userauth_publickey(session_, nullptr, key); };
    const Result<int> answer = co_await until_done(std::move(try_key), SSH_AUTH_AGAIN, "answer the login", patience);
    if (!answer) {
        co_return tl::unexpected(answer.error());
    }
    co_return judge_login(*answer, "key");
}

Result<void> SshSession::judge_login(int answer, std::string_view how) {
    if (answer == SSH_AUTH_SUCCESS) {
        return {};
    }
    if (answer == SSH_AUTH_ERROR) {
        return tl::unexpected(lost("answer the login"));
    }
    const std::string allowed = methods_of(ssh_userauth_list(session_, nullptr));
    if (answer == SSH_AUTH_PARTIAL) {
        return tl::unexpected(
            refused(fmt::format("SSH login of {} at {} refused: the {} alone is not enough, it also "
                                "wants {}",
                                user_, address_, how, allowed)));
    }
    return tl::unexpected(refused(fmt::format("SSH login of {} at {} refused: permission denied (by {}; it allows {})",
                                              user_, address_, how, allowed)));
}

void SshSession::close_channel() {
    if (channel_ != nullptr) {
        ssh_channel_free(channel_);
        channel_ = nullptr;
    }
}

Task<Result<void>> SshSession::open_channel(const Patience& patience) {
    auto opened = co_await new_channel(patience);
    if (!opened) {
        co_return tl::unexpected(std::move(opened.error()));
    }
    ssh_channel_close(channel_);
    co_return Result<void>{};
}

Task<Result<ssh_channel_struct*>> SshSession::new_channel(const Patience& patience) {
    static constexpr std::string_view action = "open a session";
    close_channel();
    channel_ = ssh_channel_new(session_);
    if (channel_ == nullptr) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, "no memory for an SSH channel"});
    }
    std::function<int()> open = [this] { return ssh_channel_open_session(channel_); };
    const Result<int> opened = co_await until_done(std::move(open), SSH_AGAIN, action, patience);
    if (!opened) {
        co_return tl::unexpected(opened.error());
    }
    if (*opened != SSH_OK) {
        co_return tl::unexpected(lost(action));
    }
    co_return channel_;
}

namespace {

/// How a command ended, told by libssh's callbacks while packets are read; resumes nobody.
struct EndNotes {
    bool known = false;
    int code = -1;
    std::string signal;
};

void note_code(ssh_session, ssh_channel, int code, void* notes) {
    auto& its = *static_cast<EndNotes*>(notes);
    its.known = true;
    its.code = code;
}

void note_signal(ssh_session, ssh_channel, const char* signal, int, const char*, const char*, void* notes) {
    auto& its = *static_cast<EndNotes*>(notes);
    its.known = true;
    its.signal = quotable(signal == nullptr ? "" : signal, {}, 20);
}

}  // namespace

/// Reads what has come of one of the two streams; false: nothing.
Result<bool> SshSession::read_some(bool errors, Ended& ended, std::size_t limit) {
    std::string& kept = errors ? ended.errors : ended.output;
    bool& cut = errors ? ended.errors_cut : ended.output_cut;
    static thread_local std::vector<char> room(32768);
    const int got =
        ssh_channel_read_nonblocking(channel_, room.data(), static_cast<std::uint32_t>(room.size()), errors ? 1 : 0);
    if (got == SSH_ERROR) {
        return tl::unexpected(lost("finish the command"));
    }
    if (got <= 0) {
        return false;
    }
    const std::size_t fits = std::min(static_cast<std::size_t>(got), limit - kept.size());
    kept.append(room.data(), fits);
    cut = cut || fits < static_cast<std::size_t>(got);
    return true;
}

Task<Result<SshSession::Ended>> SshSession::run(std::string command, std::size_t limit, const Patience& patience) {
    static constexpr std::string_view action = "finish the command";
    auto opened = co_await new_channel(patience);
    if (!opened) {
        co_return tl::unexpected(std::move(opened.error()));
    }
    EndNotes notes;
    ssh_channel_callbacks_struct callbacks{};
    callbacks.userdata = &notes;
    callbacks.channel_exit_status_function = &note_code;
    callbacks.channel_exit_signal_function = &note_signal;
    ssh_callbacks_init(&callbacks);
    ssh_set_channel_callbacks(channel_, &callbacks);
    // Notes and callbacks live in this frame, and libssh may keep a channel until the server has closed it too.
    struct Closer {
        SshSession* session;
        ssh_channel_callbacks_struct* callbacks;
        ~Closer() {
            ssh_remove_channel_callbacks(session->channel_, callbacks);
            session->close_channel();
        }
    };
    const Closer closer{this, &callbacks};
    std::function<int()> start = [this, &command] { return ssh_channel_request_exec(channel_, command.c_str()); };
    const Result<int> started = co_await until_done(std::move(start), SSH_AGAIN, "start the command", patience);
    if (!started) {
        co_return tl::unexpected(started.error());
    }
    if (*started != SSH_OK) {
        co_return tl::unexpected(refused(server_ + " refused to run the command"));
    }
    ssh_channel_send_eof(channel_);
    Ended ended;
    while (true) {
        const Result<bool> output = read_some(false, ended, limit);
        const Result<bool> errors = output ? read_some(true, ended, limit) : output;
        if (!errors) {
            co_return tl::unexpected(errors.error());
        }
        if (!notes.known && ssh_channel_is_eof(channel_) != 0) {
            // After the end of the output libssh reads no more packets for a reader; the exit code is in one of them.
            static_cast<void>(ssh_channel_get_exit_status(channel_));
        }
        const bool idle = !*output && !*errors;
        if (idle && (ssh_channel_is_closed(channel_) != 0 || (notes.known && ssh_channel_is_eof(channel_) != 0))) {
            break;
        }
        if (patience.over()) {
            co_return tl::unexpected(ran_out(server_, action, patience));
        }
        if (idle) {
            // While it looked for one stream, libssh may have taken in the other's last bytes: then the socket has
            // nothing more to say, and only another look finds them.
            const TimePoint soon = std::min(patience.deadline, Loop::now() + std::chrono::milliseconds(20));
            const Wake wake = co_await engine_->loop().readable(socket_.fd(), soon);
            if (wake == Wake::cancelled) {
                co_return tl::unexpected(Trouble::shut_down());
            }
            if (wake == Wake::ready) {
                watch_.look(socket_.fd());
            }
        }
    }
    ended.code = notes.code;
    ended.signal = notes.signal;
    co_return std::move(ended);
}

std::string SshSession::banner() const {
    const char* text = ssh_get_serverbanner(session_);
    return text == nullptr ? std::string() : quotable(text);
}

// Calls `call` again at each readiness until it answers something else than `again`.
Task<Result<int>> SshSession::until_done(std::function<int()> call, int again, std::string_view action,
                                         const Patience& patience) {
    const std::uint64_t before = watch_.received();
    while (true) {
        const int answer = call();
        if (answer != again) {
            co_return answer;
        }
        if (watch_.received() - before > most_answer_bytes) {
            co_return tl::unexpected(
                refused(fmt::format("{} sent more than {} bytes and did not {}", server_, most_answer_bytes, action)));
        }
        if (patience.over()) {
            co_return tl::unexpected(ran_out(server_, action, patience));
        }
        auto waited = co_await wait(action, patience);
        if (!waited) {
            co_return tl::unexpected(std::move(waited.error()));
        }
    }
}

// Until libssh has something to do.
Task<Result<void>> SshSession::wait(std::string_view action, const Patience& patience) {
    const bool writes = (ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) != 0;
    Wake wake = Wake::ready;
    if (writes) {
        wake = co_await engine_->loop().readable_or_writable(socket_.fd(), patience.deadline);
    } else {
        wake = co_await engine_->loop().readable(socket_.fd(), patience.deadline);
    }
    if (wake == Wake::timed_out) {
        co_return tl::unexpected(ran_out(server_, action, patience));
    }
    if (wake == Wake::cancelled) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, "the prober was stopped"});
    }
    watch_.look(socket_.fd());
    co_return Result<void>();
}

// The connection ended, or the peer broke the protocol: in libssh's words.
Trouble SshSession::lost(std::string_view action) {
    if (watch_.error() != 0) {
        return refused(fmt::format("{} did not {}: {}", server_, action, std::strerror(watch_.error())));
    }
    return refused(fmt::format("{} did not {}: {}", server_, action, quotable(ssh_get_error(session_), secret_)));
}

}  // namespace slimtax::probes
