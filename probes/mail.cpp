// mail.roundtrip: a message with a token of its own is sent by SMTP, found by IMAP and deleted. What runs that broke
// off have left behind is deleted by a later one.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "probes/imap_client.hpp"
#include "probes/mail_letter.hpp"
#include "probes/smtp_client.hpp"

namespace slimtax::probes {

namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

template <class T>
using Result = Conversation::Result<T>;

// Messages of earlier runs that one run deletes at most.
constexpr std::size_t most_cleaned = 100;

constexpr auto parameters = joined(std::array{
    Parameter{.name = "host",
              .required = true,
              .help = "The mail server, for sending and for reading; the target fills it when omitted.",
              .example = R"("${target}")"},
    Parameter{.name = "smtp_host", .help = "The server to send by; omitted: `host`."},
    Parameter{.name = "smtp_port",
              .type = ParameterType::integer,
              .help = "Its port; omitted: 465 for smtp_tls = \"implicit\", else 587.",
              .least = 1,
              .most = 65535},
    Parameter{.name = "smtp_tls",
              .type = ParameterType::choice,
              .fallback = R"("starttls")",
              .help = "Whether to encrypt on the way there: none, starttls or implicit.",
              .choices = tls_choices},
    Parameter{.name = "smtp_user", .help = "Who logs in for sending; omitted: nobody, as between mail servers."},
    Parameter{.name = "smtp_password",
              .help = "The password of `smtp_user`; write ${secret:NAME}. Omitted: `password`."},
    Parameter{.name = "imap_host", .help = "The server to read at; omitted: `host`."},
    Parameter{.name = "imap_port",
              .type = ParameterType::integer,
              .help = "Its port; omitted: 993 for imap_tls = \"implicit\", else 143.",
              .least = 1,
              .most = 65535},
    Parameter{.name = "imap_tls",
              .type = ParameterType::choice,
              .fallback = R"("implicit")",
              .help = "Whether to encrypt on the way there: none, starttls or implicit.",
              .choices = tls_choices},
    trust_parameters[0],
    trust_parameters[1],
    Parameter{.name = "user", .required = true, .help = "Whose mailbox it is, at IMAP.", .example = R"("probe")"},
    Parameter{.name = "password",
              .required = true,
              .help = "The password of `user`; write ${secret:NAME}.",
              .example = R"("${secret:mail-probe}")"},
    Parameter{.name = "to",
              .required = true,
              .help = "The address that the mailbox gets its mail at.",
              .example = R"("probe@campus.example")"},
    Parameter{.name = "from", .help = "The sender's address; omitted: `to`."},
    Parameter{.name = "folder", .fallback = R"("INBOX")", .help = "Where the mail arrives."},
    Parameter{.name = "clean_after",
              .type = ParameterType::duration,
              .fallback = R"("1h")",
              .help = "Messages of probes that are older were left behind by runs that broke off, and are deleted. "
                      "Longer than any run's time-out."},
});

constexpr std::array outputs{
    Output{"time.smtp", OutputType::duration, "Sending: from the connection to the server's goodbye."},
    Output{"time.delivery", OutputType::duration, "From the server's goodbye until the message was in the mailbox."},
    Output{"time.imap", OutputType::duration,
           "Reading: connection, log-in, clean-up, and at the end deletion, log-out."},
    Output{"cleaned", OutputType::number, "How many messages of earlier runs were deleted."},
};

// "imap" or "smtp": the server that the parameters with that prefix name.
Endpoint endpoint_of(const Arguments& arguments, const std::string& which, std::string_view kind, std::uint16_t plain,
                     std::uint16_t implicit) {
    const std::string& own = arguments.text(which + "_host");
    const bool at_once = arguments.text(which + "_tls") == "implicit";
    const auto port = arguments.has(which + "_port") ? static_cast<std::uint16_t>(arguments.integer(which + "_port"))
                                                     : (at_once ? implicit : plain);
    Endpoint endpoint(kind, own.empty() ? arguments.text("host") : own, port);
    endpoint.trust.verify = arguments.flag("verify");
    endpoint.trust.ca_file = arguments.text("ca_file");
    return endpoint;
}

// The numbers of "SEARCH 4 7"; so many at most.
std::vector<std::uint32_t> found_in(const ImapReply& reply) {
    std::vector<std::uint32_t> uids;
    for (const std::string& line : reply.lines) {
        if (!line.starts_with("SEARCH")) {
            continue;
        }
        const char* at = line.data() + 6;
        const char* const end = line.data() + line.size();
        while (at < end && uids.size() < most_cleaned) {
            std::uint32_t uid = 0;
            const auto read = std::from_chars(at + 1, end, uid);
            if (read.ec != std::errc()) {
                break;
            }
            uids.push_back(uid);
            at = read.ptr;
        }
    }
    return uids;
}

constexpr auto longest_idle = std::chrono::seconds(5);

// The reading side: one session with the folder open.
class Mailbox {
public:
    Mailbox(StepContext& context, Endpoint endpoint)
        : engine_(context.engine), arguments_(context.arguments), endpoint_(std::move(endpoint)) {}

    Task<Result<void>> open(StepContext& context, const Patience& patience) {
        auto client = co_await ImapClient::open(context, endpoint_, arguments_.text("imap_tls"), patience);
        if (!client) {
            co_return tl::unexpected(std::move(client.error()));
        }
        client_.emplace(std::move(*client));
        Result<void> done = co_await client_->log_in(arguments_.text("user"), arguments_.text("password"), patience);
        if (!done) {
            co_return done;
        }
        const auto folder = imap_string(arguments_.text("folder"));
        if (!folder) {
            co_return tl::unexpected(
                Trouble{Trouble::Kind::ours, "the folder of a mail probe must be plain ASCII (or modified UTF-7)"});
        }
        const std::string select = "SELECT " + *folder;
        co_return co_await plain(select, "SELECT", patience);
    }

    // Deletes what runs before `limit` have left; returns how many messages that were.
    Task<Result<std::size_t>> clean(schemas::Instant limit, const Patience& patience) {
        const std::string search = fmt::format("UID SEARCH UNDELETED HEADER {} \"\"", letter_header);
        const Result<ImapReply> found = co_await client_->command(search, "SEARCH", patience);
        if (!found) {
            co_return tl::unexpected(found.error());
        }
        const std::vector<std::uint32_t> uids = found_in(*found);
        if (uids.empty()) {
            co_return std::size_t(0);
        }
        const std::string fetch =
            fmt::format("UID FETCH {} (UID BODY.PEEK[HEADER.FIELDS ({})])", fmt::join(uids, ","), letter_header);
        const Result<ImapReply> tokens = co_await client_->command(fetch, "FETCH", patience);
        if (!tokens) {
            co_return tl::unexpected(tokens.error());
        }
        std::vector<std::uint32_t> old;
        for (const std::string& line : tokens->lines) {
            const std::int64_t uid = number_after(line, "(UID");
            const auto sent = sent_at(line);
            if (uid > 0 && sent && *sent < limit && std::ranges::find(uids, uid) != uids.end()) {
                old.push_back(static_cast<std::uint32_t>(uid));
            }
        }
        if (!old.empty()) {
            const Result<void> removed = co_await remove(old, patience);
            if (!removed) {
                co_return tl::unexpected(removed.error());
            }
        }
        co_return old.size();
    }

    /// When the last answer had arrived.
    [[nodiscard]] TimePoint arrived() { return client_->conversation().stream().arrived(); }

    // Looks for the token again and again, or when the server tells of a message (IDLE); nothing when it was not there
    // by the deadline.
    Task<Result<std::vector<std::uint32_t>>> await(const std::string& token, TimePoint until,
                                                   const Patience& patience) {
        const std::string search = fmt::format("UID SEARCH HEADER {} \"{}\"", letter_header, token);
        auto pause = std::chrono::milliseconds(20);
        for (;;) {
            // Only after NOOP a server tells what has arrived since.
            const Result<void> looked = co_await plain("NOOP", "NOOP", patience);
            if (!looked) {
                co_return tl::unexpected(looked.error());
            }
            const Result<ImapReply> reply = co_await client_->command(search, "SEARCH", patience);
            if (!reply) {
                co_return tl::unexpected(reply.error());
            }
            std::vector<std::uint32_t> uids = found_in(*reply);
            if (!uids.empty() || Loop::now() >= until) {
                co_return uids;
            }
            client_->conversation().note_in(nullptr);  // one look is like the other
            if (client_->can("IDLE")) {
                // Now and then it is looked at all the same: not every server tells what it should.
                const Result<void> waited =
                    co_await client_->idle(std::min(until, Loop::now() + longest_idle), patience);
                if (!waited) {
                    co_return tl::unexpected(waited.error());
                }
                continue;
            }
            if (co_await engine_.loop().sleep_until(std::min(until, Loop::now() + pause)) == Wake::cancelled) {
                co_return tl::unexpected(Trouble::shut_down());
            }
            pause = std::min(pause * 2, std::chrono::milliseconds(1000));
        }
    }

    Task<Result<void>> remove(const std::vector<std::uint32_t>& uids, const Patience& patience) {
        const std::string set = fmt::format("{}", fmt::join(uids, ","));
        const std::string store = "UID STORE " + set + " +FLAGS.SILENT (\\Deleted)";
        const Result<void> marked = co_await plain(store, "STORE", patience);
        if (!marked) {
            co_return marked;
        }
        const std::string expunge = client_->can("UIDPLUS") ? "UID EXPUNGE " + set : "EXPUNGE";
        co_return co_await plain(expunge, "EXPUNGE", patience);
    }

    Task<Result<void>> close(const Patience& patience) { co_return co_await client_->log_out(patience); }

    [[nodiscard]] std::string name() const { return arguments_.text("folder") + " of " + endpoint_.server; }

private:
    Task<Result<void>> plain(std::string_view text, std::string_view name, const Patience& patience) {
        const Result<ImapReply> reply = co_await client_->command(text, name, patience);
        if (!reply) {
            co_return tl::unexpected(reply.error());
        }
        co_return Result<void>();
    }

    Engine& engine_;
    const Arguments& arguments_;
    Endpoint endpoint_;
    std::optional<ImapClient> client_;
};

Task<Result<void>> send_letter(StepContext& context, const Endpoint& endpoint, const Letter& letter,
                               const Patience& patience) {
    const Arguments& arguments = context.arguments;
    auto client = co_await SmtpClient::open(context, endpoint, arguments.text("smtp_tls"), patience);
    if (!client) {
        co_return tl::unexpected(std::move(client.error()));
    }
    Result<void> done;
    if (arguments.has("smtp_user")) {
        const std::string& password = arguments.text(arguments.has("smtp_password") ? "smtp_password" : "password");
        done = co_await client->log_in(arguments.text("smtp_user"), password, patience);
    }
    if (done) {
        done = co_await client->submit(letter.from, letter.to, letter.content, patience);
    }
    if (done) {
        done = co_await client->quit(patience);
    }
    co_return done;
}

// A step's context with a report of its own: two connections would mix up their timings.
StepContext with_report(StepContext& context, StepReport& report) {
    return StepContext{.engine = context.engine,
                       .arguments = context.arguments,
                       .deadline = context.deadline,
                       .session = context.session,
                       .memory = context.memory,
                       .report = report,
                       .target = context.target,
                       .wall_now = context.wall_now};
}

// Until when to look: a little of the time is for the way back.
TimePoint last_look(const Patience& patience) {
    const auto all = patience.deadline - patience.began;
    return patience.deadline - std::min<decltype(all)>(all / 10, std::chrono::seconds(2));
}

class Roundtrip {
public:
    Roundtrip(StepContext& context, Letter letter)
        : context_(context),
          letter_(std::move(letter)),
          smtp_(endpoint_of(context.arguments, "smtp", "SMTP server", 587, 465)),
          reading_(with_report(context, imap_report_)),
          sending_(with_report(context, smtp_report_)),
          mailbox_(reading_, endpoint_of(context.arguments, "imap", "IMAP server", 143, 993)) {}

    Task<Result<void>> run(const Patience& patience) {
        Result<void> done = co_await travel(patience);
        StepReport& report = context_.report;
        for (StepReport* part : {&smtp_report_, &imap_report_}) {
            std::ranges::move(part->transcript, std::back_inserter(report.transcript));
        }
        co_return done;
    }

private:
    // The mailbox first: a letter is sent only when there is somebody to find it.
    Task<Result<void>> travel(const Patience& patience) {
        StepReport& report = context_.report;
        Patience stage = Patience::until(patience.deadline);
        Result<void> done = co_await mailbox_.open(reading_, patience);
        if (!done) {
            co_return done;
        }
        const Result<std::size_t> cleaned =
            co_await mailbox_.clean(context_.wall_now - context_.arguments.duration("clean_after"), patience);
        if (!cleaned) {
            co_return tl::unexpected(cleaned.error());
        }
        report.output("cleaned", static_cast<double>(*cleaned));
        schemas::Duration reading = stage.spent();

        stage = Patience::until(patience.deadline);
        done = co_await send_letter(sending_, smtp_, letter_, patience);
        if (!done) {
            (void)co_await mailbox_.close(patience);
            co_return done;
        }
        leave_timing(report, "smtp", stage.spent());

        stage = Patience::until(patience.deadline);
        const Result<std::vector<std::uint32_t>> found =
            co_await mailbox_.await(letter_.token, last_look(patience), patience);
        if (!found) {
            co_return tl::unexpected(found.error());
        }
        if (found->empty()) {
            const Patience waited{stage.began, last_look(patience)};
            (void)co_await mailbox_.close(patience);
            co_return tl::unexpected(
                Trouble{Trouble::Kind::timed_out,
                        fmt::format("mail to {}, accepted by {}, did not arrive in {} {}", quotable(letter_.to),
                                    smtp_.server, mailbox_.name(), waited.in_words())});
        }
        leave_timing(report, "delivery", stage.spent_until(mailbox_.arrived()));

        stage = Patience::until(patience.deadline);
        done = co_await mailbox_.remove(*found, patience);
        if (done) {
            done = co_await mailbox_.close(patience);
        }
        reading += stage.spent();
        leave_timing(report, "imap", reading);
        co_return done;
    }

    StepContext& context_;
    Letter letter_;
    Endpoint smtp_;
    StepReport imap_report_;
    StepReport smtp_report_;
    StepContext reading_;
    StepContext sending_;
    Mailbox mailbox_;
};

Task<Outcome> run_roundtrip(StepContext& context) {
    const Patience patience = Patience::until(context.deadline);
    const std::string& to = context.arguments.text("to");
    const std::string& from = context.arguments.has("from") ? context.arguments.text("from") : to;
    auto letter = write_letter(from, to, context.wall_now);
    if (!letter) {
        co_return Outcome::fault(std::move(letter.error()));
    }
    Roundtrip roundtrip(context, std::move(*letter));
    const Result<void> done = co_await roundtrip.run(patience);
    if (!done) {
        co_return outcome_of(done.error());
    }
    co_return Outcome::ok();
}

constexpr std::array rows{
    Operation{.info = {.name = "mail.roundtrip",
                       .levels = "A3",
                       .summary = "sends a message by SMTP, waits until it is in the mailbox by IMAP, and deletes it",
                       .parameters = parameters,
                       .outputs = outputs,
                       .target_parameter = "host",
                       .example = R"(do        = "mail.roundtrip"
to        = "probe@campus.example"
user      = "probe"
password  = "${secret:mail-probe}"
smtp_user = "probe"
within    = "20s"
timeout   = "60s"
)"},
              .run = run_roundtrip,
              .descriptors = 2},
};

}  // namespace

std::span<const Operation> mail_operations() {
    return rows;
}

}  // namespace slimtax::probes
