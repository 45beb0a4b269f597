# A gRPC server (python3-grpcio) with the health service: SERVING as a whole and for `campus.up`, NOT_SERVING for `campus.down`, `campus.mine` wants the metadata authorization: Bearer pw-grpc. health=no: it offers none. All of it with TLS when tls=yes.
server_options='tls certificates cert health'

tls=no
health=yes

serve_grpc() {
    local chain=""
    [ "$tls" = no ] || chain=$certificates/$cert
    # Debian has no health service for grpcio, and its messages are two fields: they are read and written here by hand.
    cat > "$dir/server.py" <<'PYTHON'
import sys
from concurrent import futures
import grpc

port, chain, offered = sys.argv[1:]
SERVING, NOT_SERVING = 1, 2
services = {"": SERVING, "campus.up": SERVING, "campus.down": NOT_SERVING, "campus.mine": SERVING}

def read(message):
    # HealthCheckRequest { string service = 1; }; names here are shorter than 128 bytes
    return message[2:2 + message[1]].decode() if message[:1] == b"\x0a" else ""

def check(service, context):
    if service == "campus.mine" and ("authorization", "Bearer pw-grpc") not in context.invocation_metadata():
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
    if service not in services:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service: 100 % \u00fc")
    return bytes([8, services[service]])

server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
if offered == "yes":
    method = grpc.unary_unary_rpc_method_handler(check, request_deserializer=read, response_serializer=lambda m: m)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": method}),))
address = "127.0.0.1:" + port
if chain:
    pair = tuple(open(chain + ending, "rb").read() for ending in (".key", ".pem"))
    bound = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
else:
    bound = server.add_insecure_port(address)
assert bound, "cannot listen at " + address
server.start()
server.wait_for_termination()
PYTHON
    exec /usr/bin/python3 "$dir/server.py" "$port" "$chain" "$health" >> "$dir/log" 2>&1
}
