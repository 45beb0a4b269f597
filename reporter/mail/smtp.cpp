#include "reporter/mail/smtp.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include <fmt/format.h>

#include "reporter/html.hpp"
#include "schemas/utf8.hpp"

namespace slimtax::reporter {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t longest_reply = 300;
constexpr int permanent = 5;  // first digit of a reply

/// What the server is asked for: the last command that was sent.
enum class Stage { connect, hello, starttls, login, sender, recipient, data, message };

constexpr std::array<std::pair<std::string_view, Stage>, 7> commands{{{"EHLO", Stage::hello},
                                                                      {"HELO", Stage::hello},
                                                                      {"STARTTLS", Stage::starttls},
                                                                      {"AUTH", Stage::login},
                                                                      {"MAIL", Stage::sender},
                                                                      {"RCPT", Stage::recipient},
                                                                      {"DATA", Stage::data}}};

/// From outside: no control characters, not endless.
std::string tame(std::string_view text) {
    std::string clean = clean_text(text);
    std::ranges::replace_if(
        clean, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
    while (clean.ends_with(' ')) {
        clean.pop_back();
    }
    return schemas::shortened(clean, longest_reply);
}

struct Handle {
    Handle() : curl(curl_easy_init()) {}
    ~Handle() {
        curl_easy_cleanup(curl);
        curl_slist_free_all(recipients);
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    CURL* curl;
    curl_slist* recipients = nullptr;
};

}  // namespace

class SmtpClient::Impl {
public:
    Impl(schemas::MailSettings settings, schemas::Redactor& redactor, SmtpPatience patience,
         std::function<bool()> stopping)
        : settings_(std::move(settings)),
          redactor_(redactor),
          patience_(patience),
          stopping_(std::move(stopping)),
          server_(fmt::format("mail server {}", settings_.server.text())) {
        static std::once_flag once;
        std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    }

    SmtpOutcome send(const std::string& to, const std::string& message,
                     const std::function<Stored<void>()>& before_data) {
        Handle handle;
        if (handle.curl == nullptr) {
            return {SmtpOutcome::Kind::later, "there is no memory for a connection", true};
        }
        run_ = Run();
        run_.curl = handle.curl;
        run_.to = to;
        run_.message = message;
        run_.length = static_cast<curl_off_t>(message.size());
        run_.before_data = &before_data;
        run_.since = steady_clock::now();
        handle.recipients = curl_slist_append(nullptr, to.c_str());
        set_up(handle.curl);
        curl_easy_setopt(handle.curl, CURLOPT_MAIL_RCPT, handle.recipients);
        const CURLcode code = curl_easy_perform(handle.curl);
        SmtpOutcome outcome = judge(code);
        outcome.says = redactor_.redact(outcome.says);
        return outcome;
    }

private:
    /// Of one transfer.
    struct Run {
        CURL* curl = nullptr;
        std::string to;
        std::string_view message;  ///< what is left of it
        curl_off_t length = 0;
        const std::function<Stored<void>()>* before_data = nullptr;
        Stage stage = Stage::connect;
        std::string reply;  ///< the server's newest, all its lines
        bool reply_goes_on = false;
        bool parting = false;            ///< QUIT was said: no reply counts any more
        bool noted = false;              ///< before_data was called, and succeeded
        bool all_sent = false;           ///< the last byte was handed out: the end-of-message mark may be out
        bool answered = false;           ///< … and a reply came after that
        std::string not_noted;           ///< why before_data failed
        std::string given_up;            ///< why we ended it ourselves
        steady_clock::time_point since;  ///< the present phase began
        steady_clock::time_point stop_seen;
        std::array<char, CURL_ERROR_SIZE> error{};

        /// One line of a reply, "250-SIZE" or "250 HELP". The last one that counts is kept.
        void hear(std::string_view line) {
            constexpr std::size_t most_kept = 2000;
            if (answered || parting) {
                return;
            }
            if (!reply_goes_on) {
                reply.clear();
            }
            reply_goes_on = line.size() > 3 && line[3] == '-';
            while (line.ends_with('\n') || line.ends_with('\r')) {
                line.remove_suffix(1);
            }
            if (reply.size() < most_kept) {
                reply += (reply.empty() ? "" : " ") + std::string(line.substr(0, most_kept));
            }
            if (all_sent && !reply_goes_on) {
                answered = true;
                since = steady_clock::now();
            }
        }
    };

    void set_up(CURL* curl) {
        using schemas::MailSettings;
        curl_easy_setopt(curl, CURLOPT_URL, settings_.server.url().c_str());
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(
            curl, CURLOPT_USE_SSL,
            static_cast<long>(settings_.security == MailSettings::Security::none ? CURLUSESSL_NONE : CURLUSESSL_ALL));
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        if (settings_.ca_file) {
            // The system's roots stay: curl reads its own folder of them as well.
            curl_easy_setopt(curl, CURLOPT_CAINFO, settings_.ca_file->c_str());
        }
        if (settings_.user && settings_.password) {
            curl_easy_setopt(curl, CURLOPT_USERNAME, settings_.user->c_str());
            curl_easy_setopt(curl, CURLOPT_PASSWORD, settings_.password->c_str());
            // As it crosses the network in AUTH PLAIN, should a server quote it.
            redactor_.add(fmt::format("{0}{1}{0}{2}", '\0', *settings_.user, *settings_.password));
        }
        curl_easy_setopt(curl, CURLOPT_MAIL_FROM, settings_.from.address.c_str());
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(run_.message.size()));
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, &Impl::read);
        curl_easy_setopt(curl, CURLOPT_READDATA, this);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Impl::ignore);
        curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
        curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, &Impl::heard);
        curl_easy_setopt(curl, CURLOPT_DEBUGDATA, this);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Impl::look_at_the_time);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, run_.error.data());
        // The times that count are kept by look_at_the_time(); these only must not be shorter.
        const auto longest = std::max({patience_.until_data, patience_.sending, patience_.answer}) * 2;
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(longest.count()));
        curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                         static_cast<long>(std::chrono::ceil<std::chrono::seconds>(longest).count()));
    }

    static std::size_t ignore(char* /*bytes*/, std::size_t size, std::size_t count, void* /*self*/) {
        return size * count;
    }

    static std::size_t read(char* room, std::size_t size, std::size_t count, void* self) {
        Run& run = static_cast<Impl*>(self)->run_;
        if (!run.noted) {
            if (const auto done = (*run.before_data)(); !done) {
                run.not_noted = done.error().reason;
                return CURL_READFUNC_ABORT;
            }
            run.noted = true;
            run.stage = Stage::message;
            run.since = steady_clock::now();
        }
        const std::size_t length = std::min(size * count, run.message.size());
        std::memcpy(room, run.message.data(), length);
        run.message.remove_prefix(length);
        if (run.message.empty() && !run.all_sent) {
            run.all_sent = true;
            run.since = steady_clock::now();
        }
        return length;
    }

    static int heard(CURL* /*curl*/, curl_infotype type, char* bytes, std::size_t size, void* self) {
        Run& run = static_cast<Impl*>(self)->run_;
        const std::string_view text(bytes, size);
        if (type == CURLINFO_HEADER_OUT) {
            run.parting = run.parting || text.starts_with("QUIT");
            for (const auto& [word, stage] : commands) {
                if (text.starts_with(word)) {
                    run.stage = stage;
                }
            }
        } else if (type == CURLINFO_HEADER_IN) {
            run.hear(text);
        }
        return 0;
    }

    static int look_at_the_time(void* self, curl_off_t /*to_come*/, curl_off_t /*came*/, curl_off_t /*to_go*/,
                                curl_off_t /*went*/) {
        return static_cast<Impl*>(self)->is_over() ? 1 : 0;
    }

    /// Whether we end the transfer here.
    bool is_over() {
        const auto now = steady_clock::now();
        const auto phase = now - run_.since;
        if (run_.answered) {
            return phase > patience_.farewell;
        }
        const auto allowed = run_.all_sent ? patience_.answer : run_.noted ? patience_.sending : patience_.until_data;
        if (phase > allowed) {
            run_.given_up = fmt::format("did not {} within {} s",
                                        run_.all_sent ? "answer"
                                        : run_.noted  ? "take the message"
                                                      : "come so far as to take the message",
                                        std::chrono::duration_cast<std::chrono::seconds>(allowed).count());
            return true;
        }
        if (stopping_ && stopping_()) {
            if (run_.stop_seen == steady_clock::time_point()) {
                run_.stop_seen = now;
            }
            if (!run_.noted || now - run_.stop_seen > patience_.when_stopping) {
                run_.given_up = "was not waited for any longer: the program ends";
                return true;
            }
        }
        return false;
    }

    SmtpOutcome judge(CURLcode code) const {
        using Kind = SmtpOutcome::Kind;
        const bool good = run_.reply.starts_with('2');
        if (code == CURLE_OK || (run_.answered && good)) {
            return {Kind::accepted, fmt::format("accepted by {}: {}", server_, tame(run_.reply)), false};
        }
        if (!run_.not_noted.empty()) {
            return {Kind::later,
                    fmt::format("that it is being sent cannot be noted, so it was not sent: {}", run_.not_noted), true};
        }
        curl_off_t went = 0;
        curl_easy_getinfo(run_.curl, CURLINFO_SIZE_UPLOAD_T, &went);
        // As long as bytes are missing the mark of the end cannot have been sent.
        if (run_.all_sent && !run_.answered && went >= run_.length) {
            return {
                Kind::uncertain,
                fmt::format("{} got the whole message and {}: whether it arrived is not known, and it is not sent "
                            "again",
                            server_, run_.given_up.empty() ? "closed the connection without an answer" : run_.given_up),
                false};
        }
        const bool refused = run_.given_up.empty() && is_reply_failure(code) && !run_.reply.empty();
        return {refused && run_.reply.front() - '0' == permanent ? Kind::refused : Kind::later, sentence(code),
                run_.stage <= Stage::sender};
    }

    /// The server said no, in words.
    static bool is_reply_failure(CURLcode code) {
        return code == CURLE_SEND_ERROR || code == CURLE_LOGIN_DENIED || code == CURLE_WEIRD_SERVER_REPLY ||
               code == CURLE_REMOTE_ACCESS_DENIED;
    }

    std::string what_was_refused() const {
        switch (run_.stage) {
            case Stage::connect: return "our connection";
            case Stage::hello: return "our greeting";
            case Stage::starttls: return "STARTTLS";
            case Stage::login: return fmt::format("the log-in of {}", settings_.user.value_or("nobody"));
            case Stage::sender: return fmt::format("the sender {}", settings_.from.address);
            case Stage::recipient: return fmt::format("the recipient {}", run_.to);
            case Stage::data:
            case Stage::message: break;
        }
        return "the message";
    }

    std::string sentence(CURLcode code) const {
        if (!run_.given_up.empty()) {
            return fmt::format("{} {}", server_, run_.given_up);
        }
        const std::string detail = tame(run_.error.data());
        switch (code) {
            case CURLE_COULDNT_RESOLVE_HOST:
                return fmt::format("the name of {} cannot be looked up: {}", server_, detail);
            case CURLE_COULDNT_CONNECT: {
                long cause = 0;
                curl_easy_getinfo(run_.curl, CURLINFO_OS_ERRNO, &cause);
                return fmt::format("{} cannot be reached: {}", server_,
                                   cause != 0 ? std::strerror(static_cast<int>(cause)) : detail);
            }
            case CURLE_PEER_FAILED_VERIFICATION:
                return fmt::format("the certificate of {} cannot be trusted: {}", server_, detail);
            case CURLE_USE_SSL_FAILED:
                return fmt::format(
                    "{} offers no STARTTLS, so nothing was sent; its port for TLS from the first byte is written "
                    "smtps://, and only security = \"none\" sends in the clear",
                    server_);
            case CURLE_SSL_CACERT_BADFILE:
                return fmt::format("the roots in {} cannot be read: {}",
                                   settings_.ca_file ? settings_.ca_file->string() : "the system's folder", detail);
            default: break;
        }
        if (is_reply_failure(code) && !run_.reply.empty() && run_.reply.front() >= '4') {
            return fmt::format("{} refused {}: {}", server_, what_was_refused(), tame(run_.reply));
        }
        if (code == CURLE_LOGIN_DENIED) {
            return fmt::format("{} offers no way to log in that this program knows", server_);
        }
        return fmt::format("sending through {} failed: {}", server_,
                           detail.empty() ? curl_easy_strerror(code) : detail);
    }

    schemas::MailSettings settings_;
    schemas::Redactor& redactor_;
    SmtpPatience patience_;
    std::function<bool()> stopping_;
    std::string server_;
    Run run_;
};

SmtpClient::SmtpClient(schemas::MailSettings settings, schemas::Redactor& redactor, SmtpPatience patience,
                       std::function<bool()> stopping)
    : impl_(std::make_unique<Impl>(std::move(settings), redactor, patience, std::move(stopping))) {}

SmtpClient::~SmtpClient() = default;

SmtpOutcome SmtpClient::send(const std::string& to, const std::string& message,
                             const std::function<Stored<void>()>& before_data) {
    return impl_->send(to, message, before_data);
}

}  // namespace slimtax::reporter
