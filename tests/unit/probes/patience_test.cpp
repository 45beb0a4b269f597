#include "probes/patience.hpp"

#include <doctest/doctest.h>

using namespace slimtax::probes;
using namespace std::chrono_literals;

TEST_CASE("a time-out's reason tells who did not do what, and how long it had") {
    const TimePoint began{};
    const Trouble trouble = ran_out("XMPP server im1:5222", "answer the roster request", {began, began + 10s});
    CHECK(trouble.kind == Trouble::Kind::timed_out);
    CHECK(trouble.reason == "XMPP server im1:5222 did not answer the roster request within 10 s");
}

TEST_CASE("the time that was left is said in the unit that fits") {
    const TimePoint began{};
    CHECK(Patience{began, began + 9999940us}.in_words() == "within 10 s");
    CHECK(Patience{began, began + 1500ms}.in_words() == "within 1.5 s");
    CHECK(Patience{began, began + 250ms}.in_words() == "within 250 ms");
    CHECK(Patience{began, began + 298ms}.in_words() == "within 300 ms");
    CHECK(Patience{began, began + 9985ms}.in_words() == "within 10 s");
    CHECK(Patience{began, began + 996ms}.in_words() == "within 1 s");
    CHECK(Patience{began, began + 12500ms}.in_words() == "within 12.5 s");
    CHECK(Patience{began, began + 7ms}.in_words() == "within 7 ms");
    CHECK(Patience{began, began + 100us}.in_words() == "within 1 ms");
    CHECK(Patience{began, began + 90s}.in_words() == "within 90 s");
    CHECK(Patience{began, began - 1s}.in_words() == "in the time left");
}

TEST_CASE("an awaited answer's time ends when it arrived, not when it was read") {
    const TimePoint began = Loop::now() - 1h;
    const Patience patience{began, began + 2h};
    CHECK(patience.spent_until(began + 7ms) == 7ms);
    CHECK(patience.spent_until(began - 7ms) >= 1h);  // it lay there already: until now
}

TEST_CASE("what a peer says is made fit for a sentence and loses its secrets") {
    CHECK(quotable("a\r\nb\tc\n") == "a  b c");
    CHECK(quotable("no hunter2 here: hunter2", "hunter2") == "no *** here: ***");
    CHECK(quotable("aaaa", "aa") == "******");
    CHECK(quotable("abcdefg", {}, 6) == "abc…");
    CHECK(quotable("aäbcd", {}, 5) == "a…");
    CHECK(quotable("") == "");
    CHECK(quotable("a\xff\x00z") == "a\xEF\xBF\xBD");  // the literal ends at its zero
    CHECK(quotable(std::string("a\0b", 3)) == "a b");
}
