#include "tests/unit/probes/certificates.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <unistd.h>

namespace slimtax::probes {
namespace {

struct Folder {
    Folder() : path(std::filesystem::temp_directory_path() / ("slimtax-certificates-" + std::to_string(::getpid()))) {
        const std::string command = std::string(SLIMTAX_SOURCE_DIR) + "/deploy/campus/make-certificates '" +
                                    path.string() + "' >/dev/null 2>&1";
        if (std::system(command.c_str()) != 0) {  // NOLINT: one shell command, no threads yet
            throw std::runtime_error("deploy/campus/make-certificates failed");
        }
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::filesystem::path path;
};

}  // namespace

std::string certificate(const std::string& file) {
    static const Folder folder;
    return (folder.path / file).string();
}

}  // namespace slimtax::probes
