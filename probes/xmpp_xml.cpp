#include "probes/xmpp_xml.hpp"

#include <algorithm>
#include <deque>

#include <expat.h>

// Expat 2.6 has it, and so have the security updates of Debian 12. Declared here, since older headers lack it; null
// where the library does.
extern "C" __attribute__((weak)) XML_Bool XML_SetReparseDeferralEnabled(XML_Parser parser, XML_Bool enabled);

namespace slimtax::probes::xmpp {

namespace {

// Never part of a namespace or a name.
constexpr char separator = '|';

struct FreeParser {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
};

Element element_named(const XML_Char* qualified) {
    const std::string_view whole(qualified);
    const auto at = whole.rfind(separator);
    Element element;
    element.name = whole.substr(at == std::string_view::npos ? 0 : at + 1);
    element.space = at == std::string_view::npos ? std::string_view{} : whole.substr(0, at);
    return element;
}

}  // namespace

const Element* Element::child(std::string_view space_wanted, std::string_view name_wanted) const {
    const auto it =
        std::ranges::find_if(children, [&](const Element& each) { return each.is(space_wanted, name_wanted); });
    return it == children.end() ? nullptr : &*it;
}

std::string_view Element::attribute(std::string_view name_wanted) const {
    const auto it = std::ranges::find(attributes, name_wanted, [](const auto& each) { return each.first; });
    return it == attributes.end() ? std::string_view{} : it->second;
}

std::string escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&apos;"; break;
            default:
                if (static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n' || c == '\r') {
                    out += c;
                }
        }
    }
    return out;
}

class StreamParser::Impl {
public:
    explicit Impl(const Limits& limits) : limits_(limits), parser_(XML_ParserCreateNS("UTF-8", separator)) {
        XML_SetUserData(parser_.get(), this);
        // Newer ones put off what is cut in the middle until more has come. Of a conversation no more comes: the server
        // waits for our answer.
        if (XML_SetReparseDeferralEnabled != nullptr) {
            XML_SetReparseDeferralEnabled(parser_.get(), XML_FALSE);
        }
        XML_SetElementHandler(
            parser_.get(),
            [](void* self, const XML_Char* name, const XML_Char** attributes) {
                static_cast<Impl*>(self)->start(name, attributes);
            },
            [](void* self, const XML_Char*) { static_cast<Impl*>(self)->end(); });
        XML_SetCharacterDataHandler(parser_.get(), [](void* self, const XML_Char* text, int length) {
            static_cast<Impl*>(self)->characters(std::string_view(text, static_cast<std::size_t>(length)));
        });
        XML_SetStartDoctypeDeclHandler(parser_.get(),
                                       [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
                                           static_cast<Impl*>(self)->refuse("a document type, which XMPP forbids");
                                       });
        XML_SetProcessingInstructionHandler(parser_.get(), [](void* self, const XML_Char*, const XML_Char*) {
            static_cast<Impl*>(self)->refuse("a processing instruction, which XMPP forbids");
        });
        XML_SetCommentHandler(parser_.get(), [](void* self, const XML_Char*) {
            static_cast<Impl*>(self)->refuse("a comment, which XMPP forbids");
        });
    }

    tl::expected<void, std::string> feed(std::string_view bytes) {
        // In pieces: what expat must hold unread, and look through again with each piece, stays small.
        while (error_.empty() && !bytes.empty()) {
            const std::string_view piece = bytes.substr(0, limits_.tag_bytes);
            bytes.remove_prefix(piece.size());
            unread_ += piece.size();
            stanza_bytes_ += piece.size();
            if (XML_Parse(parser_.get(), piece.data(), static_cast<int>(piece.size()), XML_FALSE) == XML_STATUS_ERROR &&
                error_.empty()) {
                error_ = XML_ErrorString(XML_GetErrorCode(parser_.get()));
            }
            if (unread_ > 2 * limits_.tag_bytes) {
                refuse("a tag that is too long");
            }
            if (stanza_bytes_ > limits_.stanza_bytes) {
                refuse("a stanza that is too large");
            }
        }
        if (!error_.empty()) {
            return tl::unexpected(error_);
        }
        return {};
    }

    std::optional<Element> take() {
        if (done_.empty()) {
            return std::nullopt;
        }
        Element element = std::move(done_.front());
        done_.pop_front();
        return element;
    }

    const Element* header() const { return header_ ? &*header_ : nullptr; }
    bool closed() const { return closed_; }

private:
    void start(const XML_Char* name, const XML_Char** attributes) {
        unread_ = 0;
        if (!error_.empty()) {
            return;  // expat may still deliver what was on its way when it was stopped
        }
        Element element = element_named(name);
        std::size_t names = element.space.size();
        for (; *attributes != nullptr; attributes += 2) {
            const auto& attribute = element.attributes.emplace_back(attributes[0], attributes[1]);
            names += attribute.first.size();
        }
        // A prefix of two letters can stand for a namespace of kilobytes: what it becomes counts.
        stanza_bytes_ += names;
        if (!header_) {
            header_ = std::move(element);
            stanza_bytes_ = 0;
            return;
        }
        if (static_cast<int>(open_.size()) >= limits_.depth) {
            return refuse("elements that are nested too deeply");
        }
        if (stanza_bytes_ > limits_.stanza_bytes + limits_.tag_bytes) {
            return refuse("a stanza that is too large");
        }
        if (++elements_ > limits_.elements) {
            return refuse("a stanza of too many elements");
        }
        // An open element's vector of children grows only while none of them is open: the pointers hold.
        if (open_.empty()) {
            stanza_ = std::move(element);
            open_.push_back(&stanza_);
        } else {
            open_.push_back(&open_.back()->children.emplace_back(std::move(element)));
        }
    }

    void end() {
        unread_ = 0;
        if (!error_.empty()) {
            return;
        }
        if (open_.empty()) {
            closed_ = true;
            return;
        }
        open_.pop_back();
        if (open_.empty()) {
            done_.push_back(std::move(stanza_));
            stanza_ = {};
            stanza_bytes_ = 0;
            elements_ = 0;
        }
    }

    void characters(std::string_view text) {
        unread_ = 0;
        if (!error_.empty()) {
            return;
        }
        if (!open_.empty()) {
            open_.back()->text += text;
        } else if (text.find_first_not_of(" \t\r\n") != std::string_view::npos) {
            refuse("text between stanzas");
        } else {
            stanza_bytes_ = 0;  // blanks between stanzas keep a connection alive
        }
    }

    void refuse(std::string what) {
        if (error_.empty()) {
            error_ = std::move(what);
            XML_StopParser(parser_.get(), XML_FALSE);
        }
    }

    Limits limits_;
    std::unique_ptr<std::remove_pointer_t<XML_Parser>, FreeParser> parser_;
    std::string error_;
    std::optional<Element> header_;
    bool closed_ = false;
    Element stanza_;
    std::vector<Element*> open_;  ///< the chain of open elements below the stream, outermost first
    std::deque<Element> done_;
    std::size_t unread_ = 0;        ///< bytes since expat last said anything
    std::size_t stanza_bytes_ = 0;  ///< bytes since the last stanza's end
    std::size_t elements_ = 0;
};

StreamParser::StreamParser() : StreamParser(Limits{}) {}
StreamParser::StreamParser(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
StreamParser::~StreamParser() = default;
StreamParser::StreamParser(StreamParser&&) noexcept = default;
StreamParser& StreamParser::operator=(StreamParser&&) noexcept = default;

tl::expected<void, std::string> StreamParser::feed(std::string_view bytes) {
    return impl_->feed(bytes);
}
std::optional<Element> StreamParser::take() {
    return impl_->take();
}
const Element* StreamParser::header() const {
    return impl_->header();
}
bool StreamParser::closed() const {
    return impl_->closed();
}

}  // namespace slimtax::probes::xmpp
