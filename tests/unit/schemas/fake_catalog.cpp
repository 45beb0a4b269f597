#include "tests/unit/schemas/fake_catalog.hpp"

#include <array>

namespace {

using slimtax::schemas::Alternatives;
using slimtax::schemas::OperationInfo;
using slimtax::schemas::Output;
using slimtax::schemas::OutputType;
using slimtax::schemas::Parameter;
using slimtax::schemas::ParameterType;

constexpr std::array<std::string_view, 3> tls_choices{"none", "starttls", "ldaps"};

constexpr Parameter host{.name = "host", .required = true, .help = "The server.", .example = "\"${target}\""};
constexpr Parameter port{
    .name = "port", .type = ParameterType::integer, .help = "The port.", .least = 1, .most = 65535};
constexpr Parameter user{.name = "user", .required = true, .help = "Who logs in.", .example = "\"probe\""};
constexpr Parameter password{.name = "password", .help = "The password.", .example = "\"${secret:probe}\""};

constexpr std::array http_parameters{
    Parameter{.name = "url", .required = true, .help = "The address.", .example = "\"https://${target}/\""},
    Parameter{.name = "headers", .type = ParameterType::text_map, .help = "More headers."},
    Parameter{.name = "match", .type = ParameterType::pattern, .help = "Must be found in the body."},
    Parameter{.name = "verify", .type = ParameterType::boolean, .fallback = "true", .help = "Check the certificate."},
    Parameter{
        .name = "redirects", .type = ParameterType::integer, .fallback = "5", .help = "How many at most.", .most = 20},
};
constexpr std::array http_outputs{
    Output{"status", OutputType::number, "The status."},
    Output{"body", OutputType::text, "The body."},
    Output{"headers", OutputType::text, "The headers."},
    Output{"time.first_byte", OutputType::duration, "Until the first byte."},
};
constexpr std::array post_parameters{
    Parameter{.name = "url", .required = true, .help = "The address.", .example = "\"https://${target}/\""},
    Parameter{.name = "form", .type = ParameterType::text_map, .help = "A form's fields."},
    Parameter{.name = "body", .help = "What to send."}};
constexpr std::array<std::string_view, 2> form_or_body{"form", "body"};
constexpr std::array post_alternatives{Alternatives{.names = form_or_body}};
constexpr std::array ldap_parameters{
    host, port, password,
    Parameter{.name = "tls", .type = ParameterType::choice, .help = "Whether to encrypt.", .choices = tls_choices},
    Parameter{.name = "dn", .help = "Who binds."}};
constexpr std::array search_parameters{
    host,
    port,
    password,
    Parameter{.name = "tls", .type = ParameterType::choice, .help = "Whether to encrypt.", .choices = tls_choices},
    Parameter{.name = "dn", .help = "Who binds."},
    Parameter{.name = "base", .help = "Where to search."},
    Parameter{.name = "filter", .help = "What to find."},
    Parameter{.name = "attributes", .type = ParameterType::text_list, .help = "What to get."}};
constexpr std::array search_outputs{
    Output{"entries", OutputType::number, "How many."},
    Output{"truncated", OutputType::boolean, "There are more."},
    Output{"value", OutputType::text, "The first value."},
};
constexpr std::array ssh_parameters{user, password, host, port};
constexpr std::array dns_parameters{
    Parameter{.name = "name", .required = true, .help = "The name to ask for.", .example = "\"im1.campus.example\""},
    Parameter{.name = "server", .help = "The name server."}};
constexpr std::array dns_outputs{Output{"answers", OutputType::number, "How many records."}};
constexpr std::array tcp_parameters{host, Parameter{.name = "port",
                                                    .type = ParameterType::integer,
                                                    .required = true,
                                                    .help = "The port.",
                                                    .example = "25",
                                                    .least = 1,
                                                    .most = 65535}};
constexpr std::array exchange_parameters{
    host, port, Parameter{.name = "send", .type = ParameterType::text_list, .help = "What to say."},
    Parameter{.name = "replies", .type = ParameterType::pattern_list, .help = "What to hear."}};
constexpr std::array listening_parameters{port, Parameter{.name = "path", .help = "The Unix socket."}};
constexpr std::array<std::string_view, 2> places{"port", "path"};
constexpr std::array listening_alternatives{
    Alternatives{.names = places, .allowed = Alternatives::HowMany::exactly_one}};
constexpr std::array roster_outputs{Output{"items", OutputType::number, "How many buddies."}};
constexpr std::array command_parameters{Parameter{.name = "argv",
                                                  .type = ParameterType::text_list,
                                                  .required = true,
                                                  .help = "The command.",
                                                  .example = "[\"true\"]"}};
constexpr std::array command_outputs{Output{"exit_code", OutputType::number, "The exit code."},
                                     Output{"output", OutputType::text, "What it wrote."}};
constexpr std::array process_parameters{Parameter{.name = "command", .help = "What its command line holds."},
                                        Parameter{.name = "name", .help = "The process's name."}};
constexpr std::array<std::string_view, 2> signs{"name", "command"};
constexpr std::array process_alternatives{Alternatives{.names = signs, .allowed = Alternatives::HowMany::at_least_one}};
constexpr std::array process_outputs{Output{"count", OutputType::number, "How many."}};
constexpr std::array log_parameters{
    Parameter{.name = "file", .required = true, .help = "The log.", .example = "\"/var/log/prosody/info.log\""},
    Parameter{.name = "match", .type = ParameterType::pattern, .required = true, .help = "What to count."}};
constexpr std::array log_outputs{Output{"lines", OutputType::number, "How many."}};

constexpr std::array set_parameters{
    Parameter{.name = "values", .type = ParameterType::text_map, .required = true, .help = "The values."}};

constexpr std::array rows{
    OperationInfo{
        .name = "command.run", .parameters = command_parameters, .outputs = command_outputs, .text_output = "output"},
    OperationInfo{
        .name = "dns.query", .parameters = dns_parameters, .outputs = dns_outputs, .target_parameter = "server"},
    OperationInfo{.name = "http.get",
                  .parameters = http_parameters,
                  .outputs = http_outputs,
                  .target_parameter = "url",
                  .text_output = "body"},
    OperationInfo{.name = "http.post",
                  .parameters = post_parameters,
                  .outputs = http_outputs,
                  .target_parameter = "url",
                  .text_output = "body",
                  .alternatives = post_alternatives},
    OperationInfo{.name = "ldap.bind", .parameters = ldap_parameters, .target_parameter = "host"},
    OperationInfo{
        .name = "ldap.search", .parameters = search_parameters, .outputs = search_outputs, .target_parameter = "host"},
    OperationInfo{.name = "log.count", .parameters = log_parameters, .outputs = log_outputs},
    OperationInfo{.name = "process.exists",
                  .parameters = process_parameters,
                  .outputs = process_outputs,
                  .alternatives = process_alternatives},
    OperationInfo{.name = "set", .parameters = set_parameters, .saves = "values"},
    OperationInfo{
        .name = "socket.listening", .parameters = listening_parameters, .alternatives = listening_alternatives},
    OperationInfo{.name = "ssh.login", .parameters = ssh_parameters, .target_parameter = "host"},
    OperationInfo{.name = "tcp.connect", .parameters = tcp_parameters, .target_parameter = "host"},
    OperationInfo{.name = "tcp.exchange", .parameters = exchange_parameters, .target_parameter = "host"},
    OperationInfo{.name = "xmpp.login", .parameters = ssh_parameters, .target_parameter = "host"},
    OperationInfo{.name = "xmpp.logout", .after = "xmpp.login"},
    OperationInfo{.name = "xmpp.roster", .outputs = roster_outputs, .after = "xmpp.login"},
};

}  // namespace

slimtax::schemas::Catalog fake_catalog() {
    static const std::array pointers = [] {
        std::array<const OperationInfo*, rows.size()> all{};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            all[i] = &rows[i];
        }
        return all;
    }();
    return pointers;
}
