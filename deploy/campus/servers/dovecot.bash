# Mailboxes: IMAP at port, and where asked IMAPS, POP3, POP3S and LMTP. u001 with `pw-u001`; mail lies in DIR/mail.
# Needs root: Dovecot's own processes give it up.
server_options='tls_port pop3_port pop3s_port lmtp_port certificates cert users'

pop3_port=0; pop3s_port=0; lmtp_port=0

serve_dovecot() {
    local ssl="ssl = no"
    if [ -n "$certificates" ]; then
        ssl="ssl = yes
ssl_cert = <$certificates/$cert.pem
ssl_key = <$certificates/$cert.key"
    fi
    for id in $(user_ids); do echo "$id:{PLAIN}pw-$id"; done > "$dir/users"
    mkdir -p "$dir/run" "$dir/mail"
    chown mail:mail "$dir/mail"
    chmod 644 "$dir/users"
    cat > "$dir/dovecot.conf" <<CONF
base_dir = $dir/run
state_dir = $dir/run
log_path = $dir/log
listen = 127.0.0.1
protocols = imap pop3 lmtp
$ssl
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain login
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:$dir/mail/%n
passdb {
  driver = passwd-file
  args = $dir/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=$dir/mail/%n
}
protocol lmtp {
  auth_username_format = %n
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
service imap-login {
  inet_listener imap {
    port = $port
  }
  inet_listener imaps {
    port = ${tls_port:-0}
    ssl = yes
  }
}
service pop3-login {
  inet_listener pop3 {
    port = $pop3_port
  }
  inet_listener pop3s {
    port = $pop3s_port
    ssl = yes
  }
}
service lmtp {
  inet_listener lmtp {
    port = $lmtp_port
  }
}
CONF
    exec dovecot -F -c "$dir/dovecot.conf"
}
