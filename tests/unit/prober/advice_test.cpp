// One row a kind of trouble: the reason as the probes write it, and what the advice must speak of.
#include "prober/commands/advice.hpp"

#include <doctest/doctest.h>

#include <string>

#include "probes/registry.hpp"

using slimtax::prober::advice_for;
using slimtax::schemas::Verdict;

TEST_CASE("each kind of trouble gets its own advice") {
    struct Row {
        Verdict verdict;
        const char* operation;
        const char* reason;
        const char* says;
    };
    const Row rows[] = {
        // clang-format off
        {Verdict::failed, "tcp.connect", "connection to ldap1:389 (192.0.2.5) refused", "ss -ltn 'sport = :389'"},
        {Verdict::failed, "http.get", "connection to [::1]:8443 refused", "sport = :8443'"},
        {Verdict::timeout, "tcp.connect", "connection to ldap1:389 (192.0.2.5) timed out", "firewall that drops"},
        {Verdict::timeout, "ssh.login", "the run's time-out of 20 s passed during 'ssh.login': connection to a:22 timed out", "sport = :22'"},
        {Verdict::failed, "http.get", "connection to www:80 failed: the network says that there is no way to it", "ip route get"},
        {Verdict::failed, "xmpp.login", "connection to im1:5222 (192.0.2.7) broken: Connection reset by peer", "in the middle"},
        {Verdict::failed, "http.get", "www:80 closed the connection without an answer", "in the middle"},
        {Verdict::failed, "http.get", "the name www.campus.exampel does not exist (asked 192.0.2.53:53)", "spelt right"},
        {Verdict::timeout, "http.get", "no name server answered in time for www (asked 192.0.2.53:53)", "dig NAME"},
        {Verdict::prober_fault, "http.get", "the name www could not be looked up: no name server listens (asked 127.0.0.1:53)", "resolv.conf"},
        {Verdict::failed, "http.get", "the certificate of www expired on 2026-11-01", "renew"},
        {Verdict::failed, "ldap.bind", "the certificate of ldap1 is not signed by a trusted authority", "ca_file"},
        {Verdict::failed, "ldap.bind", "the certificate of ldap1 is self-signed, not signed by a trusted authority", "ca_file"},
        {Verdict::failed, "http.get", "the certificate of www is for a.test, b.test, not for www", "a name that its certificate holds"},
        {Verdict::failed, "http.get", "the certificate of www is not valid before 2027-01-01", "clocks"},
        {Verdict::failed, "tcp.connect", "TLS handshake with mx1:25 failed: wrong version number", "openssl s_client -connect HOST:25"},
        {Verdict::timeout, "tcp.connect", "TLS handshake with mx1:465 timed out", "openssl s_client -connect HOST:465"},
        {Verdict::failed, "ldap.bind", "LDAP bind to ldap1:389 refused: invalid credentials (49)", "password"},
        {Verdict::failed, "ldap.search", "LDAP search below 'dc=x' at ldap1:389 refused: insufficient access (50)", "said no"},
        {Verdict::failed, "ssh.login", "SSH login of probe at a:22 refused: permission denied (by password; it allows publickey)", "account"},
        {Verdict::failed, "ssh.login", "the host key of a:22 differs: it shows ssh-ed25519 SHA256:x, not the expected one", "ssh-keyscan"},
        {Verdict::failed, "http.get", "www:80 answered 401 Unauthorized, not 2xx", "user and password"},
        {Verdict::failed, "http.get", "www:80 answered 404 Not Found, not 2xx", "path"},
        {Verdict::failed, "http.post", "www:80 answered 503 Service Unavailable, not 2xx", "own error"},
        {Verdict::failed, "http.get", "www:80 redirects once more after 5 redirects", "cookie"},
        {Verdict::failed, "http.get", "www:80: the body is longer than the 10000000 bytes of max_body", "max_body"},
        {Verdict::failed, "http.get", "www:80 answered with something that is not HTTP", "port and tls"},
        {Verdict::failed, "http.get", "http.get at www: expected status == 200, but status is 204", "'expect'"},
        {Verdict::failed, "http.get", "http.get: 'body' holds nothing to save as 'token': no match for x", "'save'"},
        {Verdict::failed, "process.exists", "there is no process 'nginx' on this machine", "ps -eo"},
        {Verdict::failed, "socket.listening", "nothing on this machine listens on TCP port 80", "ss -ltn"},
        {Verdict::failed, "command.run", "command /bin/false exited with code 1", "env -i"},
        {Verdict::timeout, "http.get", "www:80 did not answer the GET request in time", "lengthen timeout"},
        {Verdict::timeout, "http.get", "the run's time-out of 5 s passed in the pause before 'log in'", "think"},
        {Verdict::slow, "http.get", "http.get at www took 3 s, longer than 2 s", "'within'"},
        {Verdict::prober_fault, "http.get", "'http.get' cannot start: the secret 'web-probe.2' is not there: looked for $X", "SLIMTAX_SECRET_WEB_PROBE_2='"},
        {Verdict::prober_fault, "http.get", "the secret file /etc/x is open to everybody on this machine: chmod o-rwx /etc/x", "chmod 600"},
        {Verdict::prober_fault, "http.get", "no connection to www:80: this prober has no descriptors left", "ulimit -n"},
        {Verdict::prober_fault, "http.get", "no route from this machine to www:80", "ip route"},
        {Verdict::prober_fault, "log.count", "log file /var/log/x cannot be read: permission denied", "as that user"},
        {Verdict::prober_fault, "ldap.search", "'ldap.search' cannot start: port is no number", "list ldap.search"},
        {Verdict::failed, "counter.http", "www:80 answered 404 Not Found, expected 2xx", "path"},
        {Verdict::failed, "http.get", "www:80 answered 409 Conflict, expected 2xx", "'status'"},
        {Verdict::failed, "http.get", "www:443 answered 400 Bad Request, expected 2xx", "https"},
        {Verdict::failed, "counter.http", "the counter of www1 cannot be read: there is no /n in the answer", "'number'"},
        {Verdict::failed, "ftp.login", "FTP server a:21 refused the log-in of u001: 530 Login incorrect.", "password"},
        {Verdict::failed, "smtp.login", "SMTP server a:25 refused the log-in of u001: 535 Incorrect authentication data", "password"},
        {Verdict::failed, "xmpp.login", "XMPP login of u@x at a:5222 refused: not authorized (said)", "password"},
        {Verdict::failed, "postgres.login", "PostgreSQL server a:5432 refused the log-in of u: database \"nix\" does not exist", "psql -h HOST -p 5432"},
        {Verdict::failed, "postgres.login", "PostgreSQL server a:5432 refused the log-in of u: password authentication failed for user \"u\"", "password"},
        {Verdict::failed, "postgres.login", "PostgreSQL server a:80 could not be logged in to: expected authentication request from server, but received H", "Something else answers"},
        {Verdict::failed, "ssh.login", "SSH login of probe at a:22 refused: permission denied (by key; it allows publickey)", "authorized_keys"},
        {Verdict::failed, "redis.ping", "Redis server a:6379 refused PING: NOAUTH Authentication required.", "wants a log-in"},
        {Verdict::failed, "dns.query", "no name server listens at 192.0.2.1:53", "ss -lun 'sport = :53'"},
        {Verdict::failed, "dns.query", "192.0.2.1:53 answered NXDOMAIN for im1.campus.test A", "spelt right"},
        {Verdict::failed, "dns.query", "192.0.2.1:53 answered SERVFAIL for x A: it may be that DNSSEC does not hold", "delv"},
        {Verdict::failed, "dns.query", "192.0.2.1:53 answered 192.0.2.7 for x A, expected 192.0.2.8", "'records'"},
        {Verdict::failed, "grpc.health", "a:80 gave no answer by HTTP/2: perhaps it speaks HTTP/1.1 only, or begins with TLS", "Something else answers"},
        {Verdict::failed, "http.get", "TLS handshake with www:80 failed: wrong version number", "http:// in url"},
        {Verdict::failed, "ldap.bind", "LDAP server a:389 closed the connection during the TLS handshake", "from the first byte"},
        {Verdict::failed, "http.get", "the page of www:80 does not hold 'Welcome' (63 bytes came)", "pattern"},
        {Verdict::timeout, "imap.login", "the run's time-out of 2 s passed during 'imap.login': IMAP server a:993 did not send its greeting within 2 s", "TLS where none"},
        {Verdict::slow, "command.run", "command.run at a took 301 ms, longer than 100 ms", "'within'"},
        {Verdict::failed, "tls.handshake", "tls.handshake at www: expected cert.days > 60, but cert.days is 28", "Renew"},
        {Verdict::failed, "redis.ping", "Redis server a:80 answered PING with \"HTTP/1.1 400 Bad Request\"", "Something else answers"},
        {Verdict::failed, "irc.login", "IRC server a:25 sent more than 1048576 bytes", "Something else answers"},
        {Verdict::failed, "websocket.exchange", "WebSocket server a:80 closed the WebSocket with 1008 (policy violation): token expired and did not say x", "with the code"},
        {Verdict::failed, "xmpp.login", "XMPP server a:5222 ended the session: host unknown (no)", "domain of 'user'"},
        {Verdict::failed, "unix.exchange", "nobody listens at the socket /etc/passwd", "ss -lx"},
        {Verdict::prober_fault, "command.run", "UNKNOWN - usage", "by hand"},
        {Verdict::slow, "command.run", "WARN - hot", "thresholds"},
        {Verdict::prober_fault, "http.get", "'http.get' cannot start: no earlier step of this run saved 'a'", "'when'"},
        // clang-format on
    };
    for (const Row& row : rows) {
        CAPTURE(row.reason);
        const std::string advice = advice_for(row.verdict, row.operation, row.reason);
        CHECK_MESSAGE(advice.find(row.says) != std::string::npos, advice);
        CHECK(advice.find('{') == std::string::npos);
    }
}

TEST_CASE("whatever an operation fails of, there is something to do next; a good run needs no advice") {
    for (const auto* info : slimtax::probes::catalog()) {
        CAPTURE(info->name);
        for (const Verdict verdict :
             {Verdict::slow, Verdict::failed, Verdict::timeout, Verdict::prober_fault, Verdict::not_run}) {
            CHECK_FALSE(advice_for(verdict, info->name, "something else").empty());
            CHECK_FALSE(advice_for(verdict, info->name, "").empty());
        }
        CHECK(advice_for(Verdict::ok, info->name, "").empty());
    }
}

TEST_CASE("a reason without a port leaves a word in its place") {
    CHECK(advice_for(Verdict::failed, "tcp.connect", "connection to the door refused").find("sport = :PORT'") !=
          std::string::npos);
}
