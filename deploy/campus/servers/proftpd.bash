# Files by FTP: u001 with `pw-u001`, each in a folder of its own under DIR/home. With certificates also AUTH TLS, and
# TLS from the first byte at tls_port. Needs root: ProFTPD takes the rights of nobody.
server_options='tls_port certificates cert users'

serve_proftpd() {
    local tls="" id
    : > "$dir/users"
    for id in $(user_ids); do
        mkdir -p "$dir/home/$id"
        echo "$id:$(openssl passwd -5 "pw-$id"):65534:65534::$dir/home/$id:/bin/false" >> "$dir/users"
    done
    chmod 600 "$dir/users"
    if [ -n "$certificates" ]; then
        tls="LoadModule mod_tls.c
TLSEngine on
TLSECCertificateFile $dir/server.pem
TLSECCertificateKeyFile $dir/server.key"
        cp "$certificates/$cert.pem" "$dir/server.pem"
        cp "$certificates/$cert.key" "$dir/server.key"
        chmod 600 "$dir/server.key"
    fi
    {
        cat <<CONF
ServerType standalone
ServerName "campus"
DefaultAddress 127.0.0.1
SocketBindTight on
UseIPv6 off
UseReverseDNS off
Port $port
User nobody
Group nogroup
PidFile $dir/pid
ScoreboardFile $dir/score
DelayTable none
SystemLog $dir/log
TransferLog none
WtmpLog off
RequireValidShell off
AuthUserFile $dir/users
AuthOrder mod_auth_file.c
DefaultRoot ~
CONF
        echo "$tls"
        if [ -n "$tls_port" ]; then
            printf '<VirtualHost 127.0.0.1>\nPort %s\nAuthUserFile %s\nAuthOrder mod_auth_file.c\nRequireValidShell off\nDefaultRoot ~\n' \
                "$tls_port" "$dir/users"
            echo "$tls" | grep -v LoadModule
            printf 'TLSOptions UseImplicitSSL\n</VirtualHost>\n'
        fi
    } > "$dir/proftpd.conf"
    exec proftpd -n -c "$dir/proftpd.conf" >> "$dir/out" 2>&1
}
