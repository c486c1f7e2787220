#!/bin/bash
# A web server whose certificate renews itself: the hook reloads nginx, and a client that has only the root sees the new one. The
# same three commands serve a real host: issue --out --deploy-hook once, then `ymgr renew --due` by the timer.
set -eu

# shellcheck source=examples/scratch.sh
. "$(dirname -- "$0")/scratch.sh" nginx
stop_all() { [ ! -s "$work/nginx/pid" ] || kill "$(cat "$work/nginx/pid")" 2>/dev/null || true; }
served() { echo | openssl s_client -connect "127.0.0.1:$port" -servername localhost 2>/dev/null | openssl x509 -noout -serial; }

make_profile
port=$(free_port)
write_nginx "$work/nginx" "$port" "$work/tls"

say 'Issued once, with the hook that every renewal runs'
printf '#!/bin/sh\nexec nginx -p %s -c nginx.conf -e error.log -s reload\n' "$work/nginx" >"$work/reload"
chmod 700 "$work/reload"
show ymgr issue localhost --san ip:127.0.0.1 --validity 7d --out "$work/tls" --deploy-hook "$work/reload"
nginx -p "$work/nginx" -c nginx.conf -e error.log
wait_for_port "$port" https
ymgr ca export --what root >"$work/root.pem"
show curl -sS --cacert "$work/root.pem" "https://localhost:$port/"

say 'What the timer runs every night: nothing is due'
show ymgr renew --due
before=$(served)

say 'What it does on the day (here: forced)'
show ymgr renew localhost --force
other_than "$before" served
show curl -sS --cacert "$work/root.pem" "https://localhost:$port/"

printf '\nnginx: all of it worked\n'
