#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include <doctest/doctest.h>

#include "tests/unit/prober/folder.hpp"
#include "tests/unit/probes/run_operation.hpp"

using namespace slimtax;
using namespace slimtax::probes;
using namespace std::chrono_literals;
using slimtax::tests::Folder;
using slimtax::tests::write_file;
namespace fs = std::filesystem;

namespace {

// Of "hello\n", as sha256sum prints it.
const std::string hello_hash = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// A file that was written an hour before the test's noon.
class Sample {
public:
    Sample() {
        write_file(path(), "hello\n");
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(test_noon().time_since_epoch()).count();
        const timespec times[2] = {{seconds - 3600, 0}, {seconds - 3600, 0}};
        ::utimensat(AT_FDCWD, path().c_str(), times, 0);
        ::chmod(path().c_str(), 0640);
    }
    [[nodiscard]] std::string path() const { return (folder / "sample").string(); }

    StepRun check(Values values) {
        values.insert({"file", path()});
        return run_operation(engine, "file.check", values);
    }

    Folder folder;
    Engine engine;
};

}  // namespace

TEST_CASE("file.check: a file that is there leaves size, age, owner and mode") {
    Sample sample;
    const StepRun run = sample.check({});
    CHECK(run.verdict() == "ok");
    CHECK(run.flag("exists"));
    CHECK(run.number("size") == 6);
    CHECK(run.number("age") == 3600);
    CHECK(run.text("mode") == "0640");
    CHECK_FALSE(run.text("owner").empty());
    CHECK_FALSE(run.has("sha256"));
}

TEST_CASE("file.check: a missing file fails, and is what `exists = false` wants") {
    Sample sample;
    const std::string missing = sample.path() + ".no";
    const StepRun gone = sample.check({{"file", missing}});
    CHECK(gone.verdict() == "failed");
    CHECK(gone.outcome.reason == "there is no file " + missing);
    CHECK_FALSE(gone.flag("exists"));
    CHECK(sample.check({{"file", missing}, {"exists", false}}).verdict() == "ok");
    CHECK(sample.check({{"file", sample.path() + "/below"}}).verdict() == "failed");
    CHECK(sample.check({{"exists", false}}).outcome.reason == sample.path() + " is there: it must not be");
}

TEST_CASE("file.check: age, size, owner and mode beyond what they may be fail with both values") {
    Sample sample;
    const auto reason = [&](Values values) {
        const StepRun run = sample.check(std::move(values));
        return run.verdict() == "failed" ? run.outcome.reason.substr(sample.path().size() + 1) : run.verdict();
    };
    CHECK(reason({{"max_age", schemas::Duration(1h)}}) == "ok");
    CHECK(reason({{"max_age", schemas::Duration(59min)}}) == "was written 60 min ago, longer than 59min");
    CHECK(reason({{"min_size", std::string("6 B")}, {"max_size", std::string("6 B")}}) == "ok");
    CHECK(reason({{"min_size", std::string("1 kB")}}) == "has 6 bytes, less than 1 kB");
    CHECK(reason({{"max_size", std::string("5 B")}}) == "has 6 bytes, more than 5 B");
    CHECK(reason({{"max_size", std::string("5")}}) == "prober_fault");
    CHECK(reason({{"mode", std::string("640")}}) == "ok");
    CHECK(reason({{"mode", std::string("0600")}}) == "has the mode 0640, not 0600");
    CHECK(reason({{"mode", std::string("rw-r--")}}) == "prober_fault");
    CHECK(reason({{"owner", std::to_string(::geteuid())}, {"group", std::to_string(::getegid())}}) == "ok");
    CHECK(reason({{"owner", std::string("no-such-user")}}).ends_with("not 'no-such-user'"));
    CHECK(reason({{"group", std::string("no-such-group")}}).ends_with("not 'no-such-group'"));
}

TEST_CASE("file.check: content is compared by hash, with a given one and with a reference copy") {
    Sample sample;
    const StepRun same = sample.check({{"sha256", hello_hash}});
    CHECK(same.verdict() == "ok");
    CHECK(same.text("sha256") == hello_hash);
    const std::string zeros(64, '0');
    const StepRun other = sample.check({{"sha256", zeros}});
    CHECK(other.outcome.reason == sample.path() + " has the SHA-256 " + hello_hash + ", not " + zeros);
    const StepRun none = sample.check({{"sha256", std::string("00ff")}});  // nothing that the service did
    CHECK(none.verdict() == "prober_fault");
    CHECK(none.outcome.reason.starts_with("sha256: \"00ff\" is no SHA-256 hash"));

    const std::string copy = (sample.folder / "copy").string();
    CHECK(sample.check({{"same_as", copy}}).verdict() == "prober_fault");
    write_file(copy, "hello\n");
    CHECK(sample.check({{"same_as", copy}}).verdict() == "ok");
    write_file(copy, "hellO\n");
    const StepRun differs = sample.check({{"same_as", copy}});
    CHECK(differs.verdict() == "failed");
    CHECK(differs.outcome.reason == sample.path() + " differs from " + copy);
}

TEST_CASE("file.check: `match` looks at the beginning, and its quotation is fit for a sentence") {
    Sample sample;
    CHECK(sample.check({{"match", pattern("^hel+o$")}}).verdict() == "ok");
    write_file(sample.path(), std::string("\x01\xFFzz\0a", 6) + std::string(100'000, 'x') + "hello");
    const StepRun run = sample.check({{"match", pattern("hello")}});
    CHECK(run.verdict() == "failed");
    CHECK(run.outcome.reason.find("it begins with \" \xEF\xBF\xBDzz axxx") != std::string::npos);
}

TEST_CASE("file.check: a FIFO, a device and a folder are never opened") {
    Sample sample;
    const std::string fifo = (sample.folder / "fifo").string();
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(sample.check({{"file", fifo}}).verdict() == "ok");
    for (const std::string& path : {fifo, std::string("/dev/zero"), sample.folder.path().string()}) {
        const StepRun run = sample.check({{"file", path}, {"sha256", hello_hash}});
        CHECK(run.verdict() == "failed");
        CHECK(run.outcome.reason == path + " is no regular file, so it has no content to look at");
    }
    CHECK(sample.check({{"same_as", fifo}}).verdict() == "prober_fault");
}

TEST_CASE("file.check: a file that cannot be hashed in time is our fault, and holds nobody up") {
    Sample sample;
    fs::resize_file(sample.path(), 1ull << 40);  // sparse: it takes no room, and hours to hash
    const auto begun = std::chrono::steady_clock::now();
    const StepRun run =
        run_operation(sample.engine, "file.check", {{"file", sample.path()}, {"sha256", hello_hash}}, 300ms);
    CHECK(run.verdict() == "prober_fault");
    CHECK(run.outcome.reason.find("could not be") != std::string::npos);
    CHECK(std::chrono::steady_clock::now() - begun < 20s);
}

TEST_CASE("file.check: a link that leads round in a circle fails") {
    Sample sample;
    fs::create_symlink(sample.folder / "b", sample.folder / "a");
    fs::create_symlink(sample.folder / "a", sample.folder / "b");
    CHECK(sample.check({{"file", (sample.folder / "a").string()}}).verdict() == "failed");
}
