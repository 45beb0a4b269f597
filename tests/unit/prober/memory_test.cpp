#include "prober/memory.hpp"

#include <doctest/doctest.h>

#include "tests/unit/prober/folder.hpp"

using namespace slimtax;
using namespace slimtax::prober;
using slimtax::tests::Folder;
using slimtax::tests::write_file;

namespace {

const schemas::SeriesKey noc{"campus-im", "messages", "/var/log/im.log", "noc"};
const schemas::SeriesKey north{"campus-im", "messages", "/var/log/im.log", "north"};

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        files.push_back(entry.path());
    }
    return files;
}

}  // namespace

TEST_CASE("what a series remembers is there after a restart, and belongs to it alone") {
    const Folder folder;
    {
        Memories memories(folder / "memory");
        memories.of(noc).remember("position", "12 345");
        memories.of(noc).remember("other \"name\"\n", "tab\t");
        memories.of(noc).remember("position", "12 346");
    }
    Memories memories(folder / "memory");
    CHECK(memories.of(noc).recall("position") == "12 346");
    CHECK(memories.of(noc).recall("other \"name\"\n") == "tab\t");
    CHECK(!memories.of(noc).recall("nothing").has_value());
    CHECK(!memories.of(north).recall("position").has_value());
}

TEST_CASE("an unreadable file means a new beginning, not an error") {
    const Folder folder;
    Memories(folder.path()).of(noc).remember("position", "7");
    const auto files = files_in(folder.path());
    REQUIRE(files.size() == 1);
    const std::string whole = tests::read_file(files[0]);
    for (const std::string& damaged :
         {std::string(), std::string("{"), whole.substr(0, whole.size() / 2), std::string("[1]"),
          std::string(R"({"series":"another","values":{"position":"8"}})"), std::string(R"({"series":3})")}) {
        CAPTURE(damaged);
        write_file(files[0], damaged);
        Memories memories(folder.path());
        CHECK(!memories.of(noc).recall("position").has_value());
        memories.of(noc).remember("position", "9");
        CHECK(Memories(folder.path()).of(noc).recall("position") == "9");
    }
}

TEST_CASE("no half-written file is left behind") {
    const Folder folder;
    Memories memories(folder.path());
    for (int i = 0; i < 20; ++i) {
        memories.of(noc).remember("position", std::to_string(i));
    }
    CHECK(files_in(folder.path()).size() == 1);
}

TEST_CASE("without a folder to write to the values live on in the process") {
    const Folder folder;
    write_file(folder / "file", "");
    Memories memories(folder / "file");
    memories.of(noc).remember("position", "7");
    CHECK(memories.of(noc).recall("position") == "7");
}
