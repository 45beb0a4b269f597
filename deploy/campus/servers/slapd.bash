# A directory: uid=u001,ou=people,dc=campus,dc=test … with password `pw-u001`; cn=admin,dc=campus,dc=test with `admin-pw`.
# With certificates a client that shows one of CN=probe is uid=probe,ou=people,dc=campus,dc=test by SASL EXTERNAL.
# With socket=yes it also listens at the Unix socket DIR/ldapi, where its own user is cn=admin by SASL EXTERNAL.
server_options='tls_port certificates cert users socket'

serve_slapd() {
    mkdir -p "$dir/db"
    local tls_lines="" urls="ldap://127.0.0.1:$port"
    if [ -n "$certificates" ]; then
        tls_lines="TLSCertificateFile $certificates/$cert.pem
TLSCertificateKeyFile $certificates/$cert.key
TLSCACertificateFile $certificates/ca.pem
TLSVerifyClient try"
        [ -z "$tls_port" ] || urls="$urls ldaps://127.0.0.1:$tls_port"
    fi
    if [ -n "${socket:-}" ]; then
        urls="$urls ldapi://${dir//\//%2F}%2Fldapi"
    fi
    cat > "$dir/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile $dir/pid
argsfile $dir/args
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload back_monitor
$tls_lines
authz-regexp "gidNumber=[0-9]+[+]uidNumber=$(id -u),cn=peercred,cn=external,cn=auth" "cn=admin,dc=campus,dc=test"
authz-regexp "^cn=probe$" "uid=probe,ou=people,dc=campus,dc=test"
database mdb
suffix "dc=campus,dc=test"
rootdn "cn=admin,dc=campus,dc=test"
rootpw admin-pw
directory $dir/db
maxsize 67108864
index uid,objectClass eq
access to attrs=userPassword by anonymous auth by * none
access to * by * read
database monitor
CONF
    if [ ! -e "$dir/db/data.mdb" ]; then
        {
            printf 'dn: dc=campus,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: Campus\ndc: campus\n\n'
            printf 'dn: ou=people,dc=campus,dc=test\nobjectClass: organizationalUnit\nou: people\n\n'
            for id in $(user_ids); do
                printf 'dn: uid=%s,ou=people,dc=campus,dc=test\nobjectClass: inetOrgPerson\nuid: %s\ncn: User %s\nsn: %s\nmail: %s@campus.test\nuserPassword: pw-%s\n\n' \
                    "$id" "$id" "$id" "$id" "$id" "$id"
            done
        } | slapadd -q -f "$dir/slapd.conf"
    fi
    exec slapd -f "$dir/slapd.conf" -h "$urls" -d stats 2>> "$dir/log"
}
