# A resolver that validates: *.signed.test is 127.0.0.1 and signed, with a large TXT at big.signed.test; bogus.test is
# signed by another key than the one that is trusted; plain.test is not signed.
server_options=''

serve_unbound() {
    local zone key anchors=""
    mkdir -p "$dir/zones"
    cd "$dir/zones"
    for zone in signed bogus plain; do
        {
            echo "\$ORIGIN $zone.test."
            echo "\$TTL 60"
            echo "@ SOA ns.$zone.test. admin.$zone.test. 1 3600 600 86400 60"
            echo "@ NS ns.$zone.test."
            for name in ns im1 ldap1; do echo "$name A 127.0.0.1"; done
            for n in 1 2 3 4 5 6 7 8; do echo "big TXT \"$n $(printf 'x%.0s' {1..200})\""; done
        } > "$zone.test"
        if [ "$zone" != plain ] && [ ! -e "$zone.test.signed" ]; then
            key=$(ldns-keygen -a ECDSAP256SHA256 -k "$zone.test")
            ldns-signzone "$zone.test" "$key"
            # For bogus.test the key that is trusted is one that never signed anything.
            [ "$zone" != bogus ] || key=$(ldns-keygen -a ECDSAP256SHA256 -k "$zone.test")
            mv "$key.key" "$zone.anchor"
        fi
        [ -e "$zone.test.signed" ] || cp "$zone.test" "$zone.test.signed"
        [ ! -e "$zone.anchor" ] || anchors="$anchors  trust-anchor-file: \"$dir/zones/$zone.anchor\"
"
    done
    {
        printf 'server:\n  interface: 127.0.0.1\n  port: %s\n  do-daemonize: no\n  chroot: ""\n  username: ""\n' "$port"
        printf '  pidfile: ""\n  use-syslog: no\n  directory: "%s"\n  module-config: "validator iterator"\n' "$dir"
        printf '  do-not-query-localhost: no\n  local-zone: "test." nodefault\n  ede: no\n%s' "$anchors"
        for zone in signed bogus plain; do
            printf 'auth-zone:\n  name: "%s.test"\n  zonefile: "%s"\n  for-downstream: no\n  for-upstream: yes\n' \
                "$zone" "$dir/zones/$zone.test.signed"
        done
        printf 'remote-control:\n  control-enable: no\n'
    } > "$dir/unbound.conf"
    exec unbound -c "$dir/unbound.conf" -d >> "$dir/log" 2>&1
}
