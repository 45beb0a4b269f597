#include "probes/ssh_keys.hpp"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libssh/libssh.h>

#include "probes/patience.hpp"

namespace slimtax::probes {

namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto first = line.find_first_not_of(" \t\r");
        if (first != std::string_view::npos) {
            line.remove_prefix(first);
            line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
            lines.push_back(line);
        }
    }
    return lines;
}

// "ssh-ed25519 AAAA… comment", also behind the host of a line of known_hosts: the type and the base64; empty when the
// line is nothing of that form.
std::pair<std::string, std::string> parts_of(std::string_view line) {
    auto blank = line.find(' ');
    const std::string first(line.substr(0, blank));
    if (blank != std::string_view::npos && ssh_key_type_from_name(first.c_str()) == SSH_KEYTYPE_UNKNOWN) {
        line.remove_prefix(blank + 1);
        blank = line.find(' ');
    }
    if (blank == std::string_view::npos) {
        return {};
    }
    const std::string_view rest = line.substr(blank + 1);
    return {std::string(line.substr(0, blank)), std::string(rest.substr(0, rest.find(' ')))};
}

constexpr std::string_view fingerprint_mark = "SHA256:";

bool is_fingerprint(std::string_view line) {
    return line.starts_with(fingerprint_mark);
}

std::string_view without_padding(std::string_view fingerprint) {
    return fingerprint.substr(0, fingerprint.find_last_not_of('=') + 1);
}

}  // namespace

std::string algorithms_for(std::string_view expected) {
    std::vector<std::string> names;
    for (const std::string_view line : lines_of(expected)) {
        if (is_fingerprint(line)) {
            return {};
        }
        const std::string type = parts_of(line).first;
        names.push_back(type == "ssh-rsa" ? "rsa-sha2-512,rsa-sha2-256" : type);
    }
    return fmt::format("{}", fmt::join(names, ","));
}

void FreeSshKey::operator()(ssh_key_struct* key) const {
    ssh_key_free(key);
}

tl::expected<SshKey, std::string> read_private_key(const std::string& text, const std::string& passphrase) {
    ssh_key key = nullptr;
    // An empty passphrase rather than none: with none OpenSSL would ask at the terminal.
    if (ssh_pki_import_privkey_base64(text.c_str(), passphrase.c_str(), nullptr, nullptr, &key) != SSH_OK) {
        return tl::unexpected<std::string>("is not a private key, or needs another passphrase");
    }
    return SshKey(key);
}

tl::expected<bool, std::string> is_expected_key(ssh_key_struct* key, std::string_view fingerprint,
                                                std::string_view expected) {
    if (std::string flaw = host_keys_flaw(expected); !flaw.empty()) {
        return tl::unexpected("host_key: " + flaw);
    }
    bool matches = false;
    for (const std::string_view line : lines_of(expected)) {
        if (is_fingerprint(line)) {
            matches = matches || without_padding(line) == without_padding(fingerprint);
            continue;
        }
        const auto [type, base64] = parts_of(line);
        ssh_key wanted = nullptr;
        const ssh_keytypes_e kind = ssh_key_type_from_name(type.c_str());
        if (kind == SSH_KEYTYPE_UNKNOWN || ssh_pki_import_pubkey_base64(base64.c_str(), kind, &wanted) != SSH_OK) {
            return tl::unexpected<std::string>("host_key: a key could not be read");
        }
        const SshKey owned(wanted);
        matches = matches || ssh_key_cmp(key, wanted, SSH_KEY_CMP_PUBLIC) == 0;
    }
    return matches;
}

std::string fingerprint_of(ssh_key_struct* key) {
    std::string fingerprint;
    unsigned char* hash = nullptr;
    std::size_t length = 0;
    if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) == SSH_OK) {
        if (char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length)) {
            fingerprint = text;
            ssh_string_free_char(text);
        }
        ssh_clean_pubkey_hash(&hash);
    }
    return fingerprint;
}

std::string fingerprints_of(std::string_view expected) {
    std::vector<std::string> all;
    for (const std::string_view line : lines_of(expected)) {
        if (is_fingerprint(line)) {
            all.push_back(quotable(line));
            continue;
        }
        const auto [type, base64] = parts_of(line);
        ssh_key wanted = nullptr;
        if (ssh_pki_import_pubkey_base64(base64.c_str(), ssh_key_type_from_name(type.c_str()), &wanted) == SSH_OK) {
            const SshKey owned(wanted);
            all.push_back(fingerprint_of(wanted));
        }
    }
    return fmt::format("{}", fmt::join(all, " or "));
}

std::string host_keys_flaw(std::string_view expected) {
    constexpr std::size_t digits = 43;  // of 32 bytes in base64, without padding
    const std::vector<std::string_view> lines = lines_of(expected);
    for (const std::string_view line : lines) {
        const std::string said = quotable(line, {}, 60);
        if (is_fingerprint(line)) {
            const std::string_view digest = without_padding(line).substr(fingerprint_mark.size());
            const bool good = digest.size() == digits && std::ranges::all_of(digest, [](unsigned char c) {
                                  return std::isalnum(c) != 0 || c == '+' || c == '/';
                              });
            if (!good) {
                return fmt::format(
                    "\"{}\" is no fingerprint: behind SHA256: stand 43 characters, as `ssh-keygen -lf KEY.pub` "
                    "prints them",
                    said);
            }
            continue;
        }
        const auto [type, base64] = parts_of(line);
        ssh_key key = nullptr;
        const ssh_keytypes_e kind = ssh_key_type_from_name(type.c_str());
        if (kind == SSH_KEYTYPE_UNKNOWN || ssh_pki_import_pubkey_base64(base64.c_str(), kind, &key) != SSH_OK) {
            return fmt::format(
                "\"{}\" is no host key: write a fingerprint (SHA256:…) or a public key line (ssh-ed25519 AAAA…)", said);
        }
        ssh_key_free(key);
    }
    return lines.empty() ? "there is no key in it" : "";
}

}  // namespace slimtax::probes
