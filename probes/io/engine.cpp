#include "probes/io/engine.hpp"

#include <csignal>
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

Engine::Engine(EngineOptions options) {
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
