// Real servers of the campus, each private to one test: started through deploy/campus/serve, stopped with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace slimtax::probes {

/// A folder that goes away with it.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// A TCP port of 127.0.0.1 that was free a moment ago.
[[nodiscard]] std::uint16_t free_port();

/// The folder of certificates.hpp, for a server's option `certificates=`.
[[nodiscard]] std::string certificates();

class CampusServer {
public:
    /// Starts `serve KIND DIR port=… OPTION…` and waits until the port accepts; throws with the server's log when it
    /// does not.
    CampusServer(const std::string& kind, const std::vector<std::string>& options = {});
    /// Stops it and waits until it has ended.
    ~CampusServer();
    CampusServer(const CampusServer&) = delete;
    CampusServer& operator=(const CampusServer&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::string port_text() const { return std::to_string(port_); }
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
    /// What a file of the server's folder holds.
    [[nodiscard]] std::string read(const std::string& name) const;

    /// Stops every process of the server where it is: it accepts, and says nothing.
    void freeze() const;
    void thaw() const;

private:
    TemporaryFolder folder_;
    std::uint16_t port_;
    pid_t pid_ = -1;
};

}  // namespace slimtax::probes
