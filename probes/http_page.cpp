// http.page: a page with the style sheets, scripts and pictures that it links, fetched in parallel as a browser does.
#include <algorithm>
#include <deque>
#include <map>

#include <fmt/format.h>

#include "probes/html_links.hpp"
#include "probes/http_step.hpp"
#include "probes/io/engine.hpp"
#include "probes/io/http_transfer.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {
namespace {

using schemas::Output;
using schemas::OutputType;
using schemas::Parameter;
using schemas::ParameterType;

constexpr std::size_t connections_per_host = 6;  // as browsers have it for HTTP/1.1
constexpr std::size_t most_connections = 64;     // in all: a page may name a hundred hosts
constexpr int redirects_of_a_part = 5;
constexpr std::size_t most_named = 5;  // in a reason

constexpr Parameter parameters[] = {
    SLIMTAX_HTTP_PARAMETERS,
    {.name = "most",
     .type = ParameterType::integer,
     .fallback = "100",
     .help = "Fetch at most so many of the parts that the page links.",
     .least = 0,
     .most = 1000},
    {.name = "max_bytes",
     .type = ParameterType::integer,
     .fallback = "50000000",
     .help = "Page and parts of more bytes than this together are a failure.",
     .least = 1,
     .most = 1'000'000'000'000},
    {.name = "allow_missing",
     .type = ParameterType::boolean,
     .fallback = "false",
     .help = "Whether parts that cannot be fetched are only counted; otherwise they are a failure."},
};

constexpr Output outputs[] = {
    {"status", OutputType::number, "The status of the page."},
    {"body", OutputType::text, "The page itself, at most its first 1 MB."},
    {"url", OutputType::text, "The address that answered, after redirects."},
    {"headers", OutputType::text, "The headers of the page, a line each, names in lower case; for header(\"name\")."},
    {"requests", OutputType::number, "How many addresses were asked for, the page's included."},
    {"bytes", OutputType::number, "The length of page and parts."},
    {"failed", OutputType::number, "How many parts could not be fetched."},
    {"left_out", OutputType::number, "How many parts were not fetched because of 'most'."},
    {"time.page", OutputType::duration, "The time of the page itself."},
    {"time.resources", OutputType::duration, "From the page's end to the end of its last part."},
    {"time.server", OutputType::duration, "The server's own time for the page as it states it (header Server-Timing)."},
};

// What went wrong with a part.
struct Missing {
    std::string url;
    std::string why;
};

// The parts' fetches. Shared by the workers, which may outlive the step by some milliseconds.
class Parts : public std::enable_shared_from_this<Parts> {
public:
    Parts(Engine& engine, HttpRequest pattern, std::string page_peer, std::uint64_t bytes_left, TimePoint deadline)
        : engine_(engine),
          pattern_(std::move(pattern)),
          page_peer_(std::move(page_peer)),
          bytes_left_(bytes_left),
          deadline_(deadline),
          all_done_(engine.loop()) {}

    void add(const std::string& url) {
        const auto target = parse_http_url(url);
        if (!target) {
            missing_.push_back({url, target.error()});
            return;
        }
        waiting_[target->peer()].push_back(url);
    }

    // Returns when every part has come or failed; false when the loop was shut down meanwhile.
    Task<bool> fetch_all() {
        for (auto& [peer, queue] : waiting_) {
            const std::size_t room = most_connections - std::min(workers_, most_connections);
            // A host beyond the room waits until others are done: their workers take its parts over.
            for (std::size_t i = 0; i < std::min({queue.size(), connections_per_host, room}); ++i) {
                ++workers_;
                ++connections_[peer];
                engine_.loop().spawn(work(shared_from_this(), peer), [](const std::exception_ptr&) {});
            }
        }
        if (workers_ > 0) {
            const Wake wake = co_await all_done_.wait(deadline_ + std::chrono::seconds(1));
            co_return wake != Wake::cancelled;
        }
        co_return true;
    }

    [[nodiscard]] const std::vector<Missing>& missing() const { return missing_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t asked() const { return asked_; }
    [[nodiscard]] const std::optional<Trouble>& ours() const { return ours_; }
    [[nodiscard]] bool late() const { return late_; }

private:
    static Task<void> work(std::shared_ptr<Parts> self, std::string peer) {
        while (auto url = self->next(peer)) {
            co_await self->fetch(std::move(*url));
        }
        --self->connections_[peer];
        if (--self->workers_ == 0) {
            self->all_done_.set();
        }
    }

    // The next part from this peer, or from another that has room; `peer` is then that one.
    std::optional<std::string> next(std::string& peer) {
        if (waiting_[peer].empty()) {
            for (auto& [other, queue] : waiting_) {
                if (!queue.empty() && connections_[other] < connections_per_host) {
                    --connections_[peer];
                    ++connections_[other];
                    peer = other;
                    break;
                }
            }
        }
        std::deque<std::string>& queue = waiting_[peer];
        if (queue.empty()) {
            return std::nullopt;
        }
        std::string url = std::move(queue.front());
        queue.pop_front();
        return url;
    }

    Task<void> fetch(std::string url) {
        if (bytes_left_ == 0) {
            missing_.push_back({std::move(url), "the page and its parts are longer than max_bytes"});
            co_return;
        }
        HttpRequest request = pattern_;
        request.url = url;
        request.max_body = std::min(request.max_body, bytes_left_);
        if (const auto target = parse_http_url(url); target && target->peer() != page_peer_) {
            request.user.clear();
            request.password.clear();
            request.headers.clear();
        }
        std::vector<std::string> cookies = cookies_;
        request.cookies = sends_cookies_ ? &cookies : nullptr;
        ++asked_;
        const auto response = co_await engine_.http().fetch(std::move(request), deadline_);
        if (!response) {
            late_ = late_ || response.error().kind == Trouble::Kind::timed_out;
            if (response.error().kind == Trouble::Kind::ours) {
                ours_ = response.error();
            }
            missing_.push_back({std::move(url), response.error().reason});
            co_return;
        }
        bytes_ += response->bytes;
        bytes_left_ -= std::min(bytes_left_, response->bytes);
        if (response->status < 200 || response->status > 299) {
            missing_.push_back({std::move(url), fmt::format("{} answered {}", response->server, response->status)});
        }
    }

public:
    /// Parts are asked for with the page's cookies; theirs are not kept.
    void send_cookies(const std::vector<std::string>& cookies) {
        cookies_ = cookies;
        sends_cookies_ = true;
    }

private:
    Engine& engine_;
    const HttpRequest pattern_;
    const std::string page_peer_;
    std::uint64_t bytes_left_;
    const TimePoint deadline_;
    Loop::Event all_done_;
    std::map<std::string, std::deque<std::string>> waiting_;  // by server
    std::map<std::string, std::size_t> connections_;
    std::size_t workers_ = 0;
    std::vector<std::string> cookies_;
    bool sends_cookies_ = false;
    std::vector<Missing> missing_;
    std::uint64_t bytes_ = 0;
    std::size_t asked_ = 0;
    std::optional<Trouble> ours_;
    bool late_ = false;
};

// "the page of www:80 lacks 2 of its 14 parts: http://www/a.css (www:80 answered 404), …"
std::string sentence(const std::string& server, const Parts& parts, std::size_t all) {
    std::string text = fmt::format("the page of {} lacks {} of its {} parts: ", server, parts.missing().size(), all);
    std::size_t named = 0;
    for (const Missing& missing : parts.missing()) {
        if (named == most_named) {
            text += fmt::format(" and {} more", parts.missing().size() - named);
            break;
        }
        text += fmt::format("{}{} ({})", named == 0 ? "" : ", ", quotable(missing.url, {}, 100),
                            quotable(missing.why, {}, 100));
        ++named;
    }
    return text;
}

std::shared_ptr<Parts> parts_of(const HttpResponse& page, StepContext& context) {
    const Arguments& arguments = context.arguments;
    HttpRequest pattern = http_request_of("GET", arguments);
    pattern.redirects = redirects_of_a_part;
    pattern.keep_body = 0;
    const auto most_bytes = static_cast<std::uint64_t>(arguments.integer("max_bytes"));
    const auto target = parse_http_url(page.url);
    auto parts = std::make_shared<Parts>(context.engine, std::move(pattern), target ? target->peer() : "",
                                         most_bytes - std::min(most_bytes, page.bytes), context.deadline);
    if (const auto* cookies = cookies_of(context)) {
        parts->send_cookies(*cookies);
    }
    return parts;
}

void leave_parts(const HttpResponse& page, const Parts& parts, std::size_t left_out, schemas::Duration took,
                 StepReport& report) {
    std::string headers;
    for (const auto& [name, value] : page.headers) {
        headers += name + ": " + value + "\n";
    }
    report.output("headers", std::move(headers));
    report.output("status", static_cast<double>(page.status));
    report.output("body", page.body);
    report.output("url", page.url);
    report.output("requests", static_cast<double>(1 + parts.asked()));
    report.output("bytes", static_cast<double>(page.bytes + parts.bytes()));
    report.output("failed", static_cast<double>(parts.missing().size()));
    report.output("left_out", static_cast<double>(left_out));
    report.output("time.page", schemas::to_seconds(page.times.total()));
    report.output("time.resources", schemas::to_seconds(took));
    report.timing("resources", took);
    report.response(page.times.total() + took);
    for (const Missing& missing : parts.missing()) {
        report.note(fmt::format("missing: {} ({})", quotable(missing.url, {}, 200), quotable(missing.why, {}, 200)));
    }
    report.note(fmt::format("{} parts asked for, {} bytes", parts.asked(), parts.bytes()));
}

Task<Outcome> run(StepContext& context) {
    const Arguments& arguments = context.arguments;
    HttpRequest request = http_request_of("GET", arguments);
    request.cookies = cookies_of(context);
    const auto page = co_await context.engine.http().fetch(std::move(request), context.deadline);
    if (!page) {
        co_return outcome_of(page.error());
    }
    leave_http_times(*page, context.report);
    Outcome judged = judge_http(*page, arguments);
    std::vector<std::string> links;
    if (judged.verdict == schemas::Verdict::ok) {
        links = page_parts(page->body, page->url);
    }
    const auto most = static_cast<std::size_t>(arguments.integer("most"));
    const std::size_t left_out = links.size() - std::min(links.size(), most);
    links.resize(links.size() - left_out);
    const std::shared_ptr<Parts> parts = parts_of(*page, context);
    for (const std::string& link : links) {
        parts->add(link);
    }
    const Patience patience = Patience::until(context.deadline);
    const bool undisturbed = co_await parts->fetch_all();
    leave_parts(*page, *parts, left_out, patience.spent(), context.report);
    if (judged.verdict != schemas::Verdict::ok) {
        co_return judged;
    }
    if (!undisturbed) {
        co_return outcome_of(Trouble::shut_down());
    }
    if (parts->ours()) {
        co_return outcome_of(*parts->ours());
    }
    if (parts->missing().empty() || arguments.flag("allow_missing")) {
        co_return Outcome::ok();
    }
    std::string reason = sentence(page->server, *parts, links.size());
    co_return parts->late() ? Outcome::timeout(std::move(reason)) : Outcome::failed(std::move(reason));
}

constexpr Operation rows[] = {
    {.info = {.name = "http.page",
              .levels = "A3",
              .summary = "fetches a page with the style sheets, scripts and pictures that it links, as a browser does",
              .parameters = parameters,
              .outputs = outputs,
              .target_parameter = "url",
              .example = "do     = \"http.page\"\n"
                         "url    = \"https://${target}/\"\n"
                         "within = \"3s\"\n"
                         "expect = 'requests < 60 and bytes < 3000000 and css(\"title\") contains \"Library\"'",
              .text_output = "body"},
     .run = run,
     .descriptors = 16},  // a page whose parts lie on more than two servers is rare
};

}  // namespace

std::span<const Operation> http_page_operations() {
    return rows;
}

}  // namespace slimtax::probes
