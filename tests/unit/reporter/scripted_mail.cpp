#include "scripted_mail.hpp"

#include <algorithm>

namespace slimtax::reporter::testing {

ScriptedMail::ScriptedMail(Script script)
    : script_(std::move(script)), server_([this](probes::ScriptedConnection& connection) { serve(connection); }) {}

schemas::MailSettings ScriptedMail::settings() const {
    schemas::MailSettings settings;
    settings.id = "managers";
    settings.server = {"127.0.0.1", server_.port(), false};
    settings.security = schemas::MailSettings::Security::none;
    settings.from = {"Service reports", "reports@campus.example"};
    settings.to = {{"", "boss@campus.example"}};
    return settings;
}

std::vector<std::string> ScriptedMail::messages() const {
    const std::lock_guard lock(mutex_);
    return messages_;
}

std::vector<std::string> ScriptedMail::lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
}

std::size_t ScriptedMail::count(const std::string& words) const {
    const auto all = lines();
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [&](const std::string& line) { return line.starts_with(words); }));
}

std::string ScriptedMail::answer(probes::ScriptedConnection& connection, const std::string& line, int number,
                                 const std::string& usual) {
    std::string words = script_ ? script_(line, number) : "";
    words = words.empty() ? usual : words;
    if (words == "close" || words == "reset" || words == "hang") {
        if (words == "hang") {
            connection.hang();
        } else if (words == "reset") {
            connection.reset();
        } else {
            connection.close();
        }
        return "";
    }
    return connection.send(words + "\r\n") ? words : "";
}

void ScriptedMail::serve(probes::ScriptedConnection& connection) {
    int number = 0;
    {
        const std::lock_guard lock(mutex_);
        number = ++clients_;
    }
    if (answer(connection, "(connected)", number, "220 mail.campus.example ready").empty()) {
        return;
    }
    while (true) {
        std::string line = connection.read_line();
        if (!line.ends_with("\r\n")) {
            return;
        }
        line.resize(line.size() - 2);
        {
            const std::lock_guard lock(mutex_);
            lines_.push_back(line);
        }
        const bool data = line == "DATA";
        const std::string usual = line.starts_with("EHLO")   ? "250-mail.campus.example\r\n250-AUTH PLAIN\r\n250 SIZE"
                                  : line.starts_with("AUTH") ? "235 welcome"
                                  : data                     ? "354 go on"
                                  : line == "QUIT"           ? "221 bye"
                                                             : "250 OK";
        const std::string said = answer(connection, line, number, usual);
        if (said.empty() || line == "QUIT") {
            return;
        }
        if (!data || !said.starts_with("354")) {
            continue;
        }
        std::string message = connection.read_until("\r\n.\r\n");
        if (!message.ends_with("\r\n.\r\n")) {
            return;
        }
        message.resize(message.size() - 3);
        {
            const std::lock_guard lock(mutex_);
            messages_.push_back(message);
        }
        if (answer(connection, "(message)", number, "250 queued as 1234").empty()) {
            return;
        }
    }
}

}  // namespace slimtax::reporter::testing
