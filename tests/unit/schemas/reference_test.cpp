#include "schemas/reference.hpp"

#include <array>

#include <doctest/doctest.h>

#include "tests/unit/schemas/fake_catalog.hpp"

using namespace slimtax::schemas;

namespace {
bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}
}  // namespace

TEST_CASE("the reference has a section for every operation, with parameters, defaults and outputs") {
    const std::string text = operations_reference(fake_catalog());
    for (const OperationInfo* info : fake_catalog()) {
        CHECK(holds(text, "\n## " + std::string(info->name) + "\n"));
    }
    CHECK(holds(text, "| `redirects` | whole number, 0 to 20 | `5` | How many at most. |\n"));
    CHECK(holds(text, "| `url` | text | the target | The address. |\n"));
    CHECK(holds(text, "| `port` | whole number, 1 to 65535 | **required** | The port. |\n"));
    CHECK(holds(text, "| `tls` | `none`, `starttls`, `ldaps` |  | Whether to encrypt. |\n"));
    CHECK(holds(text, "| `time.first_byte` | duration | Until the first byte. |\n"));
    CHECK(holds(text, "Needs a step [xmpp.login](#xmpplogin) before it"));
    CHECK(text.ends_with("|\n"));
}

TEST_CASE("a bar in a text does not end the table's cell") {
    static constexpr std::array parameters{Parameter{.name = "a", .fallback = "\"x|y\"", .help = "one | two"}};
    static constexpr OperationInfo info{.name = "x.y", .summary = "s", .parameters = parameters};
    const OperationInfo* const rows[] = {&info};
    CHECK(holds(operations_reference(rows), "| `a` | text | `\"x\\|y\"` | one \\| two |\n"));
}
