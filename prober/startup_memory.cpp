#include "prober/startup_memory.hpp"

#include <cstdint>

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace slimtax::prober {
namespace {

/// The segments that nobody can write to hold what the file holds, so dropping their pages loses nothing. (But for a
/// debugger's break points, set before this.) Advice: that it may fail does not matter.
int drop_read_only_pages(dl_phdr_info* object, std::size_t, void*) {
    static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const ElfW(Phdr)& segment = object->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) {
            continue;
        }
        const std::uintptr_t from = (object->dlpi_addr + segment.p_vaddr) / page * page;
        const std::uintptr_t to = (object->dlpi_addr + segment.p_vaddr + segment.p_filesz) / page * page;
        if (to > from) {
            ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
        }
    }
    return 0;
}

/// True for a program whose loader wrote into read-only segments (DT_TEXTREL): none of ours, but some distribution's
/// build may be one.
int has_text_relocations(dl_phdr_info* object, std::size_t, void*) {
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const ElfW(Phdr)& segment = object->dlpi_phdr[i];
        if (segment.p_type != PT_DYNAMIC) {
            continue;
        }
        const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object->dlpi_addr + segment.p_vaddr);
        for (; entry->d_tag != DT_NULL; ++entry) {
            if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0)) {
                return 1;
            }
        }
    }
    return 0;
}

}  // namespace

void give_back_startup_memory() {
    ::malloc_trim(0);
    if (::dl_iterate_phdr(has_text_relocations, nullptr) == 0) {
        ::dl_iterate_phdr(drop_read_only_pages, nullptr);
    }
}

}  // namespace slimtax::prober
