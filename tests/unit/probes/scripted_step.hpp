// One step against a scripted server, told in one line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/probes/run_operation.hpp"
#include "tests/unit/probes/scripted_server.hpp"

namespace slimtax::probes {

/// A password for such steps: it may stand in no reason and no transcript, nor may its base64 form.
inline const std::string test_secret = "hunter2-secret";

/// "failed: IMAP server SERVER refused …": the verdict, and the reason with the server's address put as SERVER and
/// its port as PORT. Host and port are added to the values. Checks that `test_secret` is told nowhere.
[[nodiscard]] std::string told(Engine& engine, std::string_view operation, ScriptedServer::Script script,
                               Values values = {}, std::chrono::milliseconds patience = std::chrono::seconds(20));

/// Sends the first text at once, and each further one when the client has sent a line; then says nothing more until
/// the client goes.
[[nodiscard]] ScriptedServer::Script answers(std::vector<std::string> texts);

/// The same, but closes after the last one, without waiting for the client.
[[nodiscard]] ScriptedServer::Script answers_and_closes(std::vector<std::string> texts);

/// The text without what is different each time: every occurrence of `what` put as `by`.
[[nodiscard]] std::string replaced(std::string text, std::string_view what, std::string_view by);

}  // namespace slimtax::probes
