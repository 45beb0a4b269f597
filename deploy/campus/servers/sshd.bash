# Log in as `probe`, password `pw-probe`, key DIR/id_probe (written at start); needs root for an account of its own that
# is seen by that sshd only; otherwise the user who starts it logs in by the key alone (DIR/user tells).
server_options=''

serve_sshd() {
    [ -e "$dir/id_probe" ] || ssh-keygen -q -t ed25519 -N '' -C probe -f "$dir/id_probe"
    [ -e "$dir/host_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -f "$dir/host_ed25519"
    [ -e "$dir/host_rsa" ] || ssh-keygen -q -t rsa -b 2048 -N '' -f "$dir/host_rsa"
    cp "$dir/id_probe.pub" "$dir/authorized_keys"
    cat > "$dir/sshd_config" <<CONF
ListenAddress 127.0.0.1
Port $port
HostKey $dir/host_ed25519
HostKey $dir/host_rsa
AuthorizedKeysFile $dir/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
MaxStartups 200
CONF
    if [ "$(id -u)" -ne 0 ]; then
        id -un > "$dir/user"
        exec /usr/sbin/sshd -D -f "$dir/sshd_config" -E "$dir/log"
    fi
    # Accounts that exist for this sshd alone: private copies of passwd and shadow, mounted over the real ones in a
    # mount namespace that ends with it.
    echo probe > "$dir/user"
    mkdir -p "$dir/home" /run/sshd
    chown 64999:64999 "$dir/home"
    { grep -v '^probe:' /etc/passwd; echo "probe:x:64999:64999:probe:$dir/home:/bin/sh"; } > "$dir/passwd"
    { grep -v '^probe:' /etc/shadow; echo "probe:$(openssl passwd -6 pw-probe):19000:0:99999:7:::"; } > "$dir/shadow"
    chmod 600 "$dir/shadow"
    export dir
    # shellcheck disable=SC2016
    # The keys are read as that account, which need not be able to look into DIR.
    sed -i "s|^AuthorizedKeysFile .*|AuthorizedKeysFile /run/sshd/authorized_keys|" "$dir/sshd_config"
    exec unshare --mount --propagation private sh -c '
        mount --bind "$dir/passwd" /etc/passwd && mount --bind "$dir/shadow" /etc/shadow &&
        mount -t tmpfs -o mode=0755,size=64k tmpfs /run/sshd &&
        install -m 644 "$dir/authorized_keys" /run/sshd/authorized_keys &&
        exec /usr/sbin/sshd -D -f "$dir/sshd_config" -E "$dir/log"'
}
