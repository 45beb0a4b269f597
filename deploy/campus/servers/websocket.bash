# A WebSocket server (python3-websockets) that says again what it is told; "bye" makes it close with 1008. It speaks the subprotocol `echo`; /greeting greets, /ping pings, /own wants the origin https://own.campus.test, /secret the bearer pw-websocket. All of it with TLS when tls=yes.
server_options='tls certificates cert'

tls=no

serve_websocket() {
    local chain=""
    [ "$tls" = no ] || chain=$certificates/$cert
    cat > "$dir/server.py" <<'PYTHON'
import asyncio, http, ssl, sys
import websockets

port, chain = int(sys.argv[1]), sys.argv[2]

async def serve(socket):
    if socket.path == "/greeting":
        await socket.send('{"type":"hello"}')
    if socket.path == "/ping":
        await (await socket.ping(b"there?"))
        await socket.send(["the ping was ", "answered, ", "in fragments"])
    async for message in socket:
        if message == "bye":
            await socket.close(1008, "token expired")
        else:
            await socket.send(message)

async def look(path, headers):
    if path == "/own" and headers.get("Origin") != "https://own.campus.test":
        return http.HTTPStatus.FORBIDDEN, [], b"not from there\n"
    if path == "/secret" and headers.get("Authorization") != "Bearer pw-websocket":
        return http.HTTPStatus.UNAUTHORIZED, [], b"who are you?\n"

async def main():
    context = None
    if chain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain + ".pem", chain + ".key")
    async with websockets.serve(serve, "127.0.0.1", port, ssl=context, process_request=look, subprotocols=["echo"]):
        await asyncio.Future()

asyncio.run(main())
PYTHON
    exec /usr/bin/python3 "$dir/server.py" "$port" "$chain" >> "$dir/log" 2>&1
}
