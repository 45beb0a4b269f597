// A mail server that a test commands: takes messages and keeps them, unless it is told to do something else.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "schemas/mail_settings.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::reporter::testing {

class ScriptedMail {
public:
    /// What to answer to a line of the client: "" as a good server does, "close", "hang", "reset", else these words.
    /// The first line is "(connected)", the end of a message "(message)"; `connection` counts from 1.
    using Script = std::function<std::string(const std::string& line, int connection)>;

    explicit ScriptedMail(Script script = {});

    /// The settings of a list whose mail goes through it, in the clear.
    [[nodiscard]] schemas::MailSettings settings() const;
    /// Everything between DATA and the end, of the messages that came to their end.
    [[nodiscard]] std::vector<std::string> messages() const;
    /// Every line of the clients but the messages'.
    [[nodiscard]] std::vector<std::string> lines() const;
    /// How many of the lines begin with `words`.
    [[nodiscard]] std::size_t count(const std::string& words) const;
    [[nodiscard]] int connections() const { return server_.connections(); }

private:
    void serve(probes::ScriptedConnection& connection);
    /// What was said; empty: the conversation is over.
    [[nodiscard]] std::string answer(probes::ScriptedConnection& connection, const std::string& line, int number,
                                     const std::string& usual);

    Script script_;
    mutable std::mutex mutex_;
    std::vector<std::string> messages_;
    std::vector<std::string> lines_;
    int clients_ = 0;
    probes::ScriptedServer server_;  ///< last: its threads use the others
};

}  // namespace slimtax::reporter::testing
