# Chat by IRC; anybody may come, or who has the server's password (password=TEXT). With TLS at tls_port.
server_options='tls_port certificates cert password'

password=""

serve_ngircd() {
    local tls=""
    if [ -n "$tls_port" ]; then
        tls="[SSL]
CertFile = $certificates/$cert.pem
KeyFile = $certificates/$cert.key
Ports = $tls_port"
    fi
    cat > "$dir/ngircd.conf" <<CONF
[Global]
Name = irc.campus.test
Info = Campus
Listen = 127.0.0.1
Ports = $port
Password = $password
PidFile = $dir/pid
MotdPhrase = welcome
ServerUID = $(id -u)
ServerGID = $(id -g)
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
ChrootDir =
$tls
CONF
    exec ngircd -n -f "$dir/ngircd.conf" >> "$dir/log" 2>&1
}
