// What the reporter's web server costs with many open event streams and ingest at once.
//
//   event-streams-bench ours|httplib [STREAMS] [SECONDS]        default 1000 streams, 10 s
//
// A server process (forked, so that its CPU and memory are its own) publishes an event each 100 ms to every stream, and
// takes POSTs of 100 results (protobuf, decoded; then 1 ms of waiting, as for a commit) from 4 connections. "httplib"
// is cpp-httplib (Debian libcpp-httplib-dev, only if it was there at compile time), which gives each connection a
// thread. The decision note 2026-11-21-http-server.md has the figures.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#ifdef SLIMTAX_HTTPLIB
#include <httplib.h>
#define HAVE_HTTPLIB 1
#endif

#include <fmt/format.h>

#include "reporter/http/server.hpp"
#include "schemas/result_wire.hpp"

namespace {

using namespace slimtax;
using std::chrono::steady_clock;

constexpr auto publish_every = std::chrono::milliseconds(100);
constexpr auto commit_takes = std::chrono::milliseconds(1);

std::int64_t clock_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now().time_since_epoch()).count();
}

std::size_t take(const std::string& body) {
    const auto batch = schemas::decode(body);
    std::this_thread::sleep_for(commit_takes);
    return batch ? batch->results.size() : 0;
}

void tell_port(int pipe_end, std::uint16_t port) {
    if (write(pipe_end, &port, sizeof port) != sizeof port) {
        _exit(1);
    }
}

[[noreturn]] void serve_ours(int pipe_end) {
    reporter::EventHub hub;
    reporter::HttpOptions options;
    options.port = 0;
    reporter::HttpServer server(options);
    server.events("/events", hub);
    reporter::RouteOptions ingest;
    ingest.body_limit = 10'000'000;
    server.route(
        "POST", "/in",
        [](const reporter::Request& request) {
            return reporter::Response::json(fmt::format("{{\"stored\":{}}}", take(request.body)));
        },
        ingest);
    tell_port(pipe_end, server.start().value());
    while (true) {
        std::this_thread::sleep_for(publish_every);
        hub.publish("changed", std::to_string(clock_us()));
    }
}

#ifdef HAVE_HTTPLIB
[[noreturn]] void serve_httplib(int pipe_end, std::size_t streams) {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t number = 0;
    std::string text;
    httplib::Server server;
    server.new_task_queue = [streams] { return new httplib::ThreadPool(streams + 16); };
    server.set_keep_alive_max_count(1'000'000'000);
    server.Get("/events", [&](const httplib::Request&, httplib::Response& response) {
        response.set_chunked_content_provider("text/event-stream", [&](std::size_t, httplib::DataSink& sink) {
            std::string mine;
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&, seen = number] { return number != seen; });
                mine = text;
            }
            return sink.write(mine.data(), mine.size());
        });
    });
    server.Post("/in", [](const httplib::Request& request, httplib::Response& response) {
        response.set_content(fmt::format("{{\"stored\":{}}}", take(request.body)), "application/json");
    });
    const int port = server.bind_to_any_port("127.0.0.1");
    std::thread([&] { server.listen_after_bind(); }).detach();
    tell_port(pipe_end, static_cast<std::uint16_t>(port));
    while (true) {
        std::this_thread::sleep_for(publish_every);
        {
            const std::lock_guard lock(mutex);
            ++number;
            text = fmt::format("event: changed\ndata: {}\n\n", clock_us());
        }
        changed.notify_all();
    }
}
#endif

int connected(std::uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        std::perror("connect");
        std::exit(1);
    }
    return descriptor;
}

std::string batch_request() {
    schemas::Batch batch{"noc-1", "noc", {}};
    for (int i = 0; i < 100; ++i) {
        schemas::RunResult run;
        run.key = {"portal", "pages", fmt::format("web-{}", i), "noc"};
        run.intended = run.started = schemas::Instant(std::chrono::seconds(1'795'000'000 + i));
        run.response = run.length = std::chrono::milliseconds(20);
        run.steps.push_back({"get", "http.get", schemas::Verdict::ok, {}, {}, run.response, {}, ""});
        batch.results.push_back(std::move(run));
    }
    const std::string body = schemas::encode(batch);
    return fmt::format(
        "POST /in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
        "Content-Length: {}\r\n\r\n{}",
        body.size(), body);
}

/// Posts until `end` over one connection; returns how often.
std::uint64_t post_until(std::uint16_t port, steady_clock::time_point end) {
    const int descriptor = connected(port);
    const std::string request = batch_request();
    std::uint64_t count = 0;
    char buffer[4096];
    while (steady_clock::now() < end) {
        std::string_view left = request;
        while (!left.empty()) {
            const ssize_t sent = send(descriptor, left.data(), left.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return count;
            }
            left.remove_prefix(static_cast<std::size_t>(sent));
        }
        std::string answer;
        while (answer.find("}") == std::string::npos) {
            const ssize_t length = recv(descriptor, buffer, sizeof buffer, 0);
            if (length <= 0) {
                return count;
            }
            answer.append(buffer, static_cast<std::size_t>(length));
        }
        ++count;
    }
    close(descriptor);
    return count;
}

/// Reads all streams until `end`; returns how late each event was, in microseconds.
std::vector<std::int64_t> listen_until(const std::vector<int>& streams, steady_clock::time_point end) {
    const int watch = epoll_create1(0);
    for (const int stream : streams) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = stream;
        epoll_ctl(watch, EPOLL_CTL_ADD, stream, &event);
    }
    std::vector<std::int64_t> late;
    std::vector<epoll_event> ready(streams.size());
    char buffer[4096];
    while (steady_clock::now() < end) {
        const int count = epoll_wait(watch, ready.data(), static_cast<int>(ready.size()), 100);
        for (int i = 0; i < count; ++i) {
            const ssize_t length = recv(ready[i].data.fd, buffer, sizeof buffer - 1, 0);
            if (length <= 0) {
                epoll_ctl(watch, EPOLL_CTL_DEL, ready[i].data.fd, nullptr);
                continue;
            }
            buffer[length] = '\0';
            const char* stamp = std::strstr(buffer, "data: ");
            if (stamp != nullptr) {
                late.push_back(clock_us() - std::atoll(stamp + 6));
            }
        }
    }
    close(watch);
    return late;
}

std::string status_line(pid_t process, const std::string& key) {
    std::ifstream status(fmt::format("/proc/{}/status", process));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(key)) {
            return line.substr(line.find_first_not_of(" \t", key.size()));
        }
    }
    return "?";
}

}  // namespace

int main(int argc, char** argv) {
    const std::string kind = argc > 1 ? argv[1] : "ours";
    const std::size_t stream_count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1000;
    const auto length = std::chrono::seconds(argc > 3 ? std::atoi(argv[3]) : 10);
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int ends[2];
    if (pipe(ends) != 0) {
        return 1;
    }
    const pid_t server = fork();
    if (server == 0) {
#ifdef HAVE_HTTPLIB
        if (kind == "httplib") {
            serve_httplib(ends[1], stream_count);
        }
#endif
        serve_ours(ends[1]);
    }
    std::uint16_t port = 0;
    if (read(ends[0], &port, sizeof port) != sizeof port) {
        return 1;
    }
    std::vector<int> streams;
    for (std::size_t i = 0; i < stream_count; ++i) {
        streams.push_back(connected(port));
        constexpr std::string_view request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
        if (send(streams.back(), request.data(), request.size(), 0) <= 0) {
            return 1;
        }
    }
    std::this_thread::sleep_for(std::chrono::seconds(2));
    const auto end = steady_clock::now() + length;
    std::atomic<std::uint64_t> posts{0};
    std::vector<std::thread> posters;
    for (int i = 0; i < 4; ++i) {
        posters.emplace_back([&] { posts += post_until(port, end); });
    }
    std::vector<std::int64_t> late = listen_until(streams, end);
    for (std::thread& poster : posters) {
        poster.join();
    }
    const std::string memory = status_line(server, "VmRSS:");
    const std::string threads = status_line(server, "Threads:");
    kill(server, SIGKILL);
    rusage usage{};
    wait4(server, nullptr, 0, &usage);
    const double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    std::sort(late.begin(), late.end());
    const auto at = [&](double share) {
        return late.empty()
                   ? -1.0
                   : static_cast<double>(late[static_cast<std::size_t>(share * static_cast<double>(late.size() - 1))]) /
                         1000;
    };
    fmt::print(
        "{:8} {} streams, {} s: {} events heard, late p50 {:.1f} ms p99 {:.1f} ms; {} posts of 100 results; "
        "server: {:.2f} s CPU, {} , {} threads\n",
        kind, stream_count, length.count(), late.size(), at(0.5), at(0.99), posts.load(), cpu, memory, threads);
}
