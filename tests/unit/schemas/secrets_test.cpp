#include "schemas/secrets.hpp"

#include <map>

#include <doctest/doctest.h>

#include "tests/unit/schemas/folder.hpp"

using namespace slimtax::schemas;
namespace fs = std::filesystem;

namespace {

Secrets::Environment environment_of(std::map<std::string, std::string> variables) {
    return [variables = std::move(variables)](const std::string& name) {
        const auto it = variables.find(name);
        return it == variables.end() ? std::nullopt : std::optional(it->second);
    };
}

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a secret comes from the environment, then the systemd credential, then the file") {
    const Folder credentials;
    const Folder files;
    credentials.write("im-probe", "of systemd\n");
    files.write("im-probe", "of the file");
    files.write("only.file", "two lines\nand a newline\n\n");
    const std::map<std::string, std::string> both{{"SLIMTAX_SECRET_IM_PROBE", "of the environment"},
                                                  {"CREDENTIALS_DIRECTORY", credentials.path()}};
    const std::map<std::string, std::string> systemd{{"CREDENTIALS_DIRECTORY", credentials.path()}};
    CHECK(Secrets(files.path(), environment_of(both)).find("im-probe") == "of the environment");
    CHECK(Secrets(files.path(), environment_of(systemd)).find("im-probe") == "of systemd");
    CHECK(Secrets(files.path(), environment_of({})).find("im-probe") == "of the file");
    CHECK(Secrets(files.path(), environment_of(systemd)).find("only.file") == "two lines\nand a newline\n");
}

TEST_CASE("a secret that is nowhere says where it was looked for") {
    const Folder files;
    const Secrets secrets(files.path(), environment_of({{"CREDENTIALS_DIRECTORY", "/nowhere"}}));
    const auto value = secrets.find("im-probe");
    REQUIRE_FALSE(value);
    CHECK(value.error() ==
          "the secret 'im-probe' is not there: looked for the environment variable SLIMTAX_SECRET_IM_PROBE, the file "
          "/nowhere/im-probe and the file " +
              (files.path() / "im-probe").string());
}

TEST_CASE("a secret file must be private, plain, and not empty") {
    const Folder files;
    files.write("open", "hush-hush", 0644);
    files.write("grouped", "hush-hush", 0640);
    files.write("empty", "\n");
    files.write("huge", std::string(100'000, 'x'));
    fs::create_directory(files.path() / "folder");
    const Secrets secrets(files.path(), environment_of({}));
    CHECK(holds(secrets.find("open").error(), "open to everybody"));
    CHECK_FALSE(holds(secrets.find("open").error(), "hush"));
    CHECK(secrets.find("grouped") == "hush-hush");
    CHECK(holds(secrets.find("empty").error(), "is empty"));
    CHECK(holds(secrets.find("huge").error(), "larger than"));
    CHECK(holds(secrets.find("folder").error(), "no plain file"));
}

TEST_CASE("a name cannot lead out of the directory") {
    const Folder files;
    files.write("a", "value");
    const Secrets secrets(files.path() / "below", environment_of({}));
    for (const std::string name : {"../a", "..", ".", "", "a/b", "/etc/passwd", "a b", "\xc3\xbc"}) {
        CAPTURE(name);
        CHECK(holds(secrets.find(name).error(), "cannot be a secret's name"));
    }
}

TEST_CASE("a changed file counts at once") {
    const Folder files;
    const Secrets secrets(files.path(), environment_of({}));
    files.write("token", "before");
    CHECK(secrets.find("token") == "before");
    files.write("token", "after");
    CHECK(secrets.find("token") == "after");
    CHECK(secrets.redactor().redact("before after") == "[secret] [secret]");
}

TEST_CASE("only secrets expand in a configuration") {
    const Secrets secrets(std::nullopt, environment_of({{"SLIMTAX_SECRET_TOKEN", "s3cret"}}));
    CHECK(secrets.expand_in("Bearer ${secret:token}") == "Bearer s3cret");
    CHECK(secrets.expand_in("plain") == "plain");
    CHECK(holds(secrets.expand_in("${target}").error(), "only ${secret:NAME}"));
    CHECK(holds(secrets.expand_in("${secret:other}").error(), "'other' is not there"));
}

TEST_CASE("every form of a secret is replaced, the longest first") {
    Redactor redactor;
    redactor.add("pass word+1");
    redactor.add("pass");
    redactor.add("q\"uote");
    redactor.add("");
    struct Row {
        std::string text;
        const char* redacted;
    };
    const Row rows[] = {
        {"nothing here", "nothing here"},
        {"bind with pass word+1 refused", "bind with [secret] refused"},
        {"pass", "[secret]"},
        {"passpass", "[secret][secret]"},
        {"?password=pass%20word%2B1&x", "?[secret]word=[secret]&x"},
        {"cGFzcyB3b3JkKzE=", "[secret]"},
        {"{\"p\": \"q\\\"uote\"}", "{\"p\": \"[secret]\"}"},
        {"", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK(redactor.redact(row.text) == row.redacted);
    }
}
