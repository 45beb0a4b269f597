// Feeds mutated input to every parser of foreign bytes.
//
//   fuzz NAME|all [SECONDS] [SEED]      seconds for each target; 10 by default
//   fuzz NAME|all INPUTSx [SEED]        so many inputs for each; the same for the same seed
//   fuzz NAME FILE                      feeds one file, such as a crash's input
//
// In the fuzz preset the code is compiled with -fsanitize-coverage=trace-pc: an input that reaches new edges is kept
// and mutated further. In other presets the mutations are blind. The input under way lies in fuzz-input in the current
// directory when a sanitizer ends the program: see `save_input`.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/fuzz/fuzz.hpp"

namespace {

// One byte an edge, by the address that the instrumentation calls from. Plain C: what the callback called would be
// instrumented too, and call it again.
constexpr std::size_t most_edges = 1U << 16;
std::uint8_t edges[most_edges];
std::uintptr_t previous = 0;

}  // namespace

extern "C" __attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc() {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
    edges[(here ^ previous) & (most_edges - 1)] = 1;
    previous = here >> 1;
}

extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace slimtax::fuzz {
namespace {

std::mt19937_64 dice;
std::string current;

void save_input() {
    std::ofstream("fuzz-input", std::ios::binary) << current;
    std::fprintf(stderr, "the input is in ./fuzz-input (%zu bytes)\n", current.size());
}

std::string mutated(std::string text, const Target& target) {
    for (std::size_t turns = 1 + below(6); turns > 0; --turns) {
        const std::size_t at = below(text.size() + 1);
        switch (below(7)) {
            case 0: text.insert(at, target.pieces[below(target.pieces.size())]); break;
            case 1: text.erase(at, below(20)); break;
            case 2:
                if (at < text.size()) {
                    text[at] = static_cast<char>(dice());
                }
                break;
            case 3: text.insert(at, text.substr(below(text.size()), below(100))); break;
            case 4: {
                std::string repeated;
                const std::string piece = text.substr(below(text.size()), 1 + below(30));
                for (std::size_t i = below(400); i > 0; --i) {
                    repeated += piece;
                }
                text.insert(at, repeated);
                break;
            }
            case 5: {
                const std::string& other = target.seeds[below(target.seeds.size())];
                text.insert(at, other.substr(below(other.size())));
                break;
            }
            default: text.resize(at); break;
        }
    }
    return text.size() > 200'000 ? text.substr(0, 200'000) : text;
}

/// True when the latest input reached an edge for the first time.
bool reached_more(std::vector<std::uint8_t>& seen) {
    bool more = false;
    for (std::size_t i = 0; i < most_edges; ++i) {
        if (edges[i] > seen[i]) {
            seen[i] = edges[i];
            more = true;
        }
    }
    return more;
}

void fuzz(const Target& target, std::chrono::seconds time, std::uint64_t most_inputs) {
    std::vector<std::string> pool = target.seeds;
    std::vector<std::uint8_t> seen(most_edges);
    std::uint64_t inputs = 0;
    for (const std::string& seed : target.seeds) {
        current = seed;
        target.feed(current);
    }
    const auto end = std::chrono::steady_clock::now() + time;
    while (most_inputs > 0 ? inputs < most_inputs : std::chrono::steady_clock::now() < end) {
        for (int i = 0; i < 20; ++i, ++inputs) {
            current = mutated(pool[below(pool.size())], target);
            std::fill_n(edges, most_edges, 0);
            previous = 0;
            target.feed(current);
            if (reached_more(seen)) {
                pool.push_back(current);
            }
        }
    }
    const auto reached = std::ranges::count(seen, 1);
    std::printf("%-12s %10llu inputs, nothing broke; %zu kept, %lld edges%s\n", std::string(target.name).c_str(),
                static_cast<unsigned long long>(inputs), pool.size() - target.seeds.size(),
                static_cast<long long>(reached), reached == 0 ? " (not instrumented)" : "");
    std::fflush(stdout);
}

constexpr std::array all{&xml,         &scram,        &ldap, &dns,         &json,
                         &html,        &prometheus,   &logs, &definitions, &websocket_frames,
                         &grpc_health, &server_timing};

int usage() {
    std::fprintf(stderr,
                 "usage: fuzz NAME|all [SECONDS [SEED]] or fuzz NAME|all INPUTSx [SEED] or fuzz NAME FILE; names:");
    for (const Target* target : all) {
        std::fprintf(stderr, " %s", std::string(target->name).c_str());
    }
    std::fprintf(stderr, "\n");
    return 2;
}

}  // namespace

std::size_t below(std::size_t limit) {
    return limit == 0 ? 0 : static_cast<std::size_t>(dice() % limit);
}

void must(bool holds, const char* what, const std::string& input) {
    if (!holds) {
        std::fprintf(stderr, "broken: %s, for %zu bytes: %.2000s\n", what, input.size(), input.c_str());
        save_input();
        std::abort();
    }
}

int run(int count, char** arguments) {
    if (count < 2) {
        return usage();
    }
    const std::string name = arguments[1];
    std::vector<const Target*> chosen;
    std::ranges::copy_if(all, std::back_inserter(chosen),
                         [&](const Target* target) { return name == "all" || target->name == name; });
    if (chosen.empty()) {
        return usage();
    }
    __sanitizer_set_death_callback(save_input);
    if (std::ifstream file(count > 2 ? arguments[2] : "", std::ios::binary); file && chosen.size() == 1) {
        current.assign(std::istreambuf_iterator<char>(file), {});
        chosen[0]->feed(current);
        std::printf("%s took %zu bytes, nothing broke\n", name.c_str(), current.size());
        return 0;
    }
    const std::string length = count > 2 ? arguments[2] : "10";
    const int number = std::atoi(length.c_str());
    if (number <= 0) {
        return usage();
    }
    const bool counted = length.ends_with('x');
    const auto seed = count > 3 ? std::strtoull(arguments[3], nullptr, 10) : std::random_device()();
    std::printf("seed %llu, %d %s each\n", static_cast<unsigned long long>(seed), number, counted ? "inputs" : "s");
    for (const Target* target : chosen) {
        dice.seed(seed);
        fuzz(*target, std::chrono::seconds(number), counted ? static_cast<std::uint64_t>(number) : 0);
    }
    return 0;
}

}  // namespace slimtax::fuzz

int main(int count, char** arguments) {
    return slimtax::fuzz::run(count, arguments);
}
