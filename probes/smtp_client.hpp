// An SMTP client's session over one Conversation (RFC 5321, RFC 4954, RFC 3207): greeting, EHLO, TLS, log-in, one
// message, QUIT.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probes/coded_answer.hpp"

namespace slimtax::probes {

class SmtpClient {
public:
    template <class T>
    using Result = Conversation::Result<T>;

    /// Connects, waits for the greeting, says EHLO, encrypts; `tls` as `tls_choices`. The client is named by its
    /// address. Leaves the timing "greeting" (with the first EHLO) beside those of `open_stream` and `secure`.
    static Task<Result<SmtpClient>> open(StepContext& context, const Endpoint& endpoint, std::string_view tls,
                                         const Patience& patience);

    /// By AUTH PLAIN, else by AUTH LOGIN. The password stands in no reason and no note.
    Task<Result<void>> log_in(const std::string& user, const std::string& password, const Patience& patience);

    /// Hands one message over. `content` has lines ended by CR LF.
    Task<Result<void>> submit(const std::string& from, const std::string& to, std::string_view content,
                              const Patience& patience);

    Task<Result<void>> quit(const Patience& patience);

    [[nodiscard]] Conversation& conversation() { return conversation_; }

private:
    explicit SmtpClient(Conversation conversation) : conversation_(std::move(conversation)) {}

    Task<Result<CodedAnswer>> ask(std::string_view line, std::string_view name, const Patience& patience);
    Task<Result<void>> must(std::string_view line, std::string_view name, const Patience& patience);
    Task<Result<void>> hello(const Patience& patience);
    Task<Result<void>> encrypt(StepContext& context, const Endpoint& endpoint, const Patience& patience);
    [[nodiscard]] bool offers(std::string_view keyword) const;
    [[nodiscard]] bool offers_auth(std::string_view mechanism) const;

    Conversation conversation_;
    std::vector<std::string> extensions_;  ///< upper case: "AUTH PLAIN LOGIN"
};

}  // namespace slimtax::probes
