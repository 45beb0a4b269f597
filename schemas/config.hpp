// `slimtax.toml`, which both programs read: each its own table, and what they share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/mail_settings.hpp"
#include "schemas/problem.hpp"
#include "schemas/secrets.hpp"

namespace slimtax::schemas {

/// Where to listen: "127.0.0.1:8080", "[::1]:8080", "localhost:8080". Port 0: any free one.
struct Endpoint {
    std::string host;  ///< without brackets
    std::uint16_t port = 0;

    /// Only this machine can reach it.
    [[nodiscard]] bool is_loopback() const;
    /// "127.0.0.1:8080", "[::1]:8080".
    [[nodiscard]] std::string text() const;
};

/// The endpoint, or a sentence.
[[nodiscard]] tl::expected<Endpoint, std::string> parse_endpoint(std::string_view text);

/// What both programs need.
struct CommonConfig {
    std::filesystem::path file;         ///< the configuration itself
    std::filesystem::path definitions;  ///< directory; default: `definitions` beside the file
    /// Looks up `${secret:NAME}`; never null. Its redactor knows the values of this configuration already.
    std::shared_ptr<const Secrets> secrets = std::make_shared<Secrets>();
};

/// `[prober]`.
struct ProberConfig : CommonConfig {
    std::string name;
    std::string location;
    std::string reporter;                          ///< "http://127.0.0.1:8080", without a slash at the end
    std::string token;                             ///< a secret's value
    std::filesystem::path spool;                   ///< default: `spool` beside the file
    std::uint64_t spool_limit = 2'000'000'000;     ///< bytes
    std::optional<Endpoint> listen;                ///< /metrics, /healthz, /-/reload
    std::optional<std::filesystem::path> ca_file;  ///< more trusted roots
    std::vector<std::string> dns_servers;          ///< "127.0.0.1:5353"; empty: /etc/resolv.conf
    std::optional<std::string> pseudonym_key;      ///< a secret's value
};

/// `[reporter]`.
struct ReporterConfig : CommonConfig {
    struct Prober {
        std::string name;
        std::string location;
        std::string token;  ///< a secret's value
    };
    struct Viewer {
        std::string name;
        std::string password;  ///< a secret's value
    };
    std::filesystem::path store;  ///< default: `results.sqlite` beside the file
    Endpoint listen{"127.0.0.1", 8080};
    std::vector<Prober> probers;
    std::vector<Viewer> viewers;  ///< never empty when `listen` is beyond loopback
    std::vector<MailSettings> mails;
};

template <class Config>
struct ReadConfig {
    std::optional<Config> config;  ///< there when `problems` holds no error
    Problems problems;
};

/// Reads `file` for one of the programs; the other's table is not looked into. Paths in it are relative to it.
/// `environment` is where secrets are looked for first; the process's own unless a test gives another.
[[nodiscard]] ReadConfig<ProberConfig> read_prober_config(const std::filesystem::path& file,
                                                          Secrets::Environment environment = {});
[[nodiscard]] ReadConfig<ReporterConfig> read_reporter_config(const std::filesystem::path& file,
                                                              Secrets::Environment environment = {});

}  // namespace slimtax::schemas
