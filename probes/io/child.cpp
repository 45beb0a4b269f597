#include "probes/io/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace slimtax::probes {
namespace {

/// Owns a descriptor. Never 0, 1 or 2, which the child's own take in the child.
class Handle {
public:
    Handle() = default;
    explicit Handle(int fd) : fd_(fd) {
        if (fd >= 0 && fd <= 2) {
            fd_ = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
            ::close(fd);
        }
    }
    Handle(Handle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Handle() { close(); }
    void close() {
        if (fd_ >= 0) {
            ::close(std::exchange(fd_, -1));
        }
    }
    [[nodiscard]] int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// What the child reads: a file in memory, so that nobody has to write while it reads, or does not read.
Handle input_file(const std::string& text) {
    if (text.empty()) {
        return Handle(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    Handle file(::memfd_create("stdin", MFD_CLOEXEC));
    std::size_t written = 0;
    while (file && written < text.size()) {
        const ssize_t wrote = ::write(file.get(), text.data() + written, text.size() - written);
        if (wrote <= 0) {
            file.close();
        } else {
            written += static_cast<std::size_t>(wrote);
        }
    }
    if (file) {
        ::lseek(file.get(), 0, SEEK_SET);
    }
    return file;
}

/// One of the child's streams, from our side.
struct Output {
    Handle ours;
    Handle theirs;
    std::string bytes;
    bool cut = false;

    bool open() {
        std::array<int, 2> ends{-1, -1};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
            return false;
        }
        ours = Handle(ends[0]);
        theirs = Handle(ends[1]);
        // Ours only: a child does not expect a non-blocking stdout.
        return ours && theirs && ::fcntl(ours.get(), F_SETFL, O_NONBLOCK) == 0;
    }

    /// Reads once; false when there is no more for now, or ever.
    bool read(std::size_t limit) {
        std::array<char, 16384> room;  // not initialised: read fills it
        const ssize_t got = ::read(ours.get(), room.data(), room.size());
        if (got < 0 && errno == EINTR) {
            return true;
        }
        if (got < 0 && errno == EAGAIN) {
            return false;
        }
        if (got <= 0) {
            ended = true;
            return false;
        }
        const std::size_t keep = std::min(static_cast<std::size_t>(got), limit - bytes.size());
        bytes.append(room.data(), keep);
        cut = cut || keep < static_cast<std::size_t>(got);
        return true;
    }

    bool ended = false;
};

/// The C form of a list of texts, which must outlive it.
std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (std::string& text : texts) {
        list.push_back(text.data());
    }
    list.push_back(nullptr);
    return list;
}

Task<void> reap_later(Loop& loop, pid_t pid, Handle pidfd) {
    const Wake wake = co_await loop.readable(pidfd.get(), Loop::now() + std::chrono::hours(24));
    if (wake == Wake::ready) {
        ::waitpid(pid, nullptr, WNOHANG);
    }
}

/// A running child. Its destructor kills what still runs.
class Child {
public:
    Child(Loop& loop, std::size_t output_limit) : loop_(loop), limit_(output_limit), over_(loop) {}
    ~Child() {
        for (const Handle* handle : {&pidfd_, &output_.ours, &errors_.ours}) {
            if (*handle) {
                loop_.unwatch(handle->get());
            }
        }
        if (pid_ > 0) {  // our coroutine was destroyed: no way to wait
            kill_group();
            ::waitpid(pid_, nullptr, WNOHANG);
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// 0, or what went wrong as errno, with what was being done.
    std::pair<int, std::string> start(ChildOptions options);
    Task<ChildEnd> wait(TimePoint deadline);

private:
    int spawn(ChildOptions& options, const Handle& input);
    void watch(Output& output);
    void kill_group() const { ::kill(-pid_, SIGKILL); }
    void drain();
    ChildEnd reap(ChildEnd::How ours);

    Loop& loop_;
    std::size_t limit_;
    Loop::Event over_;
    TimePoint began_;
    pid_t pid_ = -1;
    Handle pidfd_;
    Output output_;
    Output errors_;
};

std::pair<int, std::string> Child::start(ChildOptions options) {
    const Handle input = input_file(options.input);
    if (!input || !output_.open() || !errors_.open()) {
        return {errno, "the pipes to it cannot be made"};
    }
    began_ = Loop::now();
    if (const int error = spawn(options, input); error != 0) {
        pid_ = -1;
        return {error, fmt::format("it cannot be started in {}", options.folder)};
    }
    output_.theirs.close();
    errors_.theirs.close();
    // By number: the libc of Debian 12 has no function for it in C++ headers. Ours and unreaped: the pid is its own.
    pidfd_ = Handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) {
        const int error = errno;
        kill_group();
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
        return {error, "its end cannot be watched"};
    }
    watch(output_);
    watch(errors_);
    loop_.watch(pidfd_.get(), true, false, [this](bool, bool) {
        loop_.unwatch(pidfd_.get());
        over_.set();
    });
    return {0, ""};
}

int Child::spawn(ChildOptions& options, const Handle& input) {
    std::vector<std::string> environment;
    for (const auto& [name, value] : options.environment) {
        environment.push_back(name + "=" + value);
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, output_.theirs.get(), 1);
    posix_spawn_file_actions_adddup2(&actions, errors_.theirs.get(), 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawn_file_actions_addchdir_np(&actions, options.folder.c_str());
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int error = ::posix_spawnp(&pid_, options.argv.front().c_str(), &actions, &attributes,
                                     pointers(options.argv).data(), pointers(environment).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

void Child::watch(Output& output) {
    loop_.watch(output.ours.get(), true, false, [this, &output](bool, bool) {
        output.read(limit_);
        if (output.ended) {
            loop_.unwatch(output.ours.get());
        }
    });
}

/// What is still in the pipes. Bounded: a process that got away may go on writing.
void Child::drain() {
    for (Output* output : {&output_, &errors_}) {
        for (int i = 0; i < 1024 && !output->ended && output->read(limit_); ++i) {
        }
    }
}

Task<ChildEnd> Child::wait(TimePoint deadline) {
    Wake wake = co_await over_.wait(deadline);
    ChildEnd::How how = ChildEnd::How::exited;
    // Before reaping: until then the group's number cannot be given to anybody else.
    kill_group();
    if (wake != Wake::ready) {
        how = wake == Wake::cancelled ? ChildEnd::How::cancelled : ChildEnd::How::timed_out;
        wake = co_await over_.wait(Loop::now() + std::chrono::milliseconds(100));
        if (wake == Wake::cancelled) {
            pollfd dead{pidfd_.get(), POLLIN, 0};
            ::poll(&dead, 1, 100);
        }
    }
    co_return reap(how);
}

ChildEnd Child::reap(ChildEnd::How how) {
    ChildEnd end;
    end.how = how;
    end.took = std::chrono::duration_cast<schemas::Duration>(Loop::now() - began_);
    drain();
    end.output = std::move(output_.bytes);
    end.output_cut = output_.cut;
    end.errors = std::move(errors_.bytes);
    end.errors_cut = errors_.cut;
    int status = 0;
    rusage used{};
    const pid_t reaped = ::wait4(pid_, &status, WNOHANG, &used);
    if (reaped == 0) {  // in the kernel, deaf to SIGKILL
        loop_.unwatch(pidfd_.get());
        loop_.spawn(reap_later(loop_, pid_, std::move(pidfd_)), [](std::exception_ptr) {});
    } else if (reaped < 0 && how == ChildEnd::How::exited) {
        end.how = ChildEnd::How::not_started;
        end.trouble = fmt::format("its end was lost: {}", std::strerror(errno));
    } else if (how == ChildEnd::How::exited) {
        end.how = WIFSIGNALED(status) ? ChildEnd::How::killed : ChildEnd::How::exited;
        end.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    }
    pid_ = -1;
    const auto duration = [](const timeval& time) {
        return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    };
    end.cpu = duration(used.ru_utime) + duration(used.ru_stime);
    return end;
}

}  // namespace

Task<ChildEnd> run_child(Loop& loop, ChildOptions options, TimePoint deadline) {
    Child child(loop, options.output_limit);
    const auto [error, what] = child.start(std::move(options));
    if (error != 0) {
        ChildEnd end;
        end.trouble = fmt::format("{}: {}", what, std::generic_category().message(error));
        co_return end;
    }
    co_return co_await child.wait(deadline);
}

std::vector<std::pair<std::string, std::string>> plain_environment() {
    std::vector<std::pair<std::string, std::string>> variables;
    for (const char* name : {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"}) {
        if (const char* value = std::getenv(name)) {
            variables.emplace_back(name, value);
        }
    }
    return variables;
}

}  // namespace slimtax::probes
