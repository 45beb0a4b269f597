# A Redis server, also at the unix domain socket DIR/socket: the default user has `pw-redis`, u001 has `pw-u001` and may only PING. open=yes: nobody logs in.
server_options='tls_port certificates cert users open'

open=no

serve_redis() {
    local id
    {
        printf 'bind 127.0.0.1\nport %s\ndir %s\nsave ""\nappendonly no\ndaemonize no\nlogfile %s\n' \
            "$port" "$dir" "$dir/log"
        printf 'unixsocket %s\n' "$dir/socket"
        if [ "$open" = no ]; then
            echo "requirepass pw-redis"
            for id in $(user_ids); do echo "user $id on >pw-$id -@all +ping +auth +quit"; done
        fi
        if [ -n "$tls_port" ]; then
            printf 'tls-port %s\ntls-cert-file %s\ntls-key-file %s\ntls-ca-cert-file %s\ntls-auth-clients no\n' \
                "$tls_port" "$certificates/$cert.pem" "$certificates/$cert.key" "$certificates/ca.pem"
        fi
    } > "$dir/redis.conf"
    exec redis-server "$dir/redis.conf"
}
