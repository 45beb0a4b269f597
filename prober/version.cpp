#include "prober/version.hpp"

namespace slimtax::prober {

std::string_view version() {
    return SLIMTAX_VERSION;
}

}  // namespace slimtax::prober
