// A spool whose files a crash, a power cut or a bad disk left damaged.
#include "prober/segment.hpp"
#include "tests/unit/prober/spool_room.hpp"

using namespace slimtax;
using namespace slimtax::prober;

namespace {

/// A folder with one segment of `count` records, closed.
void make_one_segment(const std::filesystem::path& folder, int count) {
    const auto spool = open_spool(folder);
    append_numbered(*spool, 0, count);
}

}  // namespace

TEST_CASE("a truncated last record is ignored, not an error, wherever it was cut") {
    const Folder folder;
    make_one_segment(folder.path(), 3);
    const auto segment = segments(folder.path()).at(0);
    const std::string whole = read_file(segment);
    const std::size_t record = record_header_bytes + std::string("result 2").size();
    for (std::size_t cut = 1; cut <= record; ++cut) {
        CAPTURE(cut);
        write_file(segment, whole.substr(0, whole.size() - cut));
        const auto spool = open_spool(folder.path());
        CHECK(texts(spool->peek(10)) == numbered(0, 2));
        CHECK(spool->stats().damaged == 0);
    }
}

TEST_CASE("a segment cut inside its header, or empty, holds nothing and is cleared away") {
    for (const std::size_t size : {std::size_t{0}, std::size_t{7}, segment_header.size()}) {
        const Folder folder;
        make_one_segment(folder.path(), 1);
        const auto segment = segments(folder.path()).at(0);
        write_file(segment, read_file(segment).substr(0, size));
        const auto spool = open_spool(folder.path());
        CHECK(spool->peek(10).empty());
        CHECK(segments(folder.path()).empty());
        append_numbered(*spool, 0, 1);
        CHECK(texts(spool->peek(10)) == numbered(0, 1));
    }
}

TEST_CASE("a last record of zeros, as a power cut leaves it, is ignored") {
    const Folder folder;
    make_one_segment(folder.path(), 2);
    slimtax::tests::append_file(segments(folder.path()).at(0), std::string(4096, '\0'));
    const auto spool = open_spool(folder.path());
    CHECK(texts(spool->peek(10)) == numbered(0, 2));
    CHECK(spool->stats().damaged == 0);
}

TEST_CASE("any flipped bit costs the record it lies in, and no other") {
    const Folder folder;
    make_one_segment(folder.path(), 3);
    const auto segment = segments(folder.path()).at(0);
    const std::string whole = read_file(segment);
    const std::size_t record = record_header_bytes + std::string("result 0").size();
    for (std::size_t at = 0; at < 2 * record; ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            CAPTURE(at);
            std::string flipped = whole;
            flipped[segment_header.size() + at] = static_cast<char>(flipped[segment_header.size() + at] ^ (1 << bit));
            write_file(segment, flipped);
            const auto spool = open_spool(folder.path());
            auto expected = numbered(0, 3);
            expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(at / record));
            REQUIRE(texts(spool->peek(10)) == expected);
            REQUIRE(spool->stats().damaged == 1);
            REQUIRE(spool->stats().damaged_bytes == record);
        }
    }
}

TEST_CASE("damage is counted once, however often it is read over") {
    const Folder folder;
    make_one_segment(folder.path(), 3);
    const auto segment = segments(folder.path()).at(0);
    std::string bytes = read_file(segment);
    bytes[segment_header.size() + 5] = 'x';
    write_file(segment, bytes);
    const auto spool = open_spool(folder.path());
    for (int i = 0; i < 3; ++i) {
        CHECK(texts(spool->peek(10)) == numbered(1, 3));
    }
    CHECK(spool->stats().damaged == 1);
}

TEST_CASE("a record copied to another place does not pass for one") {
    const Folder folder;
    make_one_segment(folder.path(), 2);
    const auto segment = segments(folder.path()).at(0);
    const std::string whole = read_file(segment);
    write_file(segment, whole + whole.substr(segment_header.size()));
    CHECK(texts(open_spool(folder.path())->peek(10)) == numbered(0, 2));
}

TEST_CASE("a damaged note of what is confirmed means sending again, never losing") {
    const Folder folder;
    {
        const auto spool = open_spool(folder.path());
        append_numbered(*spool, 0, 4);
        spool->confirm(spool->peek(2).back().end);
    }
    const std::string note = read_file(folder / "confirmed");
    for (std::size_t at = 0; at < note.size(); ++at) {
        std::string damaged = note;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        write_file(folder / "confirmed", damaged);
        REQUIRE(texts(open_spool(folder.path())->peek(10)) == numbered(0, 4));
    }
    write_file(folder / "confirmed", note);
    CHECK(texts(open_spool(folder.path())->peek(10)) == numbered(2, 4));
}
