// Measures how exact the response times of HttpClient are: a server that answers after a known delay, header and
// body apart, and the difference between that and what the client reports. Run by hand:
//
//   http_bench COUNT [IN-FLIGHT]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <sys/prctl.h>

#include "probes/io/http_client.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace {

using namespace std::chrono_literals;
using namespace slimtax::probes;

constexpr auto header_delay = 20ms;
constexpr auto body_delay = 30ms;

void wait_exactly(std::chrono::steady_clock::time_point until) {
    std::this_thread::sleep_until(until);
}

void serve(ScriptedConnection& connection) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    connection.read_until("\r\n\r\n");
    const auto start = std::chrono::steady_clock::now();
    wait_exactly(start + header_delay);
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    wait_exactly(start + header_delay + body_delay);
    connection.send("half");
}

Task<void> fetch_some(Engine& engine, std::string url, std::size_t count, std::vector<double>& errors) {
    for (std::size_t i = 0; i < count; ++i) {
        HttpRequest request("GET", url);
        const auto response = co_await engine.http().fetch(std::move(request), Loop::now() + 10s);
        if (response) {
            const auto error = response->times.total() - (header_delay + body_delay);
            errors.push_back(std::chrono::duration<double, std::micro>(error).count());
        }
    }
}

}  // namespace

int main(int argument_count, char** arguments) {
    const std::size_t count = argument_count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 200;
    const std::size_t in_flight = argument_count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 1;
    Engine engine;
    std::vector<double> errors;
    const ScriptedServer server(serve);
    std::size_t running = in_flight;
    for (std::size_t i = 0; i < in_flight; ++i) {
        engine.loop().spawn(
            fetch_some(engine, "http://127.0.0.1:" + std::to_string(server.port()) + "/", count / in_flight, errors),
            [&](std::exception_ptr) {
                if (--running == 0) {
                    engine.loop().stop();
                }
            });
    }
    engine.loop().run();
    if (errors.empty()) {
        std::printf("no answers\n");
        return 1;
    }
    std::ranges::sort(errors);
    const auto at = [&](double share) {
        return errors[static_cast<std::size_t>(share * static_cast<double>(errors.size() - 1))];
    };
    std::printf(
        "%zu answers, %zu in flight: reported minus known p50 %.0f us, p90 %.0f us, p99 %.0f us, least %.0f us\n",
        errors.size(), in_flight, at(0.5), at(0.9), at(0.99), at(0));
    return 0;
}
