#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/probes/campus_server.hpp"
#include "tests/unit/probes/run_operation.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {
namespace {

using namespace std::chrono_literals;

std::string at(std::uint16_t port, const std::string& path = "/") {
    return "http://127.0.0.1:" + std::to_string(port) + path;
}

std::string answer(const std::string& body, const std::string& more = {}) {
    return "HTTP/1.1 200 OK\r\n" + more + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool mentions(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Serves what a test puts into `pages` (whole answers by path), and notes the requests' heads.
class Site {
public:
    Site()
        : server_([this](ScriptedConnection& connection) {
              const std::string head = connection.read_until("\r\n\r\n");
              const std::string path = head.substr(head.find(' ') + 1, head.find(" HTTP") - head.find(' ') - 1);
              std::string said;
              {
                  const std::lock_guard lock(mutex_);
                  heads.push_back(head);
                  said = pages.contains(path) ? pages[path] : "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
                  most_at_once = std::max(most_at_once, ++at_once_);
              }
              if (said == "hang") {
                  connection.hang();
                  return;
              }
              std::this_thread::sleep_for(pause);
              {
                  // Before the answer: the client may ask anew before this thread gets its next turn.
                  const std::lock_guard lock(mutex_);
                  --at_once_;
              }
              connection.send(said);
          }) {}

    [[nodiscard]] std::uint16_t port() const { return server_.port(); }

    std::map<std::string, std::string> pages;
    std::vector<std::string> heads;
    int most_at_once = 0;
    std::chrono::milliseconds pause{0};

private:
    std::mutex mutex_;
    int at_once_ = 0;
    ScriptedServer server_;
};

}  // namespace

TEST_CASE("http.page against nginx: the page and all that it links") {
    Engine engine;
    const CampusServer nginx("nginx");
    const StepRun run = run_operation(engine, "http.page", {{"url", at(nginx.port(), "/catalogue/")}});
    CHECK(run.outcome.reason == "");
    CHECK(run.number("status") == 200);
    CHECK(run.number("requests") == 5);
    CHECK(run.number("failed") == 0);
    CHECK(run.number("left_out") == 0);
    CHECK(run.number("bytes") > 3200);
    CHECK(run.number("time.page") > 0);
    CHECK(run.number("time.resources") > 0);
    CHECK(mentions(run.text("body"), "<title>Catalogue"));
    REQUIRE(run.report.measured.has_value());
    schemas::Duration sum{};
    std::string names;
    for (const schemas::Timing& timing : run.report.timings) {
        sum += timing.took;
        names += timing.name + " ";
    }
    CHECK(names == "lookup connect tls first_byte body resources ");
    CHECK(sum == *run.report.measured);
}

TEST_CASE("http.page names each part that is missing, or only counts them") {
    Engine engine;
    const CampusServer nginx("nginx");
    const std::string url = at(nginx.port(), "/catalogue/broken.html");
    const StepRun run = run_operation(engine, "http.page", {{"url", url}});
    const std::string server = "127.0.0.1:" + std::to_string(nginx.port());
    CHECK(run.verdict() == "failed");
    CHECK(run.outcome.reason == "the page of " + server + " lacks 1 of its 4 parts: " +
                                    at(nginx.port(), "/catalogue/static/lost.png") + " (" + server + " answered 404)");
    const StepRun allowed = run_operation(engine, "http.page", {{"url", url}, {"allow_missing", true}});
    CHECK(allowed.verdict() == "ok");
    CHECK(allowed.number("failed") == 1);
}

TEST_CASE("http.page: a page that is not right is not looked into") {
    Engine engine;
    Site site;
    site.pages["/"] = "HTTP/1.1 500 No\r\nContent-Length: 18\r\n\r\n<img src=logo.png>";
    const StepRun run = run_operation(engine, "http.page", {{"url", at(site.port())}});
    CHECK(run.verdict() == "failed");
    CHECK(mentions(run.outcome.reason, "answered 500 No, expected 2xx"));
    CHECK(site.heads.size() == 1);
    CHECK(run.number("requests") == 1);
}

TEST_CASE("http.page: six parts at a time from one server, and no more") {
    Engine engine;
    Site site;
    site.pause = 20ms;
    std::string page;
    for (int i = 0; i < 20; ++i) {
        const std::string path = "/" + std::to_string(i) + ".png";
        page += "<img src=" + path + ">";
        site.pages[path] = answer("x");
    }
    site.pages["/"] = answer(page);
    const StepRun run = run_operation(engine, "http.page", {{"url", at(site.port())}});
    CHECK(run.outcome.reason == "");
    CHECK(run.number("requests") == 21);
    CHECK(site.most_at_once <= 6);
    CHECK(site.most_at_once >= 2);
}

TEST_CASE("http.page: parts of other servers come too, without this one's password, headers and cookies") {
    Engine engine;
    Site site;
    Site other;
    site.pages["/"] = answer("<script src=/own.js></script><script src=" + at(other.port(), "/x.js") + "></script>",
                             "Set-Cookie: sid=1; Path=/\r\n");
    site.pages["/own.js"] = answer("1");
    other.pages["/x.js"] = "HTTP/1.1 302 Found\r\nLocation: /y.js\r\nContent-Length: 0\r\n\r\n";
    other.pages["/y.js"] = answer("2");
    const StepRun run = run_operation(engine, "http.page",
                                      {{"url", at(site.port())},
                                       {"user", "probe"},
                                       {"password", "pw"},
                                       {"headers", schemas::TextMap{{"X-Key", "k"}}}});
    CHECK(run.outcome.reason == "");
    REQUIRE(site.heads.size() == 2);
    CHECK(mentions(site.heads[1], "Authorization: Basic"));
    CHECK(mentions(site.heads[1], "X-Key: k"));
    CHECK(mentions(site.heads[1], "Cookie: sid=1"));
    REQUIRE(other.heads.size() == 2);
    for (const std::string& head : other.heads) {
        CHECK_FALSE(mentions(head, "Authorization"));
        CHECK_FALSE(mentions(head, "X-Key"));
    }
}

TEST_CASE("http.page: parts that hang, lie, break off or are endless each have their reason") {
    Engine engine;
    Site site;
    const RefusingPort closed;
    site.pages["/"] =
        answer("<img src=cut><img src=long><img src=junk><img src=http://127.0.0.1:" + std::to_string(closed.port()) +
               "/x><img src='http://[/'>");
    site.pages["/cut"] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123";
    site.pages["/long"] = answer(std::string(3000, 'x'));
    site.pages["/junk"] = "SMTP\r\n\r\n";
    const StepRun run =
        run_operation(engine, "http.page", {{"url", at(site.port())}, {"max_body", std::int64_t{2000}}});
    CHECK(run.verdict() == "failed");
    CHECK(run.number("failed") == 5);
    CHECK(mentions(run.outcome.reason, "lacks 5 of its 5 parts: "));
    for (const char* part : {"/cut (", "/long (", "/junk (", "refused)", "http://[/ ("}) {
        CAPTURE(run.outcome.reason);
        CHECK(mentions(run.outcome.reason, part));
    }
}

TEST_CASE("http.page: a part that hangs makes it a time-out that names the part") {
    Engine engine;
    Site site;
    site.pages["/"] = answer("<img src=slow><img src=good>");
    site.pages["/slow"] = "hang";
    site.pages["/good"] = answer("x");
    const StepRun run = run_operation(engine, "http.page", {{"url", at(site.port())}}, 300ms);
    CHECK(run.verdict() == "timeout");
    CHECK(mentions(run.outcome.reason, "lacks 1 of its 2 parts: " + at(site.port(), "/slow") + " ("));
}

TEST_CASE("http.page: the number of parts and their bytes are bounded") {
    Engine engine;
    Site site;
    std::string page;
    for (int i = 0; i < 40; ++i) {
        const std::string path = "/" + std::to_string(i);
        page += "<img src=" + path + ">";
        site.pages[path] = answer(std::string(1000, 'x'));
    }
    site.pages["/"] = answer(page);
    const StepRun few = run_operation(engine, "http.page", {{"url", at(site.port())}, {"most", std::int64_t{3}}});
    CHECK(few.outcome.reason == "");
    CHECK(few.number("requests") == 4);
    CHECK(few.number("left_out") == 37);
    const StepRun bounded =
        run_operation(engine, "http.page", {{"url", at(site.port())}, {"max_bytes", std::int64_t{5000}}});
    CHECK(bounded.verdict() == "failed");
    CHECK(bounded.number("bytes") < 20'000);
    CHECK(mentions(bounded.outcome.reason, "and "));
}

}  // namespace slimtax::probes
