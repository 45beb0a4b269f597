// A private PostgreSQL that is ready: its port accepts a moment before its database does.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/probes/campus_server.hpp"

namespace slimtax::probes {

class PostgresServer : public CampusServer {
public:
    explicit PostgresServer(const std::vector<std::string>& options = {}) : CampusServer("postgres", options) {
        const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (read("log").find("ready to accept connections") == std::string::npos) {
            if (std::chrono::steady_clock::now() > patience) {
                throw std::runtime_error("postgres did not get ready: " + read("log"));
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }
};

}  // namespace slimtax::probes
