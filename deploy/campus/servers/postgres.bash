# A database `campus` with the table `loans` (id, due); users u001 … with their passwords, who may read and write it.
# Accounts that log in otherwise: `md5`, `plain` (password in the clear); all three with password `pw-NAME`.
# As root it runs as the user postgres: PostgreSQL refuses root.
server_options='certificates cert users'

serve_postgres() {
    local bin as=() data="$dir/data"
    bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
    [ -x "$bin/postgres" ] || die "there is no PostgreSQL server in /usr/lib/postgresql"
    mkdir -p "$dir/socket" "$data"
    if [ "$(id -u)" = 0 ]; then
        as=(setpriv --reuid=postgres --regid=postgres --init-groups)
        chown postgres "$dir/socket" "$data"
        chmod o+x "$dir"
    fi
    chmod 0700 "$data"
    if [ ! -e "$data/PG_VERSION" ]; then
        "${as[@]}" "$bin/initdb" -D "$data" -U admin --auth=trust --no-sync -E UTF8 --locale=C >> "$dir/log" 2>&1
        cat > "$data/pg_hba.conf" <<CONF
local all admin trust
host all md5   127.0.0.1/32 md5
host all plain 127.0.0.1/32 password
host all all   127.0.0.1/32 scram-sha-256
CONF
        {
            echo "CREATE TABLE loans (id int PRIMARY KEY, due date);"
            echo "INSERT INTO loans SELECT n, date '2026-11-21' + n FROM generate_series(1, 3000) n;"
            for id in $(user_ids) plain; do echo "CREATE USER $id PASSWORD 'pw-$id';"; done
            echo "SET password_encryption = 'md5'; CREATE USER md5 PASSWORD 'pw-md5';"
            echo "GRANT SELECT, INSERT, UPDATE ON loans TO PUBLIC;"
        } > "$dir/campus.sql"
        {
            echo "CREATE DATABASE campus;"
        } | "${as[@]}" "$bin/postgres" --single -D "$data" postgres >> "$dir/log" 2>&1
        "${as[@]}" "$bin/postgres" --single -D "$data" -j campus < <(sed 's/;$/;\n/' "$dir/campus.sql") >> "$dir/log" 2>&1
    fi
    local tls=()
    if [ -n "$certificates" ]; then
        install -m 0600 "$certificates/$cert.pem" "$data/server.crt"
        install -m 0600 "$certificates/$cert.key" "$data/server.key"
        [ "$(id -u)" != 0 ] || chown postgres "$data/server.crt" "$data/server.key"
        tls=(-c ssl=on)
    fi
    exec "${as[@]}" "$bin/postgres" -D "$data" -c listen_addresses=127.0.0.1 -c "port=$port" \
        -c "unix_socket_directories=$dir/socket" -c fsync=off -c max_connections=20 "${tls[@]}" >> "$dir/log" 2>&1
}
