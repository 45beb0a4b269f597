// dns.query: asks one name server (or this machine's) one question and checks the answer. Own packets over the loop:
// the times are those of one server, and every answer's code is seen as it came.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "probes/dns_message.hpp"
#include "probes/io/engine.hpp"
#include "probes/io/resolver.hpp"
#include "probes/io/stamp.hpp"
#include "probes/io/stream.hpp"
#include "probes/operation.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {
namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

/// A lost packet is sent again after this, then after twice as long, and so on.
constexpr auto first_patience = std::chrono::seconds(1);

constexpr std::string_view type_choices[] = {"A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"};
constexpr std::string_view class_choices[] = {"IN", "CHAOS"};
constexpr std::string_view rcode_choices[] = {"NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP", "any"};

std::string name_flaw(std::string_view name) {
    const auto bytes = dns_query(DnsAsk(), std::string(name));
    return bytes ? std::string() : bytes.error();
}

constexpr Parameter parameters[] = {
    {.name = "name",
     .required = true,
     .help = "The name to ask for.",
     .example = "\"im1.campus.example\"",
     .flaw = &name_flaw},
    {.name = "type",
     .type = ParameterType::choice,
     .fallback = "\"A\"",
     .help = "The kind of record.",
     .choices = type_choices},
    {.name = "class",
     .type = ParameterType::choice,
     .fallback = "\"IN\"",
     .help = "IN, or CHAOS for what a name server tells of itself: version.bind, hits.bind …",
     .choices = class_choices},
    {.name = "server",
     .help = "The name server, with a port if it is not 53; the target fills it when omitted. Empty: this machine's.",
     .example = "\"ns1.campus.example\""},
    {.name = "rcode",
     .type = ParameterType::choice,
     .fallback = "\"NOERROR\"",
     .help = "The code that the answer must have.",
     .choices = rcode_choices},
    {.name = "records",
     .type = ParameterType::text_list,
     .help = "Records that must all be in the answer.",
     .example = "[\"192.0.2.7\"]"},
    {.name = "tcp",
     .type = ParameterType::boolean,
     .fallback = "false",
     .help = "Whether to ask by TCP at once; else by UDP, and by TCP only when the answer does not fit."},
    {.name = "dnssec",
     .type = ParameterType::boolean,
     .fallback = "false",
     .help =
         "Asks for DNSSEC, and fails unless the server has validated the answer, or gives it from its own zone with "
         "signatures."},
    {.name = "edns_size",
     .type = ParameterType::integer,
     .help = "Bytes of the largest answer that may come by UDP; omitted: 512, or 1232 with `dnssec`.",
     .example = "1232",
     .least = 512,
     .most = 65535},
};

constexpr Output outputs[] = {
    {"records", OutputType::text, "The records of the wanted type, sorted, with commas."},
    {"answers", OutputType::number, "How many records of the wanted type came."},
    {"rcode", OutputType::text, "The code of the answer: NOERROR, NXDOMAIN …"},
    {"ttl", OutputType::number, "The shortest time to live among them, in seconds; only when there are any."},
    {"authoritative", OutputType::boolean, "Whether the server answered from its own zone."},
    {"validated", OutputType::boolean, "Whether the server says that it has validated the answer by DNSSEC."},
    {"signed", OutputType::boolean, "Whether signatures came with the answer; only with `dnssec`."},
    {"tcp", OutputType::boolean, "Whether the answer came by TCP."},
    {"server", OutputType::text, "The address that answered, with its port."},
};

using Servers = std::vector<Address>;
/// An answer, and when it had arrived.
struct Answer {
    DnsMessage message;
    TimePoint arrived;
};

using Answered = tl::expected<Answer, Trouble>;

struct Question {
    std::string name;  // canonical
    std::string type_word;
    std::uint16_t type = 0;
    std::uint16_t id = 0;
    std::string bytes;
};

/// "ns1", "ns1:5353", "192.0.2.1:53", "[::1]:53", "::1".
std::pair<std::string, std::uint16_t> split_server(const std::string& text) {
    const auto colon = text.rfind(':');
    const bool bare_v6 = colon != std::string::npos && text.find(':') != colon && !text.starts_with('[');
    const bool port_follows = colon != std::string::npos && !bare_v6 && colon + 1 < text.size() &&
                              std::all_of(text.begin() + static_cast<std::ptrdiff_t>(colon) + 1, text.end(),
                                          [](char c) { return c >= '0' && c <= '9'; });
    if (!port_follows || text.size() - colon > 6) {
        return {text, 53};
    }
    return {text.substr(0, colon), static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1)))};
}

Task<tl::expected<Servers, Trouble>> find_servers(StepContext& context) {
    const std::string& server = context.arguments.text("server");
    if (!server.empty()) {
        const auto [host, port] = split_server(server);
        co_return co_await context.engine.resolver().look_up(host, port, context.deadline);
    }
    Servers own = context.engine.resolver().servers();
    if (own.empty()) {
        co_return tl::unexpected(Trouble{Trouble::Kind::ours, "this machine has no name server configured"});
    }
    co_return own;
}

/// The answer to our question, or nothing when the datagram is something else (late, forged, or not for us).
std::optional<Answered> accept(const Question& question, std::string_view bytes, const Address& server,
                               TimePoint arrived) {
    auto message = parse_dns(bytes);
    if (!message) {
        // Damaged, but with our id: the server's doing.
        const bool ours = bytes.size() >= 2 && bytes.substr(0, 2) == std::string_view(question.bytes).substr(0, 2);
        if (!ours) {
            return std::nullopt;
        }
        return Answered(
            tl::unexpected(refused("the answer of " + server.text() + " makes no sense: " + message.error())));
    }
    const bool repeated = message->question.empty()
                              ? message->rcode != 0  // servers that refuse may leave the question out
                              : message->question == question.name && message->question_type == question.type;
    if (message->id != question.id || !message->is_answer || !repeated) {
        return std::nullopt;
    }
    return Answered(Answer{std::move(*message), arrived});
}

/// Waits for the answer on one UDP socket.
Task<std::optional<Answered>> await_datagram(Loop& loop, int fd, const Question& question, const Address& server,
                                             TimePoint deadline) {
    for (;;) {
        const Wake wake = co_await loop.readable(fd, deadline);
        if (wake == Wake::cancelled) {
            co_return Answered(tl::unexpected(Trouble::shut_down()));
        }
        if (wake == Wake::timed_out) {
            co_return std::nullopt;
        }
        static thread_local std::array<char, 65536> room;  // not in the frame: used up before the next suspension
        TimePoint arrived{};
        const ssize_t got = receive_stamped(fd, room, 0, arrived);
        if (got < 0 && errno == ECONNREFUSED) {
            co_return Answered(tl::unexpected(refused("no name server listens at " + server.text())));
        }
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            co_return Answered(tl::unexpected(refused("asking " + server.text() + " failed: " + std::strerror(errno))));
        }
        if (got > 0) {
            if (auto answer = accept(question, {room.data(), static_cast<std::size_t>(got)}, server, arrived)) {
                co_return answer;
            }
        }
        if (Loop::now() >= deadline) {  // junk that never ends would keep us here
            co_return std::nullopt;
        }
    }
}

/// One try by UDP; nothing when no answer came by the deadline.
Task<std::optional<Answered>> ask_by_udp(Loop& loop, const Question& question, const Address& server,
                                         TimePoint deadline) {
    const Socket socket(::socket(server.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.fd() < 0) {
        co_return Answered(tl::unexpected(
            Trouble{Trouble::Kind::ours, "no socket to ask " + server.text() + ": " + std::strerror(errno)}));
    }
    loop.opened(socket.fd());
    want_receive_stamps(socket.fd());
    // Connected, so that only this server's datagrams come, and its refusals too.
    if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&server.storage), server.length) != 0) {
        co_return Answered(tl::unexpected(Trouble{
            Trouble::Kind::ours, "no route from this machine to " + server.text() + ": " + std::strerror(errno)}));
    }
    [[maybe_unused]] const ssize_t sent =
        ::send(socket.fd(), question.bytes.data(), question.bytes.size(), MSG_NOSIGNAL);
    co_return co_await await_datagram(loop, socket.fd(), question, server, deadline);
}

Task<Answered> ask_by_tcp(StepContext& context, const Question& question, Address server) {
    const std::string host = server.host();
    const std::string where = server.text();
    const auto port = split_server(where).second;
    auto connected = co_await connect_tcp(context.engine, host, port, context.deadline);
    if (!connected) {
        co_return tl::unexpected(std::move(connected.error()));
    }
    Stream stream(context.engine, std::move(connected->socket), where);
    const std::size_t size = question.bytes.size();
    std::string framed{static_cast<char>(size >> 8), static_cast<char>(size & 0xFF)};
    framed += question.bytes;
    const auto sent = co_await stream.write_all(framed, context.deadline);
    if (!sent) {
        co_return tl::unexpected(sent.error());
    }
    std::string received;
    std::size_t wanted = 2;
    while (received.size() < wanted) {
        std::array<char, 4096> room;
        const std::span<char> free_room(room);
        const auto got = co_await stream.read_some(free_room, context.deadline);
        if (!got) {
            co_return tl::unexpected(got.error());
        }
        if (*got == 0) {
            co_return tl::unexpected(refused(where + " closed the connection in the middle of its answer"));
        }
        received.append(room.data(), *got);
        if (received.size() >= 2) {
            wanted = 2 + (static_cast<std::size_t>(static_cast<unsigned char>(received[0])) << 8 |
                          static_cast<unsigned char>(received[1]));
        }
    }
    const std::string_view whole = std::string_view(received).substr(2, wanted - 2);
    const auto answer = accept(question, whole, server, stream.arrived());
    if (!answer) {
        co_return tl::unexpected(refused(where + " answered another question than was asked"));
    }
    co_return *answer;
}

/// Asks the servers in turn until one answers; the last error otherwise. `asked` is left at the one that answered.
Task<Answered> ask(StepContext& context, const Question& question, const Servers& servers, Address& asked) {
    const Patience patience = Patience::until(context.deadline);
    Trouble trouble{Trouble::Kind::timed_out, ""};  // each pass leaves its own, and there is always one
    auto wait = std::chrono::duration_cast<SteadyClock::duration>(first_patience);
    for (std::size_t attempt = 0; attempt < servers.size() || trouble.kind == Trouble::Kind::timed_out; ++attempt) {
        asked = servers[attempt % servers.size()];
        if (context.arguments.flag("tcp")) {
            auto answer = co_await ask_by_tcp(context, question, asked);
            if (answer) {
                co_return answer;
            }
            trouble = std::move(answer.error());
        } else {
            const TimePoint until = std::min(context.deadline, Loop::now() + wait);
            auto answer = co_await ask_by_udp(context.engine.loop(), question, asked, until);
            if (answer && answer->has_value()) {
                co_return std::move(*answer);
            }
            trouble =
                answer ? std::move(answer->error()) : ran_out(asked.text(), "answer for " + question.name, patience);
            context.report.note(asked.text() + ": " + (answer ? trouble.reason : "no answer yet"));
        }
        if (attempt % servers.size() + 1 == servers.size()) {
            wait *= 2;
        }
        if (patience.over() || trouble.kind == Trouble::Kind::ours) {
            break;
        }
    }
    co_return tl::unexpected(std::move(trouble));
}

std::vector<std::string> wanted_records(const DnsMessage& message, const Question& question) {
    std::vector<std::string> records;
    for (const DnsRecord& record : message.answers) {
        if (record.type == question.type) {
            records.push_back(record.text);
        }
    }
    std::ranges::sort(records);
    return records;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

bool is_signed(const DnsMessage& message) {
    return std::ranges::any_of(message.answers, [](const DnsRecord& record) { return record.type == dns_type_rrsig; });
}

void leave_report(const DnsMessage& message, const std::vector<std::string>& records, std::string server,
                  StepReport& report) {
    report.output("rcode", dns_rcode(message.rcode));
    report.output("answers", static_cast<double>(records.size()));
    report.output("records", joined(records));
    report.output("authoritative", message.authoritative);
    report.output("validated", message.validated);
    report.output("signed", is_signed(message));
    std::optional<std::uint32_t> ttl;
    for (const DnsRecord& record : message.answers) {
        ttl = std::min(ttl.value_or(record.ttl), record.ttl);
        if (report.keeps_notes) {
            report.note(record.name + " " + std::to_string(record.ttl) + " " + quotable(record.text, {}, 200));
        }
    }
    if (ttl) {
        report.output("ttl", static_cast<double>(*ttl));
    }
    if (report.keeps_notes) {
        report.note(server + " answered " + dns_rcode(message.rcode));
    }
    report.output("server", std::move(server));
}

Outcome judge(const DnsMessage& message, const std::vector<std::string>& records, const Question& question,
              const Address& asked, const Arguments& arguments) {
    const auto subject = [&] { return question.name + " " + question.type_word; };
    const std::string rcode = dns_rcode(message.rcode);
    const std::string& wanted = arguments.text("rcode");
    if (wanted != "any" && rcode != wanted) {
        const bool bogus = rcode == "SERVFAIL" && arguments.flag("dnssec");  // RFC 4035: so it is told
        return Outcome::failed(asked.text() + " answered " + rcode + " for " + subject() +
                               (wanted == "NOERROR" ? "" : ", expected " + wanted) +
                               (bogus ? ": it may be that DNSSEC does not hold" : ""));
    }
    if (arguments.flag("dnssec") && !message.validated && !(message.authoritative && is_signed(message))) {
        return Outcome::failed(asked.text() + " has not validated its answer for " + subject() + " by DNSSEC");
    }
    for (const std::string& expected : arguments.list("records")) {
        const bool there = std::ranges::any_of(records, [&](const std::string& record) {
            return record == expected || dns_canonical(record) == dns_canonical(expected);
        });
        if (!there) {
            const std::string had = records.empty() ? "none" : quotable(joined(records), {}, 200);
            return Outcome::failed(asked.text() + " answered " + had + " for " + subject() + ", expected " + expected);
        }
    }
    if (wanted == "NOERROR" && records.empty()) {
        return Outcome::failed(asked.text() + " has no " + question.type_word + " record for " + question.name);
    }
    return Outcome::ok();
}

Task<Outcome> run_query(StepContext& context) {
    static thread_local std::mt19937 random(std::random_device{}());
    Question question;
    question.name = dns_canonical(context.arguments.text("name"));
    question.type_word = context.arguments.text("type");
    question.type = dns_type(question.type_word);
    question.id = static_cast<std::uint16_t>(random());
    DnsAsk wishes;
    wishes.id = question.id;
    wishes.type = question.type;
    wishes.record_class = context.arguments.text("class") == "CHAOS" ? dns_class_chaos : dns_class_internet;
    wishes.dnssec = context.arguments.flag("dnssec");
    wishes.edns_size = static_cast<std::uint16_t>(
        context.arguments.has("edns_size") ? context.arguments.integer("edns_size") : (wishes.dnssec ? 1232 : 0));
    auto bytes = dns_query(wishes, question.name);
    if (!bytes) {
        co_return Outcome::fault(bytes.error());
    }
    question.bytes = std::move(*bytes);

    const TimePoint start = Loop::now();
    const auto servers = co_await find_servers(context);
    if (!servers) {
        co_return outcome_of(servers.error());
    }
    const TimePoint ready = Loop::now();
    Address asked;
    auto answer = co_await ask(context, question, *servers, asked);
    bool by_tcp = context.arguments.flag("tcp");
    if (answer && answer->message.truncated && !by_tcp) {
        by_tcp = true;
        context.report.note("the answer of " + asked.text() + " does not fit: asking again by TCP");
        answer = co_await ask_by_tcp(context, question, asked);
    }
    if (!answer) {
        co_return outcome_of(answer.error());
    }
    context.report.timing("lookup", std::chrono::duration_cast<schemas::Duration>(ready - start));
    context.report.timing("answer", std::chrono::duration_cast<schemas::Duration>(answer->arrived - ready));
    context.report.response(std::chrono::duration_cast<schemas::Duration>(answer->arrived - start));
    context.report.output("tcp", by_tcp);
    const std::vector<std::string> records = wanted_records(answer->message, question);
    leave_report(answer->message, records, asked.text(), context.report);
    co_return judge(answer->message, records, question, asked, context.arguments);
}

constexpr Operation rows[] = {
    {.info = {.name = "dns.query",
              .levels = "A1 A2 A3",
              .summary = "asks a name server for a record and checks the answer",
              .parameters = parameters,
              .outputs = outputs,
              .target_parameter = "server",
              .example = "do      = \"dns.query\"\n"
                         "name    = \"im1.campus.example\"\n"
                         "records = [\"192.0.2.7\"]\n"
                         "within  = \"50ms\""},
     .run = run_query},
};

}  // namespace

std::span<const Operation> dns_operations() {
    return rows;
}

}  // namespace slimtax::probes
