#include "tests/unit/probes/campus_server.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/probes/certificates.hpp"

namespace slimtax::probes {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool accepts(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return connected;
}

std::string slurp(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

// Runs a program of deploy/campus in a process group of its own, its output in `log`.
pid_t start(const std::vector<std::string>& words, const std::filesystem::path& log) {
    std::vector<char*> arguments;
    for (const std::string& word : words) {
        arguments.push_back(const_cast<char*>(word.c_str()));
    }
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // a test that crashes leaves no server behind
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(::open("/dev/null", O_RDONLY), 0);
        ::dup2(out, 1);
        ::dup2(out, 2);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }
    ::setpgid(child, child);
    return child;
}

const std::string campus = SLIMTAX_SOURCE_DIR "/deploy/campus/";

}  // namespace

TemporaryFolder::TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "slimtax-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), "mkdtemp");
    }
    path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    ::close(fd);
    return ntohs(address.sin_port);
}

std::string certificates() {
    return std::filesystem::path(certificate("ca.pem")).parent_path();
}

CampusServer::CampusServer(const std::string& kind, const std::vector<std::string>& options) : port_(free_port()) {
    std::vector<std::string> words{campus + "serve", kind, folder().string(), "port=" + port_text()};
    words.insert(words.end(), options.begin(), options.end());
    // sshd reads its user's keys as that user.
    std::filesystem::permissions(folder(), std::filesystem::perms::group_exec | std::filesystem::perms::others_exec,
                                 std::filesystem::perm_options::add);
    pid_ = start(words, folder() / "serve.log");
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!accepts(port_)) {
        if (::waitpid(pid_, nullptr, WNOHANG) == pid_ || std::chrono::steady_clock::now() > patience) {
            throw std::runtime_error(kind + " did not start: " + read("serve.log") + read("log"));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

CampusServer::~CampusServer() {
    thaw();
    ::kill(-pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
}

std::string CampusServer::read(const std::string& name) const {
    return slurp(folder() / name);
}

void CampusServer::freeze() const {
    ::kill(-pid_, SIGSTOP);
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);  // on a loaded machine it takes a while until every thread has stopped
}
void CampusServer::thaw() const {
    ::kill(-pid_, SIGCONT);
}

}  // namespace slimtax::probes
