#include "reporter/ledger/combine.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace slimtax;
using namespace slimtax::reporter;
using namespace std::chrono_literals;
using schemas::Instant;
using schemas::Quorum;
using schemas::State;

namespace {

const Quorum any{Quorum::Rule::any, 1};
const Quorum majority{Quorum::Rule::majority, 1};
const Quorum all{Quorum::Rule::all, 1};
const Quorum two{Quorum::Rule::number, 2};
const Quorum nine{Quorum::Rule::number, 9};

State state_of(char letter) {
    return letter == '+'   ? State::up
           : letter == 's' ? State::degraded
           : letter == 'X' ? State::down
                           : State::unmeasured;
}
char letter_of(State state) {
    return std::string("+sX.")[static_cast<std::size_t>(state)];
}

Tally tally(const std::string& letters) {
    Tally result;
    for (const char letter : letters) {
        result.add(state_of(letter), 1);
    }
    return result;
}

/// One letter a minute, the same in all readings.
StateSpans spans(const std::string& letters) {
    StateSpans result;
    for (std::size_t i = 0; i < letters.size(); ++i) {
        const State state = state_of(letters[i]);
        const Instant at{static_cast<int>(i) * 60s};
        append(result, {at, at + 60s, state, state, state});
    }
    return result;
}

std::string letters_of(const StateSpans& spans) {
    std::string text;
    for (const StateSpan& span : spans) {
        text.append(static_cast<std::size_t>((span.to - span.from) / 60s), letter_of(span.nominal));
    }
    return text;
}

}  // namespace

TEST_CASE("locations vote: only the measured ones, by the objective's rule") {
    struct Row {
        const char* locations;
        char any, majority, all, two, nine;
    };
    // clang-format off
    const Row rows[] = {
        // locations   any  maj. all  two  nine (all there are)
        {"+",          '+', '+', '+', '+', '+'},
        {"X",          'X', 'X', 'X', 'X', 'X'},
        {"s",          's', 's', 's', 's', 's'},
        {".",          '.', '.', '.', '.', '.'},
        {"...",        '.', '.', '.', '.', '.'},
        {"++X",        'X', '+', '+', '+', '+'},
        {"+XX",        'X', 'X', '+', 'X', '+'},
        {"XXX",        'X', 'X', 'X', 'X', 'X'},
        {"+X",         'X', '+', '+', '+', '+'},  // half is not a majority
        {".X",         'X', 'X', 'X', '.', '.'},  // the unmeasured one could make it two
        {"..X",        'X', 'X', 'X', '.', '.'},
        {".+X",        'X', '+', '+', '.', '+'},
        {".++",        '+', '+', '+', '+', '+'},
        {".XX",        'X', 'X', 'X', 'X', '.'},
        {"+ss",        's', 's', '+', 's', '+'},
        {"+sX",        'X', 's', '+', 's', '+'},
        {"sXX",        'X', 'X', 's', 'X', 's'},
        {"ssX",        'X', 's', 's', 's', 's'},
    };
    // clang-format on
    for (const Row& row : rows) {
        CAPTURE(row.locations);
        CHECK(letter_of(vote(tally(row.locations), any)) == row.any);
        CHECK(letter_of(vote(tally(row.locations), majority)) == row.majority);
        CHECK(letter_of(vote(tally(row.locations), all)) == row.all);
        CHECK(letter_of(vote(tally(row.locations), two)) == row.two);
        CHECK(letter_of(vote(tally(row.locations), nine)) == row.nine);
    }
}

TEST_CASE("targets: as many must serve as are needed, and unmeasured ones are neither counted in nor out") {
    struct Row {
        const char* targets;
        char any, all, two;
    };
    // clang-format off
    const Row rows[] = {
        {"+",    '+', '+', '+'},
        {"X",    'X', 'X', 'X'},
        {"+X",   '+', 'X', 'X'},
        {"++X",  '+', 'X', '+'},
        {"+XX",  '+', 'X', 'X'},
        {"XXX",  'X', 'X', 'X'},
        {".",    '.', '.', '.'},
        {".X",   '.', 'X', 'X'},
        {".+",   '+', '.', '.'},
        {".+X",  '+', 'X', '.'},
        {"s",    's', 's', 's'},
        {"+s",   '+', 's', 's'},
        {"sX",   's', 'X', 'X'},
        {"sX+",  '+', 'X', 's'},
        {"s.",   's', '.', '.'},
    };
    // clang-format on
    for (const Row& row : rows) {
        CAPTURE(row.targets);
        CHECK(letter_of(serve(tally(row.targets), any)) == row.any);
        CHECK(letter_of(serve(tally(row.targets), all)) == row.all);
        CHECK(letter_of(serve(tally(row.targets), two)) == row.two);
    }
}

TEST_CASE("an objective over several probes is as bad as the worst, and unmeasured before degraded") {
    CHECK(all_of(tally("++")) == State::up);
    CHECK(all_of(tally("+s")) == State::degraded);
    CHECK(all_of(tally("s.")) == State::unmeasured);
    CHECK(all_of(tally("+.X")) == State::down);
}

TEST_CASE("of one population the worst that is known counts") {
    CHECK(worst_known(tally("..")) == State::unmeasured);
    CHECK(worst_known(tally(".+")) == State::up);
    CHECK(worst_known(tally(".+X")) == State::down);
}

TEST_CASE("more votes for worse never make it better, whatever the rule") {
    // All tallies of four voters against those with one of them a degree worse.
    for (const Quorum& rule : {any, majority, all, two, nine}) {
        for (int code = 0; code < 256; ++code) {
            std::string letters;
            for (int i = 0, rest = code; i < 4; ++i, rest /= 4) {
                letters += "+sX."[rest % 4];
            }
            for (std::size_t i = 0; i < 4; ++i) {
                if (letters[i] == '.' || letters[i] == 'X') {
                    continue;
                }
                std::string worse = letters;
                worse[i] = letters[i] == '+' ? 's' : 'X';
                CAPTURE(letters);
                CAPTURE(worse);
                CHECK((vote(tally(letters), rule) != State::down || vote(tally(worse), rule) == State::down));
                CHECK((serve(tally(letters), rule) != State::down || serve(tally(worse), rule) == State::down));
            }
        }
    }
}

TEST_CASE("series are combined at each instant: locations, then targets, then probes") {
    const StateSpans im1_noc = spans("++XXXX++");
    const StateSpans im1_lab = spans("+++XX+++");
    const StateSpans im2_noc = spans("++++XXX.");
    const StateSpans im2_lab = spans("XXX+XX+.");
    const std::vector<Member> members{{0, 0, &im1_noc}, {0, 0, &im1_lab}, {0, 1, &im2_noc}, {0, 1, &im2_lab}};
    const Instant to{8min};
    CHECK(letters_of(combine(members, {majority, any}, Instant{}, to)) == "++++X+++");
    CHECK(letters_of(combine(members, {majority, all}, Instant{}, to)) == "+++XXX+.");
    CHECK(letters_of(combine(members, {any, any}, Instant{}, to)) == "++X+XX++");
    const std::vector<Member> probes{{0, 0, &im1_noc}, {1, 0, &im2_noc}};
    CHECK(letters_of(combine(probes, {majority, any}, Instant{}, to)) == "++XXXXX.");
}

TEST_CASE("without members time is unmeasured") {
    CHECK(letters_of(combine({}, {majority, all}, Instant{}, Instant{3min})) == "...");
}

TEST_CASE("a location is at fault while all of its measured controls fail, and its results are blanked then") {
    const StateSpans one = spans("+XXX..X");
    const StateSpans other = spans("XX+X.XX");
    const std::vector<Stretch> stretches = faults({&one, &other});
    REQUIRE(stretches.size() == 3);
    CHECK(letters_of(blanked(spans("XXXXXXX"), stretches)) == "X.X.X..");
    CHECK(faults({}).empty());
}
