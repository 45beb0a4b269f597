# A name server: *.campus.test is 127.0.0.1.
server_options=''

serve_dnsmasq() {
    exec dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --port="$port" \
        --listen-address=127.0.0.1 --bind-interfaces --user="$(id -un)" --pid-file= --log-queries=extra \
        --log-facility="$dir/log" --cache-size=0 --local=/test/ --local-ttl=60 \
        --host-record=campus.test,127.0.0.1 --address=/campus.test/127.0.0.1 \
        --txt-record=info.campus.test,"slimtax campus" --mx-host=campus.test,mail.campus.test,10
}
