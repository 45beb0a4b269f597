// json("/items/0/id"): the text is read value by value, and no tree is built; the search ends where the value is.
#include <cmath>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "probes/extract.hpp"
#include "probes/patience.hpp"

namespace slimtax::probes {
namespace {

using nlohmann::json;
using schemas::OutputValue;

constexpr std::size_t deepest = 256;

// What nlohmann's reader tells; false ends the reading.
class PointerSearch final : public nlohmann::json_sax<json> {
public:
    PointerSearch(const std::vector<std::string>& pointer, std::string_view written)
        : pointer_(pointer), written_(written) {}

    bool null() override {
        return value([this] { trouble_ = fmt::format("{} is null", shown()); });
    }
    bool boolean(bool flag) override {
        return value([&] { found_ = flag; });
    }
    bool number_integer(number_integer_t number) override {
        return value([&] { found_ = exact(number); });
    }
    bool number_unsigned(number_unsigned_t number) override {
        return value([&] { found_ = exact(number); });
    }
    bool number_float(number_float_t number, const string_t& /*text*/) override {
        return value([&] { found_ = number; });
    }
    bool string(string_t& text) override {
        return value([&] { found_ = std::move(text); });
    }
    bool binary(binary_t& /*bytes*/) override { return true; }

    bool start_object(std::size_t /*elements*/) override { return open(false); }
    bool start_array(std::size_t /*elements*/) override { return open(true); }
    bool key(string_t& name) override {
        Container& inside = open_.back();
        inside.wanted = inside.on_path && name == pointer_[open_.size() - 1];
        return true;
    }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool parse_error(std::size_t position, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*error*/) override {
        trouble_ = fmt::format("the answer is no JSON: it is wrong at byte {}", position);
        return false;
    }

    tl::expected<OutputValue, std::string> result() {
        if (found_) {
            return std::move(*found_);
        }
        return tl::unexpected(!trouble_.empty() ? trouble_ : fmt::format("there is no {} in the answer", shown()));
    }

private:
    struct Container {
        bool array = false;
        bool on_path = false;   // the pointer leads into it
        bool wanted = false;    // object: the pointer leads to the value that comes next
        std::size_t index = 0;  // array: of the value that comes next
    };

    // A whole number beyond 2^53, as ids are, stays what it is as a text.
    template <class Number>
    static OutputValue exact(Number number) {
        const auto as_double = static_cast<double>(number);
        return std::abs(as_double) <= 9007199254740992.0 ? OutputValue(as_double) : OutputValue(std::to_string(number));
    }

    // Whether the pointer leads to or through the value that begins now.
    [[nodiscard]] bool led_here() const {
        if (open_.empty()) {
            return true;
        }
        const Container& inside = open_.back();
        return inside.array ? inside.on_path && pointer_[open_.size() - 1] == std::to_string(inside.index)
                            : inside.wanted;
    }

    template <class Take>
    bool value(const Take& take) {
        const bool target = led_here() && open_.size() == pointer_.size();
        if (target) {
            take();
        }
        passed();
        return !target;
    }

    bool open(bool array) {
        const bool here = led_here();
        if (here && open_.size() == pointer_.size()) {
            trouble_ = fmt::format("{} is {}, not a single value", shown(), array ? "an array" : "an object");
            return false;
        }
        if (open_.size() == deepest) {
            trouble_ = fmt::format("the JSON of the answer is nested deeper than {} levels", deepest);
            return false;
        }
        open_.push_back({array, here, false, 0});
        return true;
    }

    bool close() {
        open_.pop_back();
        passed();
        return true;
    }

    void passed() {
        if (!open_.empty()) {
            ++open_.back().index;
            open_.back().wanted = false;
        }
    }

    [[nodiscard]] std::string shown() const { return pointer_.empty() ? "value" : std::string(written_); }

    const std::vector<std::string>& pointer_;
    std::string_view written_;
    std::vector<Container> open_;
    std::optional<OutputValue> found_;
    std::string trouble_;
};

}  // namespace

tl::expected<OutputValue, std::string> find_in_json(std::string_view text, const std::vector<std::string>& pointer,
                                                    std::string_view written) {
    PointerSearch search(pointer, written);
    json::sax_parse(text.begin(), text.end(), &search);
    return search.result();
}

}  // namespace slimtax::probes
