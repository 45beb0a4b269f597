// One SSH log-in: libssh on a descriptor that we connected, never blocking. The host key is judged here, not by
// anybody's known_hosts; no configuration file is read.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "probes/io/arrival_watch.hpp"
#include "probes/io/stream.hpp"
#include "probes/patience.hpp"
#include "probes/ssh_keys.hpp"

struct ssh_channel_struct;
struct ssh_session_struct;

namespace slimtax::probes {

class SshSession {
public:
    template <class T>
    using Result = tl::expected<T, Trouble>;

    /// `address` is "login1:22", for sentences.
    SshSession(Engine& engine, Socket socket, std::string address);
    ~SshSession();
    SshSession(const SshSession&) = delete;
    SshSession& operator=(const SshSession&) = delete;

    /// Greeting and key exchange. `expected_key`, when it is not empty, is what the server must show: a
    /// "SHA256:…" fingerprint or a public key line ("ssh-ed25519 AAAA…"), one of several lines suffices.
    Task<Result<void>> connect(const std::string& user, const std::string& expected_key, const Patience& patience);

    /// By password, or by answering every hidden question with it (keyboard-interactive) where the server wants that.
    Task<Result<void>> log_in_by_password(const std::string& password, const Patience& patience);
    Task<Result<void>> log_in_by_key(ssh_key_struct* key, const Patience& patience);

    /// Opens a session channel, as a terminal would, and closes it.
    Task<Result<void>> open_channel(const Patience& patience);

    /// What a command came to.
    struct Ended {
        int code = -1;       ///< its exit code; -1: the server told none
        std::string signal;  ///< that ended it, such as TERM; empty: none
        std::string output;  ///< at most `limit` bytes of what it printed, and
        std::string errors;  ///< of what it printed as errors
        bool output_cut = false;
        bool errors_cut = false;
    };

    /// Runs a command as the user's shell does, without a terminal and without input. What it prints beyond `limit`
    /// bytes is read and dropped.
    Task<Result<Ended>> run(std::string command, std::size_t limit, const Patience& patience);

    [[nodiscard]] const std::string& address() const { return address_; }
    [[nodiscard]] const std::string& user() const { return user_; }

    /// When the last that was read had arrived: what a response time ends with.
    [[nodiscard]] TimePoint arrived() const { return watch_.arrived(socket_.fd()); }

    /// The server's key as "SHA256:…", after `connect`.
    [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }
    /// "ssh-ed25519".
    [[nodiscard]] const std::string& key_type() const { return key_type_; }
    /// What the server calls itself: "SSH-2.0-OpenSSH_9.2p1 Debian-2".
    [[nodiscard]] std::string banner() const;

private:
    Task<Result<int>> until_done(std::function<int()> call, int again, std::string_view action,
                                 const Patience& patience);
    [[nodiscard]] Result<void> check_host_key(const std::string& expected);
    Task<Result<void>> log_in_interactively(const std::string& password, const Patience& patience);
    [[nodiscard]] Result<void> judge_login(int answer, std::string_view how);
    [[nodiscard]] Trouble lost(std::string_view action);
    Task<Result<void>> wait(std::string_view action, const Patience& patience);
    Task<Result<ssh_channel_struct*>> new_channel(const Patience& patience);
    void close_channel();
    [[nodiscard]] Result<bool> read_some(bool errors, Ended& ended, std::size_t limit);

    Engine* engine_;
    std::string address_;
    std::string server_;  ///< "SSH server login1:22"
    std::string user_;
    std::string secret_;
    std::string fingerprint_;
    std::string key_type_;
    Socket socket_;
    ArrivalWatch watch_;
    int lent_ = -1;  ///< a second descriptor of the socket, for libssh
    ssh_session_struct* session_ = nullptr;
    ssh_channel_struct* channel_ = nullptr;
};

}  // namespace slimtax::probes
