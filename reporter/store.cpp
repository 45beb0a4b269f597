#include "reporter/store.hpp"

namespace slimtax::reporter {
namespace {

StoreError keeps_none() {
    return {"this store keeps no record of amendments and reports", false};
}

}  // namespace

Stored<std::int64_t> Store::amend(const RecordedAmendment& /*amendment*/) {
    return tl::unexpected(keeps_none());
}

Stored<std::size_t> Store::issue(std::span<const IssuedFigure> /*figures*/) {
    return tl::unexpected(keeps_none());
}

Stored<std::vector<IssuedFigure>> Store::issued(const std::string& /*service*/, const std::string& /*objective*/,
                                                schemas::Instant /*from*/, schemas::Instant /*to*/) {
    return std::vector<IssuedFigure>();
}

}  // namespace slimtax::reporter
