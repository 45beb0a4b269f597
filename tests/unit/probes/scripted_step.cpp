#include "tests/unit/probes/scripted_step.hpp"

#include <doctest/doctest.h>

#include <utility>

#include "probes/xmpp_sasl.hpp"

namespace slimtax::probes {
namespace {

void answer(ScriptedConnection& connection, const std::vector<std::string>& texts) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (i > 0 && connection.read_line().empty()) {
            return;
        }
        connection.send(texts[i]);
    }
}

}  // namespace

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
    return text;
}

std::string told(Engine& engine, std::string_view operation, ScriptedServer::Script script, Values values,
                 std::chrono::milliseconds patience) {
    const ScriptedServer server(std::move(script));
    const std::string port = std::to_string(server.port());
    values.emplace("host", "127.0.0.1");
    values.emplace("port", std::int64_t(server.port()));
    const StepRun run = run_operation(engine, operation, values, patience);
    std::string said = run.outcome.reason;
    for (const std::string& line : run.report.transcript) {
        said += "\n" + line;
    }
    CHECK(said.find(test_secret) == std::string::npos);
    CHECK(said.find(xmpp::base64(test_secret)) == std::string::npos);
    return run.verdict() + ": " + replaced(replaced(run.outcome.reason, "127.0.0.1:" + port, "SERVER"), port, "PORT");
}

ScriptedServer::Script answers(std::vector<std::string> texts) {
    return [texts = std::move(texts)](ScriptedConnection& connection) {
        answer(connection, texts);
        connection.hang();
    };
}

ScriptedServer::Script answers_and_closes(std::vector<std::string> texts) {
    return [texts = std::move(texts)](ScriptedConnection& connection) {
        answer(connection, texts);
        connection.close();
    };
}

}  // namespace slimtax::probes
