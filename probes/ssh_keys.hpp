// SSH keys as texts: a user's private key, and the host keys that a server may show.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

struct ssh_key_struct;

namespace slimtax::probes {

struct FreeSshKey {
    void operator()(ssh_key_struct* key) const;
};
using SshKey = std::unique_ptr<ssh_key_struct, FreeSshKey>;

/// A private key from PEM or OpenSSH text. May take a while (an encrypted key is slow on purpose): for a worker.
/// The error says what is wrong, without the text.
[[nodiscard]] tl::expected<SshKey, std::string> read_private_key(const std::string& text,
                                                                 const std::string& passphrase);

/// The host key algorithms that serve the expected keys, for the server to show one of those; empty: any.
[[nodiscard]] std::string algorithms_for(std::string_view expected);

/// "SHA256:…"
[[nodiscard]] std::string fingerprint_of(ssh_key_struct* key);

/// The expected keys, each as a fingerprint, for a sentence.
[[nodiscard]] std::string fingerprints_of(std::string_view expected);

/// Whether a server's key is the one that was meant; see SshSession::connect. Text that is neither form is an error.
[[nodiscard]] tl::expected<bool, std::string> is_expected_key(ssh_key_struct* key, std::string_view fingerprint,
                                                              std::string_view expected);

/// What is wrong with a text as the expected keys; empty: nothing.
[[nodiscard]] std::string host_keys_flaw(std::string_view expected);

}  // namespace slimtax::probes
