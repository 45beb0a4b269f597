#include "reporter/store/bytes.hpp"

namespace slimtax::reporter {

std::uint64_t DictionaryWriter::number_of(std::string_view text) {
    if (text.empty()) {
        return 0;
    }
    const auto [at, added] = numbers_.try_emplace(text, texts_.size() + 1);
    if (added) {
        texts_.push_back(text);
    }
    return at->second;
}

std::string DictionaryWriter::take() {
    ByteWriter out;
    out.varint(texts_.size());
    for (const std::string_view text : texts_) {
        out.text(text);
    }
    return out.take();
}

DictionaryReader::DictionaryReader(std::string_view bytes) {
    if (bytes.empty()) {
        return;  // no column, no texts
    }
    ByteReader in(bytes);
    const std::size_t count = in.count();
    texts_.reserve(count);
    for (std::size_t i = 0; i < count && in.good(); ++i) {
        texts_.push_back(in.text());
    }
    good_ = in.good();
}

std::string_view DictionaryReader::text(std::uint64_t number) {
    if (number == 0) {
        return {};
    }
    if (number > texts_.size()) {
        good_ = false;
        return {};
    }
    return texts_[number - 1];
}

}  // namespace slimtax::reporter
