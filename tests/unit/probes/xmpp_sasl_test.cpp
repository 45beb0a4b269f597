#include "probes/xmpp_sasl.hpp"

#include <doctest/doctest.h>

using namespace slimtax::probes::xmpp;

TEST_CASE("SCRAM-SHA-1 makes the messages of RFC 5802, section 5") {
    Scram exchange(ScramHash::sha1, "user", "fyko+d2lbbFgONRv9qkxdawL");
    CHECK(exchange.first_message() == "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    const auto salt = exchange.read_challenge("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
    REQUIRE(salt);
    CHECK(salt->iterations == 4096);
    CHECK(exchange.final_message(salted_password("pencil", *salt)) ==
          "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
    CHECK(exchange.check_signature("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="));
}

TEST_CASE("SCRAM-SHA-256 makes the messages of RFC 7677, section 3") {
    Scram exchange(ScramHash::sha256, "user", "rOprNGfwEbeRWgbNEkqO");
    const auto salt = exchange.read_challenge(
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    REQUIRE(salt);
    CHECK(exchange.final_message(salted_password("pencil", *salt)) ==
          "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
          "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    CHECK(exchange.check_signature("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));

    SUBCASE("a server that shows another signature, or none, is not believed") {
        CHECK(exchange.check_signature("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G8=").error() ==
              "did not prove that it knows the password (wrong SCRAM server signature)");
        CHECK(exchange.check_signature("v=").error() ==
              "did not prove that it knows the password (no SCRAM server signature)");
        CHECK_FALSE(exchange.check_signature(""));
        CHECK_FALSE(exchange.check_signature("e=other-error"));
        CHECK_FALSE(exchange.check_signature("v=!!!!"));
        CHECK_FALSE(exchange.check_signature("v=6rri"));
    }
}

TEST_CASE("a signature is not believed before our proof was made") {
    const Scram exchange(ScramHash::sha256, "user", "nonce");
    CHECK_FALSE(exchange.check_signature("v="));
    CHECK_FALSE(exchange.check_signature("v=AAAA"));
}

TEST_CASE("a challenge that lies or asks for too much is refused") {
    const auto complaint = [](std::string_view challenge) {
        Scram exchange(ScramHash::sha256, "user", "abc");
        const auto salt = exchange.read_challenge(challenge);
        return salt ? std::string() : salt.error();
    };
    CHECK(complaint("r=abcX,s=AAAA,i=1000000") == "");
    CHECK(complaint("") == "sent a SCRAM challenge without nonce, salt and iterations");
    CHECK(complaint("r=abcX,s=AAAA") == "sent a SCRAM challenge without nonce, salt and iterations");
    CHECK(complaint("r=abdX,s=AAAA,i=4096") == "sent a SCRAM challenge that does not continue our nonce");
    CHECK(complaint("r=abc,s=AAAA,i=4096") == "sent a SCRAM challenge that does not continue our nonce");
    CHECK(complaint("r=abcX,s=A,i=4096") == "sent a SCRAM challenge whose salt is not base64");
    CHECK(complaint("r=abcX,s=A,i=4096,x=1") == "sent a SCRAM challenge whose salt is not base64");
    CHECK(complaint("m=ext,r=abcX,s=AAAA,i=4096") == "asked for a SCRAM extension that is not known");
    const std::string bounds = "asked for a number of SCRAM iterations that is not between 1 and 1000000";
    for (const char* iterations : {"0", "-1", "1000001", "99999999999999999999", "4096x", "x"}) {
        CHECK(complaint("r=abcX,s=AAAA,i=" + std::string(iterations)) == bounds);
    }
}

TEST_CASE("a user's name with a comma or an equals sign is escaped") {
    CHECK(Scram(ScramHash::sha256, "a=b,c", "N").first_message() == "n,,n=a=3Db=2Cc,r=N");
}

TEST_CASE("PLAIN is no authorisation name, user and password between zero bytes") {
    CHECK(plain_message("u", "p") == std::string("\0u\0p", 4));
}

TEST_CASE("base64 goes both ways and refuses what it is not") {
    for (const std::string_view text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
        CHECK(from_base64(base64(text)) == std::string(text));
    }
    CHECK(base64("fooba") == "Zm9vYmE=");
    for (const char* bad : {"A", "AAA", "AA=A", "====", "A===", "AAA*", "AAAA ", " AAA", "AA\nA"}) {
        CAPTURE(bad);
        CHECK_FALSE(from_base64(bad));
    }
}

TEST_CASE("nonces are long, printable and never the same") {
    const std::string one = make_nonce();
    CHECK(one.size() == 24);
    CHECK(one.find(',') == std::string::npos);
    CHECK(one != make_nonce());
}
