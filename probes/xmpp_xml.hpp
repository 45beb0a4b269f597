// XMPP's XML (RFC 6120 §11): a stream is one endless document, whose children are taken one by one. Everything
// is bounded, since a server may be broken or hostile: depth, bytes and elements of a stanza, length of a tag.
// Document types, and with them entities, comments and processing instructions are refused, as the RFC demands.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace slimtax::probes::xmpp {

/// An element with all that it holds.
struct Element {
    std::string space;                                            ///< namespace
    std::string name;                                             ///< without prefix
    std::vector<std::pair<std::string, std::string>> attributes;  ///< qualified ones as "namespace|name"
    std::string text;                                             ///< character data directly inside, joined
    std::vector<Element> children;

    [[nodiscard]] bool is(std::string_view space_wanted, std::string_view name_wanted) const {
        return name == name_wanted && space == space_wanted;
    }
    /// The first child of that name, or null.
    [[nodiscard]] const Element* child(std::string_view space_wanted, std::string_view name_wanted) const;
    /// Empty when there is none.
    [[nodiscard]] std::string_view attribute(std::string_view name_wanted) const;
};

/// Text for element content and attribute values; characters that XML cannot carry are dropped.
[[nodiscard]] std::string escape(std::string_view text);

/// Reads one stream. After a restart (TLS, SASL) a new parser is needed: what an old one still holds came
/// before the restart and must not be believed.
class StreamParser {
public:
    struct Limits {
        std::size_t stanza_bytes = 4 << 20;  ///< a roster of 30,000 is about 4 MB
        std::size_t tag_bytes = 16 << 10;
        std::size_t elements = 100'000;  ///< of one stanza
        int depth = 24;
    };

    StreamParser();
    explicit StreamParser(const Limits& limits);
    ~StreamParser();
    StreamParser(StreamParser&&) noexcept;
    StreamParser& operator=(StreamParser&&) noexcept;

    /// Reads on. The error says what is wrong with the bytes ("a document type, which XMPP forbids"); it is kept
    /// and given again by every later call.
    [[nodiscard]] tl::expected<void, std::string> feed(std::string_view bytes);

    /// The next complete child of the stream, or nothing yet.
    [[nodiscard]] std::optional<Element> take();

    /// The stream's start tag, or null before it came.
    [[nodiscard]] const Element* header() const;

    /// The end tag has come.
    [[nodiscard]] bool closed() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace slimtax::probes::xmpp
