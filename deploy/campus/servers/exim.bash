# Mail transport: SMTP at port, with TLS from the first byte at tls_port. u001 with `pw-u001` may send, to anybody at
# campus.test. lmtp_port=N: mail is delivered there; without it, mail is accepted and never seen again.
# open=yes: who has not logged in may send too.
server_options='tls_port certificates cert users lmtp_port open'

lmtp_port=""; open=no

serve_exim() {
    local tls="" ports=$port accept="" router="driver = redirect
  data = :blackhole:"
    if [ -n "$certificates" ]; then
        # Exim reads them with its rights given up.
        cp "$certificates/$cert.pem" "$certificates/$cert.key" "$dir/"
        chmod 644 "$dir/$cert.pem" "$dir/$cert.key"
        tls="tls_advertise_hosts = *
tls_certificate = $dir/$cert.pem
tls_privatekey = $dir/$cert.key"
    else
        tls="tls_advertise_hosts ="
    fi
    if [ -n "$tls_port" ]; then
        ports="$port : $tls_port"
        tls="$tls
tls_on_connect_ports = $tls_port"
    fi
    [ "$open" = no ] || accept="accept"
    if [ -n "$lmtp_port" ]; then
        router="driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = mailboxes"
    fi
    for id in $(user_ids); do echo "$id: pw-$id"; done > "$dir/users"
    mkdir -p "$dir/spool" "$dir/mainlogs"
    chmod 644 "$dir/users"
    chown Debian-exim "$dir/spool" "$dir/mainlogs"
    cat > "$dir/exim.conf" <<CONF
primary_hostname = mail.campus.test
spool_directory = $dir/spool
log_file_path = $dir/mainlogs/%s
pid_file_path = $dir/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = $ports
domainlist local = campus.test
host_lookup =
rfc1413_hosts =
smtp_banner = mail.campus.test ESMTP ready
deliver_drop_privilege
queue_run_in_order
smtp_enforce_sync = true
$tls
acl_smtp_rcpt = check
begin acl
check:
  deny !domains = +local
       message = no relaying
  accept authenticated = *
  $accept
  deny message = log in first
begin routers
all:
  $router
begin transports
mailboxes:
  driver = smtp
  protocol = lmtp
  port = ${lmtp_port:-24}
  hosts_try_chunking =
begin retry
* * F,2h,5s
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if eq{\$auth3}{\${lookup{\$auth2}lsearch{$dir/users}{\$value}{\$pid\$tod_epoch}}}}
  server_set_id = \$auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = \${if eq{\$auth2}{\${lookup{\$auth1}lsearch{$dir/users}{\$value}{\$pid\$tod_epoch}}}}
  server_set_id = \$auth1
CONF
    exec exim4 -C "$dir/exim.conf" -bdf >> "$dir/log" 2>&1
}
