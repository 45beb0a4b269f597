// The judgement of a peer whose handshake a library has already finished, unjudged.
#pragma once

#include "probes/io/tls.hpp"

namespace slimtax::probes {

/// Judges by `check`, with the roots of `roots`, and fills it. False: nothing may be said over that connection, and
/// the check's reason says why.
[[nodiscard]] bool judge_finished(ssl_st* ssl, x509_store_st* roots, PeerCheck& check);

}  // namespace slimtax::probes
