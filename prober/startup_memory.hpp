// What only the start of the process needed.
#pragma once

namespace slimtax::prober {

/// Lets go of free heap, and of the pages of program and libraries that were only read: loading some forty libraries
/// and all roots of trust touches most of them, running checks touches few. What is needed again comes back from the
/// page cache, or from disk, by itself.
void give_back_startup_memory();

}  // namespace slimtax::prober
