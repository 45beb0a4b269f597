#include "probes/io/http_transfer.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <utility>

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "probes/io/http_multi.hpp"
#include "probes/io/stamp.hpp"
#include "probes/io/tls.hpp"

namespace slimtax::probes {
namespace {

constexpr std::size_t most_header_bytes = 256 * 1024;

struct SlistDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

schemas::Duration info_time(CURL* easy, CURLINFO what) {
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy, what, &microseconds);
    return schemas::Duration(microseconds);
}

std::string trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
        text.remove_prefix(1);
    }
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
        text.remove_suffix(1);
    }
    return std::string(text);
}

}  // namespace

namespace {

/// One exchange: what curl's callbacks write into, and the handle's way back to the pool. Stays in place.
class Transfer : public HttpMulti::Ended {
public:
    Transfer(Engine& engine, HttpMulti& multi, const HttpRequest& request, const HttpTarget& target,
             Connected connected)
        : engine_(engine),
          multi_(multi),
          request_(request),
          target_(target),
          connected_(std::move(connected)),
          check_(target.peer(), target.server_name.empty() ? target.host : target.server_name, request.verify),
          finished_(engine.loop()),
          easy_(multi.take()) {}

    ~Transfer() override {
        if (added_) {
            multi_.remove(easy_);
        }
        if (easy_ != nullptr) {
            if (request_.cookies != nullptr) {
                curl_easy_setopt(easy_, CURLOPT_COOKIELIST, "ALL");
                curl_easy_setopt(easy_, CURLOPT_COOKIEFILE, nullptr);  // a reset alone leaks its list (7.88)
            }
            multi_.give_back(easy_);
        }
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    Task<tl::expected<HttpResponse, Trouble>> run(TimePoint deadline);

    void ended(int result) override {
        result_ = static_cast<CURLcode>(result);
        if (!last_byte_) {
            last_byte_ = Loop::now();
        }
        finished_.set();
    }
    void readable(int fd) override;

private:
    [[nodiscard]] tl::expected<void, Trouble> prepare();
    void prepare_connection();
    void prepare_request();
    void prepare_cookies();
    [[nodiscard]] std::string late_reason() const;
    [[nodiscard]] std::string failure_reason();
    void complete();

    static curl_socket_t give_socket(void* self, curlsocktype, curl_sockaddr*) {
        auto& transfer = *static_cast<Transfer*>(self);
        transfer.fd_ = transfer.connected_.socket.release();
        return transfer.fd_;
    }
    static int is_connected(void*, curl_socket_t, curlsocktype) { return CURL_SOCKOPT_ALREADY_CONNECTED; }
    static CURLcode judge_peer(CURL*, void* context, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        const auto judged =
            transfer.engine_.tls().judge(static_cast<ssl_ctx_st*>(context), transfer.request_.ca_file, transfer.check_);
        if (!judged) {
            transfer.fault_ = judged.error();
            return CURLE_SSL_CERTPROBLEM;
        }
        return CURLE_OK;
    }
    static int about_to_send(void* self, char*, char*, int, int) {
        auto& transfer = *static_cast<Transfer*>(self);
        transfer.asked_ = Loop::now();
        transfer.hold_back(transfer.request_.http2 && !transfer.request_.body.empty());
        return CURL_PREREQFUNC_OK;
    }
    // HTTP/2: curl sends the header, then the body. To a server that refuses at the header and resets the stream, curl
    // then finds it cannot send the body, and forgets the answer (7.88). So both leave in one go.
    void hold_back(bool on) const {
        const int value = on ? 1 : 0;
        if (request_.http2 && fd_ >= 0) {
            ::setsockopt(fd_, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
        }
    }
    static int about_to_wait(CURL*, curl_infotype kind, char*, std::size_t, void* self) {
        if (kind == CURLINFO_DATA_OUT) {
            static_cast<Transfer*>(self)->hold_back(false);
        }
        return 0;
    }
    static std::size_t take_header(char* bytes, std::size_t size, std::size_t count, void* self) {
        return static_cast<Transfer*>(self)->header_line({bytes, size * count}) ? size * count : 0;
    }
    static std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* self) {
        return static_cast<Transfer*>(self)->body_part({bytes, size * count}) ? size * count : 0;
    }

    bool header_line(std::string_view line);
    bool body_part(std::string_view part);

    Engine& engine_;
    HttpMulti& multi_;
    const HttpRequest& request_;
    const HttpTarget& target_;
    Connected connected_;
    PeerCheck check_;
    Loop::Event finished_;
    CURL* easy_;
    bool added_ = false;
    CURLcode result_ = CURLE_OK;
    std::optional<TimePoint> asked_;       ///< when the request was sent
    std::optional<TimePoint> first_byte_;  ///< when the kernel had the answer's first byte
    std::optional<TimePoint> last_byte_;
    int fd_ = -1;     ///< curl's, from when it has it
    int broken_ = 0;  ///< errno of the connection, that a look at it took away from curl
    HttpResponse response_;
    std::size_t header_bytes_ = 0;
    bool headers_ended_ = false;
    std::optional<Trouble> fault_;
    std::string excess_;  ///< why we broke off
    std::unique_ptr<curl_slist, SlistDeleter> headers_;
    std::unique_ptr<curl_slist, SlistDeleter> connect_to_;
    std::array<char, CURL_ERROR_SIZE> error_text_{};
};

/// Stamps what curl reads next: the answer's first byte, and its last byte as often as more comes. What the kernel
/// cannot say is now.
void Transfer::readable(int fd) {
    if (!asked_) {
        return;
    }
    const TimePoint now = Loop::now();
    const Arrival arrival = last_arrival(fd);
    broken_ = arrival.error;
    const TimePoint last = std::max(arrival.when.value_or(now), *asked_);
    if (header_bytes_ == 0 && target_.tls) {
        first_byte_ = last;  // what came before may have been TLS's own: session tickets
    } else if (!first_byte_) {
        first_byte_ = std::max(first_arrival(fd).when.value_or(now), *asked_);
    }
    last_byte_ = std::max(last, *first_byte_);
    engine_.loop().note_delay(now - *last_byte_);
}

bool Transfer::header_line(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > most_header_bytes) {
        excess_ = "the header is longer than 256 KiB";
        return false;
    }
    if (line.starts_with("HTTP/")) {  // also after an interim "100 Continue"
        response_.headers.clear();
        const auto code = line.find(' ');
        const auto phrase = code == std::string_view::npos ? code : line.find(' ', code + 1);
        response_.phrase = phrase == std::string_view::npos ? "" : trimmed(line.substr(phrase));
        headers_ended_ = false;
        return true;
    }
    if (const auto colon = line.find(':'); colon != std::string_view::npos) {
        std::string name(line.substr(0, colon));
        for (char& letter : name) {
            letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
        }
        if (response_.headers.empty()) {
            response_.headers.reserve(12);
        }
        response_.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
    } else if (trimmed(line).empty()) {
        headers_ended_ = true;
    }
    return true;
}

bool Transfer::body_part(std::string_view part) {
    response_.bytes += part.size();
    if (response_.bytes > request_.max_body) {
        excess_ = "the body is longer than the " + std::to_string(request_.max_body) + " bytes of max_body";
        return false;
    }
    if (response_.body.size() < request_.keep_body) {
        response_.body.append(part.substr(0, request_.keep_body - response_.body.size()));
    }
    return true;
}

tl::expected<void, Trouble> Transfer::prepare() {
    if (easy_ == nullptr) {
        return tl::unexpected(Trouble{Trouble::Kind::ours, "libcurl has no memory"});
    }
    for (const auto& [name, value] : request_.headers) {
        if ((name + value).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
            return tl::unexpected(Trouble{Trouble::Kind::ours, "the header " + trimmed(name) + " holds a line break"});
        }
    }
    prepare_connection();
    prepare_request();
    prepare_cookies();
    if (!multi_.start(easy_, *this)) {
        return tl::unexpected(Trouble{Trouble::Kind::ours, "libcurl cannot take another request"});
    }
    added_ = true;
    return {};
}

void Transfer::prepare_connection() {
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_.data());
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_PROXY, "");
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    const long version = !request_.http2 ? CURL_HTTP_VERSION_1_1
                         : target_.tls   ? CURL_HTTP_VERSION_2TLS
                                         : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, version);
    if (request_.http2) {
        curl_easy_setopt(easy_, CURLOPT_VERBOSE, 1L);  // into about_to_wait, nowhere else
        curl_easy_setopt(easy_, CURLOPT_DEBUGFUNCTION, &Transfer::about_to_wait);
        curl_easy_setopt(easy_, CURLOPT_DEBUGDATA, this);
    }
    curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy_, CURLOPT_FORBID_REUSE, 1L);
    // A numeric address: curl has nothing to look up. The descriptor that it "opens" is connected already.
    connect_to_.reset(curl_slist_append(nullptr, ("::" + connected_.peer.text()).c_str()));
    curl_easy_setopt(easy_, CURLOPT_CONNECT_TO, connect_to_.get());
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::give_socket);
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
    curl_easy_setopt(easy_, CURLOPT_SOCKOPTFUNCTION, &Transfer::is_connected);
    if (target_.tls) {
        // Trust is ours (TlsContexts); without these two curl would read all of the system's roots each time.
        curl_easy_setopt(easy_, CURLOPT_CAINFO, nullptr);
        curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
        // And without this it would put the roots of the multi handle's first request in place of this one's.
        curl_easy_setopt(easy_, CURLOPT_CA_CACHE_TIMEOUT, 0L);
        curl_easy_setopt(easy_, CURLOPT_SSL_SESSIONID_CACHE, 0L);
        curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, request_.verify ? 1L : 0L);
        curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 0L);  // PeerCheck does it, with a better reason
        curl_easy_setopt(easy_, CURLOPT_SSL_CTX_FUNCTION, &Transfer::judge_peer);
        curl_easy_setopt(easy_, CURLOPT_SSL_CTX_DATA, this);
    }
}

void Transfer::prepare_request() {
    curl_easy_setopt(easy_, CURLOPT_URL, target_.url.c_str());
    curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::take_header);
    curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::take_body);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &Transfer::about_to_send);
    curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
    curl_easy_setopt(easy_, CURLOPT_USERAGENT, "slimtax");
    const bool sends = request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
    if (sends) {
        curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());
        curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    }
    if (request_.method == "HEAD") {
        curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
    } else if (request_.method != "GET" && request_.method != "POST") {
        curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    }
    if (!request_.user.empty()) {
        curl_easy_setopt(easy_, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        curl_easy_setopt(easy_, CURLOPT_USERNAME, request_.user.c_str());
        curl_easy_setopt(easy_, CURLOPT_PASSWORD, request_.password.c_str());
    }
    curl_slist* lines = curl_slist_append(nullptr, "Expect:");  // no waiting for "100 Continue"
    for (const auto& [name, value] : request_.headers) {
        // curl's own way to send a header without a value.
        const std::string line = value.empty() ? name + ";" : name + ": " + value;
        lines = curl_slist_append(lines, line.c_str());
    }
    headers_.reset(lines);
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, lines);
}

void Transfer::prepare_cookies() {
    if (request_.cookies != nullptr) {
        curl_easy_setopt(easy_, CURLOPT_COOKIEFILE, "");  // switches the engine on
        for (const std::string& cookie : *request_.cookies) {
            curl_easy_setopt(easy_, CURLOPT_COOKIELIST, cookie.c_str());
        }
    }
}

Task<tl::expected<HttpResponse, Trouble>> Transfer::run(TimePoint deadline) {
    const auto prepared = prepare();
    if (!prepared) {
        co_return tl::unexpected(prepared.error());
    }
    const Wake wake = co_await finished_.wait(deadline);
    if (wake == Wake::cancelled) {
        co_return tl::unexpected(Trouble::shut_down());
    }
    if (wake == Wake::timed_out) {
        co_return tl::unexpected(Trouble{Trouble::Kind::timed_out, late_reason()});
    }
    if (fault_) {
        co_return tl::unexpected(*fault_);
    }
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    if (result_ != CURLE_OK || !headers_ended_) {
        co_return tl::unexpected(Trouble{Trouble::Kind::refused, failure_reason()});
    }
    complete();
    co_return std::move(response_);
}

void Transfer::complete() {
    HttpTimes& times = response_.times;
    times.lookup = connected_.lookup;
    times.connect = connected_.connect;
    if (target_.tls) {
        times.tls = info_time(easy_, CURLINFO_APPCONNECT_TIME_T) - info_time(easy_, CURLINFO_CONNECT_TIME_T);
    }
    const TimePoint asked = asked_.value_or(*last_byte_);
    const TimePoint first = first_byte_.value_or(*last_byte_);
    times.first_byte = std::chrono::duration_cast<schemas::Duration>(first - asked);
    times.body = std::chrono::duration_cast<schemas::Duration>(*last_byte_ - first);
    response_.url = target_.url;
    response_.server = check_.peer_name;
    response_.peer = connected_.peer.text();
    response_.certificate_until = check_.valid_until;
    if (request_.cookies != nullptr) {
        curl_slist* list = nullptr;
        curl_easy_getinfo(easy_, CURLINFO_COOKIELIST, &list);
        request_.cookies->clear();
        for (const curl_slist* line = list; line != nullptr; line = line->next) {
            request_.cookies->emplace_back(line->data);
        }
        curl_slist_free_all(list);
    }
}

std::string Transfer::late_reason() const {
    const std::string& peer = check_.peer_name;
    if (target_.tls && info_time(easy_, CURLINFO_APPCONNECT_TIME_T).count() == 0) {
        return "TLS handshake with " + peer + " timed out";
    }
    if (header_bytes_ == 0) {
        return peer + " did not answer the " + request_.method + " request in time";
    }
    if (!headers_ended_) {
        return peer + " did not end the header of its answer in time";
    }
    return peer + " did not end the body of its answer in time: " + std::to_string(response_.bytes) + " bytes came";
}

std::string Transfer::failure_reason() {
    const std::string& peer = check_.peer_name;
    if (!excess_.empty()) {
        return peer + ": " + excess_;
    }
    if (!check_.reason.empty()) {
        return check_.reason;
    }
    long error = 0;
    curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &error);
    if (broken_ != 0) {
        error = broken_;
        result_ = CURLE_RECV_ERROR;
    }
    const bool secured = !target_.tls || info_time(easy_, CURLINFO_APPCONNECT_TIME_T).count() > 0;
    std::string detail = error_text_[0] == '\0' ? curl_easy_strerror(result_) : error_text_.data();
    // "OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number"
    constexpr std::string_view mark = "SSL routines::";
    if (const std::size_t at = detail.find(mark); at != std::string::npos) {
        detail.erase(0, at + mark.size());
    }
    if (!secured) {
        return "TLS handshake with " + peer + " failed: " + detail;
    }
    if (request_.http2 && header_bytes_ == 0 &&
        (result_ == CURLE_GOT_NOTHING || result_ == CURLE_HTTP2 || result_ == CURLE_PARTIAL_FILE)) {
        return peer + " gave no answer by HTTP/2: perhaps it speaks HTTP/1.1 only" +
               (target_.tls ? "" : ", or begins with TLS");
    }
    switch (result_) {
        case CURLE_OK:
        case CURLE_GOT_NOTHING:
            return peer + (header_bytes_ == 0 ? " closed the connection without an answer"
                                              : " closed the connection in the middle of its answer's header");
        case CURLE_PARTIAL_FILE:
            return peer +
                   " closed the connection in the middle of its answer's body: " + std::to_string(response_.bytes) +
                   " bytes came";
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
            if (error == 0) {
                return "the answer of " + peer + " is malformed: " + detail;
            }
            return "connection to " + peer + " broken" +
                   (header_bytes_ == 0 ? " before an answer came: " : " in the middle of the answer: ") +
                   std::strerror(static_cast<int>(error));
        case CURLE_COULDNT_CONNECT:
            // We connected; the peer took it back before curl could send, and curl drops the socket's own error.
            return "connection to " + peer +
                   " broken before an answer came: " + std::strerror(error == 0 ? ECONNRESET : static_cast<int>(error));
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_WEIRD_SERVER_REPLY: return peer + " answered with something that is not HTTP";
        default: return "HTTP with " + peer + " failed: " + detail;
    }
}

}  // namespace

Task<tl::expected<HttpResponse, Trouble>> exchange_http(Engine& engine, HttpMulti& multi, const HttpRequest& request,
                                                        const HttpTarget& target, Connected connected,
                                                        TimePoint deadline) {
    Transfer transfer(engine, multi, request, target, std::move(connected));
    co_return co_await transfer.run(deadline);
}

}  // namespace slimtax::probes
