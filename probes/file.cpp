// file.check: is a file there, fresh, of the right size, owner, mode and content (A0, A1)? All looking is done by a
// worker thread. Only regular files are opened, and without waiting: a FIFO or a device never holds anybody up.
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "probes/aside.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"
#include "schemas/units.hpp"

namespace slimtax::probes {
namespace {

using schemas::Duration;
using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

/// `match` looks at so many bytes.
constexpr std::size_t head_bytes = 65536;

std::string size_flaw(std::string_view text) {
    const auto size = schemas::parse_size(text);
    return size ? std::string() : size.error();
}

std::string mode_flaw(std::string_view text) {
    unsigned mode = 0;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, mode, 8);
    return error == std::errc() && end == last && mode <= 07777
               ? std::string()
               : fmt::format("\"{}\" is no octal number, as in \"0640\"", quotable(text));
}

std::string sha256_flaw(std::string_view text) {
    const bool good =
        text.size() == 64 && std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
    return good ? std::string()
                : fmt::format("\"{}\" is no SHA-256 hash: it has 64 hexadecimal digits, as `sha256sum FILE` prints it",
                              quotable(text));
}

constexpr std::array parameters{
    Parameter{.name = "file",
              .required = true,
              .help = "The file or folder; a symbolic link stands for what it points to.",
              .example = R"("/var/backups/directory.ldif.gz")"},
    Parameter{.name = "exists",
              .type = ParameterType::boolean,
              .fallback = "true",
              .help = "False when it must not be there: a lock that somebody forgot, a maintenance flag."},
    Parameter{.name = "max_age",
              .type = ParameterType::duration,
              .help = "It must have been written within that time.",
              .example = R"("26 h")"},
    Parameter{.name = "min_size", .help = "At least so large.", .example = R"("1 MB")", .flaw = &size_flaw},
    Parameter{.name = "max_size", .help = "At most so large.", .example = R"("2 GB")", .flaw = &size_flaw},
    Parameter{.name = "owner", .help = "Whose it must be: a name or a number.", .example = R"("root")"},
    Parameter{.name = "group", .help = "Whose group it must be: a name or a number.", .example = R"("ssl-cert")"},
    Parameter{.name = "mode", .help = "Its permission bits, octal.", .example = R"("0640")", .flaw = &mode_flaw},
    Parameter{.name = "sha256",
              .help = "The SHA-256 hash that its content must have, in hexadecimal.",
              .example = R"("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")",
              .flaw = &sha256_flaw},
    Parameter{.name = "same_as",
              .help = "A reference copy whose content it must have; compared by SHA-256.",
              .example = R"("/usr/share/service/reference.conf")"},
    Parameter{.name = "match",
              .type = ParameterType::pattern,
              .help = "What must be found in its first 64 KB.",
              .example = R"('^# managed by puppet')"},
};

constexpr std::array outputs{
    Output{"exists", OutputType::boolean, "Whether it is there."},
    Output{"size", OutputType::number, "Its size in bytes."},
    Output{"age", OutputType::duration, "How long ago it was written."},
    Output{"owner", OutputType::text, "Whose it is, by name where it has one."},
    Output{"group", OutputType::text, "Its group, by name where it has one."},
    Output{"mode", OutputType::text, "Its permission bits, as in \"0640\"."},
    Output{"sha256", OutputType::text, "The hash of its content; only with `sha256` or `same_as`."},
};

/// Why a file could not be looked into.
struct Failure {
    int error = 0;           ///< errno; 0: none
    bool irregular = false;  ///< no regular file: it is not opened
    bool late = false;       ///< the time was up before all of it was read

    [[nodiscard]] bool any() const { return error != 0 || irregular || late; }
};

/// What a worker does; it owns all of it, since it may outlive the step.
struct Look {
    std::string file;
    std::string reference;
    bool want_hash = false;
    bool want_head = false;
    TimePoint deadline;

    struct stat entry {};
    Failure failure;  ///< of `file`
    std::string hash;
    std::string head;
    std::string owner, group;
    Failure reference_failure;
    std::string reference_hash;

    void work() {
        if (::stat(file.c_str(), &entry) != 0) {
            failure.error = errno;
            return;
        }
        owner = user_name(entry.st_uid);
        group = group_name(entry.st_gid);
        if (want_hash || want_head) {
            failure = read(file, want_hash ? &hash : nullptr, want_head ? &head : nullptr);
        }
        if (!failure.any() && !reference.empty()) {
            reference_failure = read(reference, &reference_hash, nullptr);
        }
    }

private:
    Failure read(const std::string& path, std::string* digest, std::string* beginning) const;
    static std::string user_name(uid_t number);
    static std::string group_name(gid_t number);
};

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

Failure Look::read(const std::string& path, std::string* digest, std::string* beginning) const {
    struct stat before {};
    if (::stat(path.c_str(), &before) != 0) {
        return {errno, false, false};
    }
    if (!S_ISREG(before.st_mode)) {  // opening a device can already do something
        return {0, true, false};
    }
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat opened {};
    if (file.get() < 0 || ::fstat(file.get(), &opened) != 0) {
        return {errno, false, false};
    }
    if (!S_ISREG(opened.st_mode)) {  // replaced between the two looks
        return {0, true, false};
    }
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> hasher(::EVP_MD_CTX_new(), &::EVP_MD_CTX_free);
    ::EVP_DigestInit_ex(hasher.get(), ::EVP_sha256(), nullptr);
    std::vector<char> chunk(256u << 10);
    while (digest != nullptr || beginning->size() < head_bytes) {
        if (Loop::now() >= deadline) {
            return {0, false, true};
        }
        const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return {errno, false, false};
        }
        if (got == 0) {
            break;
        }
        const auto count = static_cast<std::size_t>(got);
        ::EVP_DigestUpdate(hasher.get(), chunk.data(), count);
        if (beginning != nullptr) {
            beginning->append(chunk.data(), std::min(count, head_bytes - beginning->size()));
        }
    }
    if (digest != nullptr) {
        std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
        unsigned length = 0;
        ::EVP_DigestFinal_ex(hasher.get(), bytes.data(), &length);
        for (unsigned i = 0; i < length; ++i) {
            *digest += fmt::format("{:02x}", bytes[i]);
        }
    }
    return {};
}

std::string Look::user_name(uid_t number) {
    std::array<char, 16384> room;
    passwd entry{};
    passwd* result = nullptr;
    ::getpwuid_r(number, &entry, room.data(), room.size(), &result);
    return result == nullptr ? std::to_string(number) : std::string(entry.pw_name);
}

std::string Look::group_name(gid_t number) {
    std::array<char, 16384> room;
    ::group entry{};
    ::group* result = nullptr;
    ::getgrgid_r(number, &entry, room.data(), room.size(), &result);
    return result == nullptr ? std::to_string(number) : std::string(entry.gr_name);
}

/// What cannot be looked at: the service's failure where the file is missing or its disk broken, or else ours.
Outcome outcome_of(const Failure& failure, const std::string& file, const Patience& patience) {
    const std::string path = quotable(file, {}, 400);
    if (failure.irregular) {
        return Outcome::failed(fmt::format("{} is no regular file, so it has no content to look at", path));
    }
    if (failure.late) {
        return Outcome::fault(
            fmt::format("{} could not be read {}: it is large, or its disk slow", path, patience.in_words()));
    }
    switch (failure.error) {
        case ENOENT:
        case ENOTDIR: return Outcome::failed(fmt::format("there is no file {}", path));
        case EACCES:
        case EPERM:
            return Outcome::fault(fmt::format(
                "{} cannot be read: permission denied; let the prober's user read it and enter its folder", path));
        case EIO:
        case ESTALE:
        case ELOOP:
            return Outcome::failed(
                fmt::format("{} cannot be read: {}", path, std::generic_category().message(failure.error)));
        default: break;
    }
    return Outcome::fault(fmt::format("{} cannot be read: {}", path, std::generic_category().message(failure.error)));
}

std::string octal(mode_t mode) {
    return fmt::format("{:04o}", mode & 07777);
}

bool same_id(const std::string& wanted, const std::string& name, unsigned number) {
    return wanted == name || wanted == std::to_string(number);
}

/// "90 s", "45 min", "3 h 26 min", "12 days"
std::string age_in_words(Duration age) {
    const double seconds = schemas::to_seconds(age);
    if (seconds < 120) {
        return fmt::format("{:.0f} s", seconds);
    }
    const auto minutes = static_cast<long long>(seconds / 60);
    if (minutes < 120) {
        return fmt::format("{} min", minutes);
    }
    return minutes < 48 * 60 ? fmt::format("{} h {} min", minutes / 60, minutes % 60)
                             : fmt::format("{} days", minutes / (24 * 60));
}

/// What the file's entry must be like; nothing when it is, or the sentence.
std::optional<Outcome> judge_entry(const Look& look, const Arguments& arguments, Duration age,
                                   const std::string& path) {
    const auto size = static_cast<std::uint64_t>(look.entry.st_size);
    if (arguments.has("max_age") && age > arguments.duration("max_age")) {
        return Outcome::failed(fmt::format("{} was written {} ago, longer than {}", path, age_in_words(age),
                                           schemas::to_text(arguments.duration("max_age"))));
    }
    for (const std::string_view bound : {"min_size", "max_size"}) {
        if (!arguments.has(bound)) {
            continue;
        }
        const auto limit = schemas::parse_size(arguments.text(bound));
        if (!limit) {
            return Outcome::fault(fmt::format("{} = \"{}\": {}", bound, arguments.text(bound), limit.error()));
        }
        if (bound == "min_size" ? size < *limit : size > *limit) {
            return Outcome::failed(fmt::format("{} has {} bytes, {} than {}", path, size,
                                               bound == "min_size" ? "less" : "more", arguments.text(bound)));
        }
    }
    if (arguments.has("owner") && !same_id(arguments.text("owner"), look.owner, look.entry.st_uid)) {
        return Outcome::failed(
            fmt::format("{} belongs to user '{}', not '{}'", path, look.owner, arguments.text("owner")));
    }
    if (arguments.has("group") && !same_id(arguments.text("group"), look.group, look.entry.st_gid)) {
        return Outcome::failed(
            fmt::format("{} belongs to group '{}', not '{}'", path, look.group, arguments.text("group")));
    }
    if (const std::string& wanted = arguments.text("mode"); !wanted.empty()) {
        if (const std::string flaw = mode_flaw(wanted); !flaw.empty()) {
            return Outcome::fault("mode: " + flaw);
        }
        const auto mode = static_cast<mode_t>(std::stoul(wanted, nullptr, 8));
        if ((look.entry.st_mode & 07777) != mode) {
            return Outcome::failed(
                fmt::format("{} has the mode {}, not {}", path, octal(look.entry.st_mode), octal(mode)));
        }
    }
    return std::nullopt;
}

Outcome judge_content(const Look& look, const Arguments& arguments, const Patience& patience, const std::string& path) {
    std::string wanted = arguments.text("sha256");
    if (const std::string flaw = wanted.empty() ? std::string() : sha256_flaw(wanted); !flaw.empty()) {
        return Outcome::fault("sha256: " + flaw);
    }
    std::ranges::transform(wanted, wanted.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!wanted.empty() && look.hash != wanted) {
        return Outcome::failed(fmt::format("{} has the SHA-256 {}, not {}", path, look.hash, quotable(wanted)));
    }
    if (!look.reference.empty()) {
        if (look.reference_failure.any()) {  // our own yardstick is missing: nothing that the service did
            return Outcome::fault("the reference copy: " +
                                  outcome_of(look.reference_failure, look.reference, patience).reason);
        }
        if (look.hash != look.reference_hash) {
            return Outcome::failed(fmt::format("{} differs from {}", path, quotable(look.reference, {}, 400)));
        }
    }
    if (const schemas::Pattern* match = arguments.pattern("match"); match != nullptr && !match->found_in(look.head)) {
        const std::string begins =
            look.head.empty() ? "it is empty" : "it begins with \"" + quotable(look.head, {}, 80);
        return Outcome::failed(fmt::format("the beginning of {} does not match '{}': {}", path, match->text(),
                                           look.head.empty() ? begins : begins + "\""));
    }
    return Outcome::ok();
}

void fill(StepReport& report, const Look& look, Duration age) {
    report.output("exists", true);
    report.output("size", static_cast<double>(look.entry.st_size));
    report.output("age", schemas::to_seconds(age));
    report.output("owner", look.owner);
    report.output("group", look.group);
    report.output("mode", octal(look.entry.st_mode));
    if (!look.hash.empty()) {
        report.output("sha256", look.hash);
    }
    report.note(fmt::format("{} bytes, mode {}, {}:{}, written {} ago", look.entry.st_size, octal(look.entry.st_mode),
                            look.owner, look.group, age_in_words(age)));
}

Task<Outcome> run(StepContext& context) {
    const Arguments& arguments = context.arguments;
    const auto look = std::make_shared<Look>();
    look->file = arguments.text("file");
    look->reference = arguments.text("same_as");
    const bool must_exist = arguments.flag("exists");
    look->want_hash = must_exist && (arguments.has("sha256") || arguments.has("same_as"));
    look->want_head = must_exist && arguments.pattern("match") != nullptr;
    const Patience patience = Patience::until(context.deadline);
    // The worker ends by itself a little before the deadline, so that its reason can be told.
    look->deadline = context.deadline - (context.deadline - Loop::now()) / 10;
    std::function<void()> work = [look] { look->work(); };
    const std::string path = quotable(look->file, {}, 400);
    const std::string what = path + " could not be looked at";
    auto done = co_await aside(context.engine, std::move(work), what, patience);
    if (!done) {
        co_return outcome_of(std::move(done.error()));
    }
    const bool missing = look->failure.error == ENOENT || look->failure.error == ENOTDIR;
    if (missing) {
        context.report.output("exists", false);
        co_return must_exist ? outcome_of(look->failure, look->file, patience) : Outcome::ok();
    }
    if (look->entry.st_nlink == 0 && look->failure.any()) {  // the entry itself could not be read
        co_return outcome_of(look->failure, look->file, patience);
    }
    const schemas::Instant written(Duration(static_cast<std::int64_t>(look->entry.st_mtim.tv_sec) * 1'000'000 +
                                            look->entry.st_mtim.tv_nsec / 1000));
    const Duration age = std::max(context.wall_now - written, Duration(0));
    fill(context.report, *look, age);
    if (!must_exist) {
        co_return Outcome::failed(fmt::format("{} is there: it must not be", path));
    }
    if (auto outcome = judge_entry(*look, arguments, age, path)) {
        co_return std::move(*outcome);
    }
    if (look->failure.any()) {
        co_return outcome_of(look->failure, look->file, patience);
    }
    co_return judge_content(*look, arguments, patience, path);
}

constexpr Operation operations[] = {{
    .info = {.name = "file.check",
             .levels = "A0 A1",
             .summary = "looks at a file of this machine: is it there, fresh, of the right size, owner and content",
             .parameters = parameters,
             .outputs = outputs,
             .example = R"toml(do = "file.check"
file = "/var/backups/directory.ldif.gz"
max_age = "26 h"
min_size = "1 MB"
)toml"},
    .run = run,
}};

}  // namespace

std::span<const Operation> file_operations() {
    return operations;
}

}  // namespace slimtax::probes
