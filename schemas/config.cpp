#include "schemas/config.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "schemas/read_settings.hpp"
#include "schemas/toml_reader.hpp"

namespace slimtax::schemas {
namespace {

namespace fs = std::filesystem;

/// What reading one configuration needs at every turn.
struct Reading {
    Complaints complaints;
    fs::path base;
    std::shared_ptr<const Secrets> secrets;
};

fs::path path_in(TableReader& table, std::string_view key, const fs::path& base, std::string_view fallback) {
    const auto written = table.text(key);
    if (written && written->empty()) {
        table.complaints().error(table.place_of(key), fmt::format("'{}' must not be empty", key));
    }
    return (base / written.value_or(std::string(fallback))).lexically_normal();
}

std::optional<Endpoint> endpoint_in(TableReader& table, std::string_view key) {
    return table.parsed(key, parse_endpoint, "an address and port such as \"127.0.0.1:8080\"");
}

/// Opens the document and reads what both programs share; `own` is the table of this program.
template <class Config, class ReadOwn>
ReadConfig<Config> read_config(const fs::path& file, Secrets::Environment environment, std::string_view own,
                               std::string_view other, const ReadOwn& read_own) {
    ReadConfig<Config> result;
    std::string text;
    if (!read_toml_file(file.string(), text, result.problems)) {
        return result;
    }
    const auto document = TomlDocument::parse(text, file.string(), result.problems);
    if (!document) {
        return result;
    }
    Config config;
    config.file = file;
    Reading reading{Complaints(*document, result.problems), fs::absolute(file).parent_path(), nullptr};
    TableReader top(reading.complaints, document->root(), "this file");
    config.definitions = path_in(top, "definitions", reading.base, "definitions");
    std::optional<fs::path> directory;
    if (const TomlNode* node = top.table("secrets")) {
        TableReader secrets(reading.complaints, *node, "[secrets]");
        directory = path_in(secrets, "directory", reading.base, "secrets");
        secrets.finish();
    }
    config.secrets = std::make_shared<Secrets>(directory, std::move(environment));
    reading.secrets = config.secrets;
    top.node(other);
    if (const TomlNode* node = top.table(own, Need::required)) {
        TableReader table(reading.complaints, *node, fmt::format("[{}]", own));
        read_own(reading, table, config);
        table.finish();
    }
    top.finish();
    if (!has_errors(result.problems)) {
        result.config = std::move(config);
    }
    return result;
}

void read_prober(Reading& reading, TableReader& table, ProberConfig& config) {
    config.name = table.id("name", Need::required).value_or("");
    config.location = table.id("location", Need::required).value_or("");
    config.reporter = table.text("reporter", Need::required).value_or("");
    if (!config.reporter.empty() && !config.reporter.starts_with("http://") &&
        !config.reporter.starts_with("https://")) {
        reading.complaints.error(table.place_of("reporter"),
                                 fmt::format("expected an address such as \"https://reporter.example\" for 'reporter', "
                                             "found \"{}\"",
                                             config.reporter));
    }
    while (config.reporter.ends_with('/')) {
        config.reporter.pop_back();
    }
    config.token = secret_in(table, "token", *reading.secrets, Need::required).value_or("");
    config.spool = path_in(table, "spool", reading.base, "spool");
    config.spool_limit =
        table.parsed("spool_limit", parse_size, "a size such as \"2 GB\"").value_or(config.spool_limit);
    config.listen = endpoint_in(table, "listen");
    config.ca_file = existing_file_in(table, "ca_file", reading.base);
    config.dns_servers = table.texts("dns_servers").value_or(std::vector<std::string>{});
    for (const std::string& server : config.dns_servers) {
        // The port may be missing: 53.
        if (const auto endpoint = parse_endpoint(server.find(':') == std::string::npos ? server + ":53" : server);
            !endpoint) {
            reading.complaints.error(table.place_of("dns_servers"), "dns_servers: " + endpoint.error());
        }
    }
    config.pseudonym_key = secret_in(table, "pseudonym_key", *reading.secrets, Need::optional);
}

void read_reporter(Reading& reading, TableReader& table, ReporterConfig& config) {
    config.store = path_in(table, "store", reading.base, "results.sqlite");
    config.listen = endpoint_in(table, "listen").value_or(config.listen);
    for (const TomlNode* node : table.tables("prober")) {
        TableReader prober(reading.complaints, *node, "[[reporter.prober]]");
        ReporterConfig::Prober one;
        one.name = prober.id("name", Need::required).value_or("");
        one.location = prober.id("location", Need::required).value_or("");
        one.token = secret_in(prober, "token", *reading.secrets, Need::required).value_or("");
        prober.finish();
        if (!one.name.empty() &&
            std::ranges::find(config.probers, one.name, &ReporterConfig::Prober::name) != config.probers.end()) {
            reading.complaints.error(prober.place_of("name"), fmt::format("there are two probers '{}'", one.name));
        }
        config.probers.push_back(std::move(one));
    }
    for (const TomlNode* node : table.tables("viewer")) {
        TableReader viewer(reading.complaints, *node, "[[reporter.viewer]]");
        ReporterConfig::Viewer one;
        one.name = viewer.text("name", Need::required).value_or("");
        if (one.name.find(':') != std::string::npos) {
            reading.complaints.error(viewer.place_of("name"), "a viewer's name cannot hold ':' (HTTP Basic)");
        }
        one.password = secret_in(viewer, "password", *reading.secrets, Need::required).value_or("");
        viewer.finish();
        if (!one.name.empty() &&
            std::ranges::find(config.viewers, one.name, &ReporterConfig::Viewer::name) != config.viewers.end()) {
            reading.complaints.error(viewer.place_of("name"), fmt::format("there are two viewers '{}'", one.name));
        }
        config.viewers.push_back(std::move(one));
    }
    for (const TomlNode* node : table.tables("mail")) {
        TableReader mail(reading.complaints, *node, "[[reporter.mail]]");
        MailSettings one = read_mail(mail, *reading.secrets, reading.base);
        if (!one.id.empty() && std::ranges::find(config.mails, one.id, &MailSettings::id) != config.mails.end()) {
            reading.complaints.error(mail.place_of("id"), fmt::format("there are two [[reporter.mail]] '{}'", one.id));
        }
        config.mails.push_back(std::move(one));
    }
    if (!config.listen.is_loopback() && config.viewers.empty()) {
        reading.complaints.error(table.place_of("listen"),
                                 fmt::format("{} can be reached from other machines: that needs a [[reporter.viewer]] "
                                             "with name and password",
                                             config.listen.text()),
                                 "or listen on 127.0.0.1");
    }
}

}  // namespace

bool Endpoint::is_loopback() const {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string Endpoint::text() const {
    return host.find(':') != std::string::npos ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

tl::expected<Endpoint, std::string> parse_endpoint(std::string_view text) {
    const auto wrong = [text] {
        return tl::unexpected(
            fmt::format("expected an address and port such as \"127.0.0.1:8080\", found \"{}\"", text));
    };
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return wrong();
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return wrong();  // an IPv6 address stands in brackets, or its last group would be the port
    }
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
               c == ':';
    };
    unsigned number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    constexpr unsigned largest_port = 65535;
    if (host.empty() || !std::ranges::all_of(host, good) || error != std::errc() || end != port.data() + port.size() ||
        number > largest_port) {
        return wrong();
    }
    return Endpoint{std::string(host), static_cast<std::uint16_t>(number)};
}

ReadConfig<ProberConfig> read_prober_config(const fs::path& file, Secrets::Environment environment) {
    return read_config<ProberConfig>(file, std::move(environment), "prober", "reporter", read_prober);
}

ReadConfig<ReporterConfig> read_reporter_config(const fs::path& file, Secrets::Environment environment) {
    return read_config<ReporterConfig>(file, std::move(environment), "reporter", "prober", read_reporter);
}

}  // namespace slimtax::schemas
