#include "schemas/secrets.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "schemas/expansion.hpp"

namespace slimtax::schemas {
namespace {

constexpr std::size_t largest_secret = 64 * 1024;

bool is_good_name(std::string_view name) {
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    };
    // A name is a file's name below the directory: no way out of it.
    return !name.empty() && name.front() != '.' && std::ranges::all_of(name, good);
}

std::string variable_of(std::string_view name) {
    std::string variable = "SLIMTAX_SECRET_";
    for (const char c : name) {
        const bool lower = c >= 'a' && c <= 'z';
        variable += c == '-' || c == '.' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return variable;
}

std::optional<std::string> process_environment(const std::string& variable) {
    const char* value = std::getenv(variable.c_str());  // NOLINT(concurrency-mt-unsafe): nobody calls setenv
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

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

std::string system_reason() {
    return std::generic_category().message(errno);
}

/// The file's text; nothing when there is no such file; a sentence when it cannot be used.
tl::expected<std::optional<std::string>, std::string> read_secret(const std::filesystem::path& path,
                                                                  bool keep_private) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return std::nullopt;
        }
        return tl::unexpected(fmt::format("the secret file {} cannot be read: {}", path.string(), system_reason()));
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) {
        return tl::unexpected(fmt::format("the secret file {} cannot be read: {}", path.string(), system_reason()));
    }
    if (!S_ISREG(status.st_mode)) {
        return tl::unexpected(fmt::format("the secret file {} is no plain file", path.string()));
    }
    if (keep_private && (status.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        return tl::unexpected(fmt::format("the secret file {} is open to everybody on this machine: chmod o-rwx {}",
                                          path.string(), path.string()));
    }
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
        if (count < 0) {
            return tl::unexpected(fmt::format("the secret file {} cannot be read: {}", path.string(), system_reason()));
        }
        if (count == 0) {
            break;
        }
        text.append(buffer.data(), static_cast<std::size_t>(count));
        if (text.size() > largest_secret) {
            return tl::unexpected(
                fmt::format("the secret file {} is larger than {} bytes", path.string(), largest_secret));
        }
    }
    if (text.ends_with('\n')) {
        text.pop_back();
    }
    if (text.empty()) {
        return tl::unexpected(fmt::format("the secret file {} is empty", path.string()));
    }
    return text;
}

std::string percent_encoded(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           std::string_view("-._~").find(c) != std::string_view::npos;
        encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

std::string base64(std::string_view text) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string encoded;
    for (std::size_t i = 0; i < text.size(); i += 3) {
        unsigned long group = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            group = group << 8U | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0U);
        }
        for (std::size_t j = 0; j < 4; ++j) {
            encoded += i + j <= text.size() ? digits[group >> (18 - 6 * j) & 63U] : '=';
        }
    }
    return encoded;
}

std::string json_escaped(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            escaped += '\\';
        }
        escaped += c;
    }
    return escaped;
}

}  // namespace

void Redactor::add(std::string_view value) {
    if (value.empty()) {
        return;
    }
    const std::scoped_lock lock(mutex_);
    if (std::ranges::find(values_, value) != values_.end()) {
        return;
    }
    values_.emplace_back(value);
    constexpr std::size_t worth_hiding_encoded = 4;  // the encoded forms of less stand in many an innocent text
    if (value.size() >= worth_hiding_encoded) {
        for (std::string form : {percent_encoded(value), base64(value), json_escaped(value)}) {
            if (std::ranges::find(values_, form) == values_.end()) {
                values_.push_back(std::move(form));
            }
        }
    }
    // A secret that holds another one must go first, or its rest would stay.
    std::ranges::stable_sort(values_, std::greater(), &std::string::size);
}

std::string Redactor::redact(std::string_view text) const {
    constexpr std::string_view mark = "[secret]";
    const std::scoped_lock lock(mutex_);
    if (std::ranges::none_of(values_, [text](const std::string& value) { return text.find(value) != text.npos; })) {
        return std::string(text);  // nearly always
    }
    std::string clean;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto here = std::ranges::find_if(
            values_, [rest = text.substr(at)](const std::string& value) { return rest.starts_with(value); });
        if (here != values_.end()) {
            clean += mark;
            at += here->size();
        } else {
            clean += text[at++];
        }
    }
    return clean;
}

Secrets::Secrets(std::optional<std::filesystem::path> directory, Environment environment)
    : directory_(std::move(directory)), environment_(environment ? std::move(environment) : process_environment) {}

tl::expected<std::string, std::string> Secrets::find(const std::string& name) const {
    if (!is_good_name(name)) {
        return tl::unexpected(
            fmt::format("'{}' cannot be a secret's name: letters, digits, '-', '_' and '.' only", name));
    }
    const std::string variable = variable_of(name);
    std::string looked = "the environment variable " + variable;
    if (auto value = environment_(variable); value && !value->empty()) {
        redactor_.add(*value);
        return std::move(*value);
    }
    const auto credentials = environment_("CREDENTIALS_DIRECTORY");
    std::vector<std::pair<std::filesystem::path, bool>> files;
    if (credentials && !credentials->empty()) {
        files.emplace_back(std::filesystem::path(*credentials) / name, false);  // systemd keeps these private itself
    }
    if (directory_) {
        files.emplace_back(*directory_ / name, true);
    }
    for (const auto& [path, keep_private] : files) {
        auto value = read_secret(path, keep_private);
        if (!value) {
            return tl::unexpected(std::move(value.error()));
        }
        if (*value) {
            redactor_.add(**value);
            return std::move(**value);
        }
        looked += (&path == &files.back().first ? " and the file " : ", the file ") + path.string();
    }
    return tl::unexpected(fmt::format("the secret '{}' is not there: looked for {}", name, looked));
}

tl::expected<std::string, std::string> Secrets::expand_in(std::string_view text) const {
    return expand(text, [this](const Reference& reference) -> tl::expected<std::string, std::string> {
        if (reference.kind != Reference::Kind::secret) {
            return tl::unexpected(std::string("only ${secret:NAME} can stand here"));
        }
        return find(reference.name);
    });
}

}  // namespace slimtax::schemas
