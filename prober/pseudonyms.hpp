// Users' names become pseudonyms before anything leaves the process (I8).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace slimtax::prober {

/// A keyed hash: the same name gives the same pseudonym under the same key, and without the key nobody can test
/// a guess. Immutable; may be shared between threads.
class Pseudonyms {
public:
    /// `key` should hold at least 16 random bytes; any length works.
    explicit Pseudonyms(std::string key) : key_(std::move(key)) {}

    /// The first 64 bits of HMAC-SHA256(key, name) as 16 hex digits.
    [[nodiscard]] std::string of(std::string_view name) const;

    /// A fresh random key of 32 bytes.
    [[nodiscard]] static std::string random_key();

private:
    std::string key_;
};

/// The key kept in `file`, made there (readable by us alone) when there is none. The error is a sentence.
[[nodiscard]] tl::expected<std::string, std::string> kept_pseudonym_key(const std::filesystem::path& file);

}  // namespace slimtax::prober
