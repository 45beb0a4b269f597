// Operations as the registry describes them, cut down to what the definition tests use: schemas/ cannot see probes/.
#pragma once

#include "schemas/operation_info.hpp"

/// Lives as long as the program.
slimtax::schemas::Catalog fake_catalog();
