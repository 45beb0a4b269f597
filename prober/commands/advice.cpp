#include "prober/commands/advice.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <span>

namespace slimtax::prober {
namespace {

using schemas::Verdict;
using Words = std::array<std::string_view, 4>;

/// When the verdict is one of these …
enum class On { any, failed, timeout, slow, fault, not_run };

/// … and the operation begins with `operation`, and the reason holds one of `words` (none: any reason), then `say`.
/// In `say` stand {port} (the first of the reason, or PORT), {secret} (the environment's name of the secret in the
/// reason) and {operation}.
struct Row {
    On on = On::any;
    std::string_view operation;
    Words words;
    std::string_view say;
};

// The first row that fits speaks: from the particular to the general. The reasons are written in probes/ and
// prober/script.cpp; a test holds some of each kind against this table.
// clang-format off
constexpr Row table[] = {
    // Our own side.
    {On::fault, "", {"the secret '"}, "Set it for this try: SLIMTAX_SECRET_{secret}='…' slimtax-prober try …; on a "
     "prober put it into the file of its name in the secrets folder, readable for the prober alone."},
    {On::fault, "", {"the secret file"}, "The file must hold the secret and be readable for the prober's user and "
     "nobody else: chmod 600."},
    {On::fault, "", {"no route from this machine"}, "This machine's own network: try `ip route` and `ping` here."},
    {On::fault, "", {"no descriptors left"}, "Raise the limit of open files: `ulimit -n` here, LimitNOFILE= in the "
     "service's unit."},
    {On::fault, "", {"no name server listens", "no route to its name server", "no name server is configured"},
     "This machine's resolver: look into /etc/resolv.conf, or name servers with dns_servers in the settings."},
    {On::fault, "", {"no trusted roots"}, "ca_file must name a PEM file with certificates that the prober's user may "
     "read."},
    {On::fault, "", {"stood still"}, "This machine was overloaded or suspended: try again."},
    {On::fault, "command", {"cannot be started", "No such file", "not found"},
     "Is it installed here? Write its whole path in argv, and try it as the prober's user."},
    {On::fault, "command", {"UNKNOWN"}, "The plugin itself could not tell: try it by hand as the prober's user, with an empty "
     "environment: `env -i …`."},
    {On::fault, "", {"permission denied", "Permission denied", "may not see"},
     "Let the prober's user read it (`sudo -u slimtax …` shows whether it can), or try as that user."},
    {On::fault, "", {"no earlier step of this run saved"}, "The step that saves it was left out by its 'when', or stands "
     "behind: give this step the same 'when'."},
    {On::fault, "log", {"there is no such file", "is no regular file"}, "Look with `ls -l FILE` here; a service that "
     "logs to the journal alone has no such file."},
    {On::fault, "ssh", {"the key file"}, "Is it there, and readable for the prober's user alone? Try `ssh-keygen -yf "
     "FILE` as that user."},
    {On::fault, "process", {"systemd"}, "Look for the process by 'name', or run the prober where the unit runs."},
    {On::fault, "", {"cannot start", "needs", "is no ", "is not a filter"},
     "'slimtax-prober list {operation}' shows what to write."},
    {On::fault, "", {}, "This says nothing about the service: mend it here, on the prober's side, and try again."},
    {On::not_run, "", {}, "Nothing was learnt about the service: try again."},

    // Names.
    {On::any, "", {"does not exist (asked", "has no address"}, "Is the name spelt right? Try `getent hosts NAME` here. "
     "A name that only the campus knows needs a name server of the campus: dns_servers in the settings."},
    {On::any, "", {"no name server answered", "name server failed", "name server refused", "name server cannot"},
     "The name servers, not the service: try `dig NAME` here, and another server with dns_servers in the settings."},
    {On::failed, "", {"is no valid host name", "the host name is empty"}, "Write the server's name or address in "
     "'targets', or in the step."},

    // Connecting.
    {On::failed, "postgres", {"does not exist"}, "Is the name right? Try `psql -h HOST -p {port} -U USER DATABASE` here."},
    {On::failed, "postgres", {"pg_hba.conf"}, "The server's pg_hba.conf does not let this machine, user or database in, "
     "or not without TLS (tls = \"starttls\")."},
    {On::failed, "ssh", {"permission denied (by key"}, "Does the account's authorized_keys on the server hold the public "
     "half of this key? Try `ssh -i KEY_FILE USER@HOST` as the prober's user."},
    {On::failed, "", {" refused: invalid credentials", "permission denied (by", " refused: not authorized",
                      "refused the log-in"},
     "Is the password right, and the account neither locked nor expired? Log in by hand with the same account."},
    {On::failed, "redis", {"NOAUTH"}, "The server wants a log-in: give the step a password, and a user if it is not the "
     "default one."},
    {On::failed, "http", {"answered 400"}, "Does the port want https? Then write it in url. Otherwise the server cannot "
     "read the request: look at headers and body."},
    {On::failed, "http", {"answered 405"}, "The page takes other methods: 'slimtax-prober list http.options' asks which."},
    {On::failed, "http", {"answered 401"}, "The page wants a log-in: give the step user and password, or log in by a "
     "form with http.post first. With a password already: is it right?"},
    {On::failed, "http", {"answered 403"}, "The server knows who asks and does not let them in: has the account the "
     "right, and is this machine's address allowed?"},
    {On::failed, "http", {"answered 404"}, "Is the path in url right? Try it in a browser with the same host name."},
    {On::failed, "ldap", {"no such object"}, "Is 'base' right, and may this account see it? Try `ldapsearch -x -H "
     "ldap://HOST:{port} -b BASE -s base`."},
    {On::failed, "http", {"answered 30"}, "A redirect: raise 'redirects', probe the address that it leads to, or take "
     "it as the answer with status = \"3xx\"."},
    {On::failed, "http", {"answered 5"}, "The server's own error: its log says more, at this moment."},
    {On::failed, "http", {"redirects once more"}, "A loop of redirects, often for want of a cookie: try it with "
     "`curl -sIL URL`, and see that 'cookies' is not false."},
    {On::failed, "http", {"of max_body"}, "Probe a smaller page, or raise max_body."},
    {On::failed, "ssh", {"the host key of"}, "Has the server been set up anew? Compare with `ssh-keyscan HOST`; write "
     "the new key into the step only if that change was meant."},
    {On::failed, "dns", {"no name server listens"}, "Is it running, and at that address and port by UDP? Try "
     "`ss -lun 'sport = :{port}'` there."},
    {On::failed, "dns", {"answered NXDOMAIN"}, "To this server the name does not exist: is it spelt right, and is the "
     "zone loaded? Try `dig @SERVER NAME`. Where it must not exist write rcode = \"NXDOMAIN\"."},
    {On::failed, "dns", {"DNSSEC"}, "Try `dig +dnssec @SERVER NAME` and `delv @SERVER NAME`: signatures that ran out, "
     "another key than the parent zone knows, or a server that does not validate."},
    {On::failed, "dns", {"answered SERVFAIL"}, "The server could not find out: its log says why; try `dig +trace NAME`."},
    {On::failed, "dns", {"answered REFUSED"}, "The server does not serve this machine, or not this zone: look at its "
     "access rules (allow-query, access-control)."},
    {On::failed, "dns", {"expected "}, "The server answers, but otherwise than 'records' says: was the zone changed, "
     "or is a cache old? Try `dig @SERVER NAME TYPE`."},
    {On::failed, "mail", {"refused the recipient", "refused the sender"}, "May this account send to and from these "
     "addresses? smtp_user logs in for it; look at 'to' and 'from'."},
    {On::failed, "", {"there is no socket", "nobody listens at the socket"}, "Is the service running? Try `ss -lx` here, and look at the path."},
    {On::failed, "websocket", {"refused the upgrade"}, "Try the address in a browser's console: new WebSocket(URL); "
     "path, origin, subprotocol and headers must be as its page sends them."},
    {On::failed, "grpc", {"NOT_SERVING", "does not know the service"}, "The server itself says so: ask with `grpcurl HOST:"
     "{port} grpc.health.v1.Health/Check`, and see that 'service' is spelt as the server registers it."},
    {On::failed, "", {" refused: ", "denied"}, "The server is there and said no, in the words above: has the "
     "probe's account the right?"},
    {On::timeout, "", {"connection to"}, "Nothing came back: a firewall that drops, a machine that is off, or a wrong "
     "address. Try `ping` and, on the server, `ss -ltn 'sport = :{port}'`; probe from another place to compare."},
    {On::failed, "", {"no way to it"}, "A router on the way says that there is none: try `ip route get ADDRESS` and "
     "`traceroute`."},
    {On::failed, "http", {"TLS handshake"}, "Does this port speak TLS? If not, write http:// in url; try "
     "`openssl s_client -connect HOST:{port}`."},
    {On::failed, "", {"during the TLS handshake"}, "Does this port speak TLS from the first byte? If not, set 'tls' as "
     "'slimtax-prober list {operation}' shows; try `openssl s_client -connect HOST:{port}`."},
    {On::failed, "", {"closed the connection", "reset by the server", " broken"}, "The server gave up in the middle: "
     "its log says why, at this moment. A limit on connections, a crash, or a proxy between?"},
    {On::failed, "", {"connection to "}, "Is the server running, and does it listen on that port? Try "
     "`ss -ltn 'sport = :{port}'` there; a firewall that rejects looks the same."},

    // TLS.
    {On::failed, "", {" expired on "}, "Users see the same: renew the certificate on the server, and have it loaded."},
    {On::failed, "", {"is not valid before"}, "Compare the clocks: `date` here and on the server."},
    {On::failed, "", {"self-signed", "not signed by a trusted authority"}, "If an authority of your own signed it, "
     "name its certificate: ca_file = \"/etc/ssl/certs/campus-ca.pem\" in the step, or in the settings for all. "
     "Otherwise the server leaves out an intermediate certificate."},
    {On::failed, "", {", not for "}, "Probe the server by a name that its certificate holds, or get one for this "
     "name."},
    {On::failed, "", {"is revoked", "is not acceptable"}, "Users see the same: the server needs another certificate."},
    {On::failed, "", {"TLS handshake"}, "Does this port speak TLS from the first byte? If not, set 'tls' as "
     "'slimtax-prober list {operation}' shows; try `openssl s_client -connect HOST:{port}`."},
    {On::timeout, "", {"TLS handshake"}, "It takes connections but does not answer: perhaps the port speaks no TLS; "
     "try `openssl s_client -connect HOST:{port}`."},

    // Answers.
    {On::failed, "", {"not HTTP", "that is not ", "bad XML", "by HTTP/2"}, "Something else answers on that "
     "port, or with TLS where none is expected, or the other way round: check port and tls."},
    {On::failed, "redis", {"answered AUTH with", "answered PING with"}, "Something else answers on that port, or with TLS "
     "where none is expected, or the other way round: check port and tls."},
    {On::failed, "irc", {"sent more than"}, "Something else answers on that port, or with TLS where none is expected, or the "
     "other way round: check port and tls."},
    {On::failed, "websocket", {"closed the WebSocket"}, "The server ended it, with the code and words above: its log says "
     "why. A log-in that ran out, another origin, a message that it does not take?"},
    {On::failed, "xmpp", {"host unknown"}, "The server does not serve the domain of 'user': is it spelt right, and does "
     "'host' name that domain's server?"},
    {On::failed, "", {"could not be logged in to", "too large banner", "sent a line longer", "an answer that does not end"},
     "Something else answers on that port, or with TLS where none is expected, or the other way round: check port and "
     "tls."},
    {On::failed, "ssh", {"did not send its greeting"}, "Is it an SSH server that listens there? Try `ssh -v -p {port} "
     "HOST`; a server with too many log-ins under way (MaxStartups) also hangs up so."},
    {On::failed, "", {"nothing to save as", "to save as '"}, "What came stands above: does the pattern of 'save' match "
     "it?"},
    {On::failed, "http", {" answered "}, "The server answered with another status than 'status' wants: what came stands "
     "above; try the address in a browser."},
    {On::failed, "", {"expected cert.days"}, "Renew the server's certificate before users see it end, and have it loaded."},
    {On::failed, "", {"expected "}, "The service answered, but not as 'expect' wants: the values stand above."},
    {On::failed, "", {"does not match", "matches '", "no match", "does not hold"}, "Is the answer wrong, or the pattern? What came "
     "stands above, as far as it is short."},
    {On::failed, "process", {"there is no"}, "Is it running? Try `ps -eo pid,user,comm,args` on this machine, and "
     "compare the name; a unit's log is `journalctl -u UNIT`."},
    {On::failed, "socket", {"nothing on this machine listens"}, "Try `ss -ltn` here: is the service running, and is "
     "it this port?"},
    {On::failed, "file", {}, "Look at it with `stat FILE` here, as the prober's user."},
    {On::failed, "log", {"has had no line"}, "Try the pattern with `grep -P` on the log's end; a service without work "
     "writes no lines either."},
    {On::failed, "command", {}, "Try the command by hand as the prober's user, with an empty environment: `env -i …`."},

    // Time.
    {On::failed, "", {"the counter of"}, "What came stands above: does 'number' say where in it the number stands?"},
    {On::failed, "ssh", {"the command on"}, "Try it by hand: `ssh USER@HOST COMMAND` as the probe's user; 'exit' says "
     "which codes are good."},
    {On::failed, "postgres", {"refused the query"}, "Try the statement in `psql` as the same user; one that changes data "
     "needs write = true."},

    {On::timeout, "", {"send its greeting", "welcome the user", "open its XMPP stream"}, "It takes connections and says "
     "nothing: an overloaded server, another service on that port, or TLS where none is expected (or the other way "
     "round). Try `openssl s_client -connect HOST:{port}` and `nc HOST {port}`."},
    {On::timeout, "", {"in the pause before"}, "The pauses alone use the time up: lengthen the probe's timeout, or "
     "shorten think."},
    {On::timeout, "", {}, "Would users wait longer? Then lengthen timeout. If not: try from the server itself, to tell "
     "its slowness from the network's."},
    {On::slow, "", {", longer than "}, "The longest part of its bar says where the time went; 'within' says how fast is "
     "fast enough."},
    {On::slow, "command", {}, "The plugin warned: its own thresholds decide."},
    {On::slow, "", {}, "The longest part of its bar says where the time went; 'within' says how fast is fast enough."},
    {On::failed, "", {}, "'slimtax-prober list {operation}' explains its parameters; the service's own log, at this "
     "moment, may say more."},
};
// clang-format on

bool fits(On on, Verdict verdict) {
    switch (on) {
        case On::any: return verdict == Verdict::failed || verdict == Verdict::timeout;
        case On::failed: return verdict == Verdict::failed;
        case On::timeout: return verdict == Verdict::timeout;
        case On::slow: return verdict == Verdict::slow;
        case On::fault: return verdict == Verdict::prober_fault;
        case On::not_run: return verdict == Verdict::not_run;
    }
    return false;
}

bool holds_one(std::string_view reason, const Words& words) {
    return words.front().empty() || std::ranges::any_of(words, [&](std::string_view word) {
               return !word.empty() && reason.find(word) != std::string_view::npos;
           });
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// The first ":443" of a sentence that is followed by no further part of an address.
std::string port_in(std::string_view reason) {
    for (std::size_t at = reason.find(':'); at != std::string_view::npos; at = reason.find(':', at + 1)) {
        std::size_t end = at + 1;
        while (end < reason.size() && is_digit(reason[end])) {
            ++end;
        }
        const bool ends = end == reason.size() || reason[end] == ' ' || reason[end] == ')' || reason[end] == ',' ||
                          reason[end] == ':';
        if (end > at + 1 && end - at <= 6 && ends) {
            return std::string(reason.substr(at + 1, end - at - 1));
        }
    }
    return "PORT";
}

/// "im-probe" in "the secret 'im-probe' is not there" as its variable is called: IM_PROBE.
std::string secret_in(std::string_view reason) {
    constexpr std::string_view mark = "the secret '";
    std::string name;
    const std::size_t at = reason.find(mark);
    for (std::size_t i = at + mark.size(); at != std::string_view::npos && i < reason.size() && reason[i] != '\'';
         ++i) {
        const char c = reason[i];
        name += c == '-' || c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    return name.empty() ? "NAME" : name;
}

/// A counter fails as the operation does that asks its source.
std::string_view kind_of(std::string_view operation) {
    constexpr std::string_view counter = "counter.";
    if (!operation.starts_with(counter)) {
        return operation;
    }
    const std::string_view source = operation.substr(counter.size());
    return source == "sql" ? "postgres" : source;
}

void fill_in(std::string& text, std::string_view word, const std::string& value) {
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + value.size())) {
        text.replace(at, word.size(), value);
    }
}

}  // namespace

std::string advice_for(Verdict verdict, std::string_view operation, std::string_view reason) {
    const std::string_view kind = kind_of(operation);
    for (const Row& row : table) {
        if (!fits(row.on, verdict) || !kind.starts_with(row.operation) || !holds_one(reason, row.words)) {
            continue;
        }
        std::string text(row.say);
        fill_in(text, "{port}", port_in(reason));
        fill_in(text, "{secret}", secret_in(reason));
        fill_in(text, "{operation}", std::string(operation));
        return text;
    }
    return {};
}

}  // namespace slimtax::prober
