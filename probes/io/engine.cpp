#include "probes/io/engine.hpp"

#include <csignal>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "probes/io/http_client.hpp"
#include "probes/io/resolver.hpp"
#include "probes/io/stamp.hpp"
#include "probes/io/tls.hpp"

namespace slimtax::probes {

class Engine::Impl {
public:
    explicit Impl(EngineOptions wishes)
        : options(std::move(wishes)), resolver(loop, options.dns_servers), tls(options.ca_file) {}

    EngineOptions options;
    Loop loop;
    Resolver resolver;
    TlsContexts tls;
    std::optional<HttpClient> http;  // made last: it asks the engine for the others
};

namespace {

/// A PostgreSQL server may ask for Kerberos, and libpq would at once look names up and ask a key server: both block. With
/// a configuration that cannot be read Kerberos gives up before. (Only what is linked into the prober sees this: commands
/// have an environment of their own.)
void go_without_kerberos() {
    static std::once_flag once;
    std::call_once(once, [] { ::setenv("KRB5_CONFIG", "/", 1); });
}

}  // namespace

Engine::Engine(EngineOptions options) {
    go_without_kerberos();
    // OpenSSL and libldap write to sockets without MSG_NOSIGNAL: a peer that hangs up must not end the process.
    struct sigaction now {};
    if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) {
        ::signal(SIGPIPE, SIG_IGN);
    }
    keep_receive_stamps_on();
    impl_ = std::make_unique<Impl>(std::move(options));
    impl_->http.emplace(*this);
}

Engine::~Engine() {
    // Coroutines that still wait hold transfers and look-ups: they go before what they use.
    impl_->loop.shut_down(std::chrono::milliseconds(0));
}

void Engine::warm_up() {
    impl_->tls.prepare();
}

Loop& Engine::loop() {
    return impl_->loop;
}
Resolver& Engine::resolver() {
    return impl_->resolver;
}
TlsContexts& Engine::tls() {
    return impl_->tls;
}
HttpClient& Engine::http() {
    return *impl_->http;
}
const EngineOptions& Engine::options() const {
    return impl_->options;
}

}  // namespace slimtax::probes
