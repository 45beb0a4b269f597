# Chat: u001@campus.test with `pw-u001`, each with `buddies` buddies.
server_options='certificates cert users buddies tls'

buddies=12; tls=required

serve_prosody() {
    [ -n "$certificates" ] || die "prosody needs certificates=DIR (make-certificates)"
    local store="$dir/data/campus%2etest" id buddy n
    mkdir -p "$store/accounts" "$store/roster" "$dir/certs"
    local all=()
    mapfile -t all < <(user_ids)
    for n in "${!all[@]}"; do
        id=${all[$n]}
        printf 'return {\n\t["password"] = "pw-%s";\n};\n' "$id" > "$store/accounts/$id.dat"
        {
            printf 'return {\n\t[false] = {\n\t\t["version"] = 1;\n\t};\n'
            for ((buddy = 1; buddy <= buddies && buddy < users; buddy++)); do
                printf '\t["%s@campus.test"] = {\n\t\t["subscription"] = "both";\n\t\t["groups"] = {};\n\t};\n' \
                    "${all[$(((n + buddy) % users))]}"
            done
            printf '};\n'
        } > "$store/roster/$id.dat"
    done
    local require=true
    [ "$tls" = required ] || require=false
    cat > "$dir/prosody.cfg.lua" <<CONF
run_as_root = true
daemonize = false
pidfile = "$dir/pid"
data_path = "$dir/data"
certificates = "$dir/certs"
plugin_paths = { "$here/prosody-modules" }
interfaces = { "127.0.0.1" }
c2s_ports = { $port }
c2s_direct_tls_ports = {}
s2s_ports = {}
s2s_direct_tls_ports = {}
http_ports = {}
https_ports = {}
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "posix", "message_log" }
modules_disabled = { "s2s", "offline" }
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = $require
allow_unencrypted_plain_auth = true
network_settings = { nagle = false }
limits = { c2s = { rate = "1mb/s" } }
log = { info = "$dir/info.log" }
ssl = { certificate = "$certificates/$cert.pem", key = "$certificates/$cert.key" }
VirtualHost "campus.test"
CONF
    # Prosody finds its own modules by its own paths; HOME keeps its Lua from looking into the user's.
    HOME=$dir exec prosody -F --config "$dir/prosody.cfg.lua" >> "$dir/log" 2>&1
}
