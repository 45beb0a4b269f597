# Pages, a page with parts (/catalogue/), a log-in, a slow page; DIR/access.log. Web: u001 with `pw-u001` under /portal/.
server_options='tls_port certificates cert users protocols'

protocols='TLSv1.2 TLSv1.3'

serve_nginx() {
    mkdir -p "$dir/www/portal"
    echo '<!doctype html><title>Campus</title><h1>Welcome to campus</h1>' > "$dir/www/index.html"
    echo '<!doctype html><title>Portal</title><p>Your loans: 2 books</p>' > "$dir/www/portal/index.html"
    # A page with parts: two style sheets, a script, a picture, one of them elsewhere; and one that lacks a part.
    mkdir -p "$dir/www/catalogue/static"
    echo '<!doctype html><title>Catalogue</title><base href=/catalogue/static/><link rel=stylesheet href=style.css><link rel="stylesheet icon" href="../../index.html"><script src="app.js?v=1"></script><img src="logo.png" alt=""><img src="data:,x">' > "$dir/www/catalogue/index.html"
    sed 's/logo.png/lost.png/' "$dir/www/catalogue/index.html" > "$dir/www/catalogue/broken.html"
    for part in style.css app.js logo.png; do head -c 1000 /dev/zero | tr '\0' x > "$dir/www/catalogue/static/$part"; done
    for id in $(user_ids); do echo "$id:$(openssl passwd -apr1 -salt "$id" "pw-$id")"; done > "$dir/users"
    local tls_lines=""
    if [ -n "$tls_port" ]; then
        tls_lines="listen 127.0.0.1:$tls_port ssl; ssl_certificate $certificates/$cert.pem; ssl_certificate_key $certificates/$cert.key; ssl_protocols $protocols;"
    fi
    local as_user=""
    [ "$(id -u)" -ne 0 ] || as_user="user root;"
    cat > "$dir/nginx.conf" <<CONF
$as_user
worker_processes 1;
daemon off;
pid $dir/pid;
error_log $dir/error.log;
events { worker_connections 512; }
http {
  client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3; uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
  default_type text/html;
  log_format campus '\$time_iso8601 user=\$remote_user "\$request" \$status \$body_bytes_sent \$request_time';
  access_log $dir/access.log campus;
  server {
    listen 127.0.0.1:$port;
    $tls_lines
    root $dir/www;
    location /portal/ { auth_basic "Campus portal"; auth_basic_user_file $dir/users; }
    location = /old { return 302 /; }
    location = /loop { return 302 /loop; }
    location = /broken { return 500 "it broke\n"; }
  }
}
CONF
    exec nginx -c "$dir/nginx.conf" -e "$dir/error.log"
}
