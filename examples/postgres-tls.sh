#!/bin/bash
# PostgreSQL's server certificate: clients check it with sslmode=verify-full, and a renewal reloads the server without ending a session.
set -eu

# shellcheck source=examples/scratch.sh
. "$(dirname -- "$0")/scratch.sh" postgres-tls
programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$programs" ] || fail 'PostgreSQL is missing: apt install postgresql'
# PostgreSQL refuses root, so root gives files and server to another user.
owner=$(id -un) as_owner=()
if [ "$(id -u)" -eq 0 ]; then
  owner=nobody as_owner=(setpriv --reuid nobody --regid nogroup --clear-groups)
  chmod 711 "$work"
fi
pg() { (cd / && PATH=$programs:$PATH "${as_owner[@]}" "$@"); }
stop_all() { [ ! -d "$work/pg" ] || pg pg_ctl -D "$work/pg" -m immediate stop >/dev/null 2>&1 || true; }
served() { echo | openssl s_client -connect "127.0.0.1:$port" -starttls postgres 2>/dev/null | openssl x509 -noout -serial; }
query() { psql -XAtq "host=localhost port=$port user=app dbname=postgres sslmode=verify-full sslrootcert=$work/root.pem" -c "$1"; }

make_profile
port=$(free_port)
mkdir -m 0700 "$work/pg" "$work/socket"
[ "$owner" = "$(id -un)" ] || chown "$owner" "$work/pg" "$work/socket"

say 'Issued, with a hook: copied to where the server reads it, by its owner and mode, and reloaded'
cat >"$work/deploy" <<END
#!/bin/sh
# YMGR_HOOK_CERT_PATH and YMGR_HOOK_KEY_PATH name the new files.
set -eu
install -m 600 -o $owner "\${YMGR_HOOK_KEY_PATH:-$work/tls/privkey.pem}" $work/pg/server.key
install -m 644 -o $owner $work/tls/fullchain.pem $work/pg/server.crt
[ ! -e $work/pg/postmaster.pid ] || psql -XAtq -h $work/socket -p $port -U postgres -c 'SELECT pg_reload_conf()' >/dev/null
END
chmod 700 "$work/deploy"
show ymgr issue localhost --san ip:127.0.0.1 --validity 30d --out "$work/tls" --deploy-hook "$work/deploy"
ymgr ca export --what root >"$work/root.pem"
pg initdb -D "$work/pg" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-instructions >/dev/null
# The superuser comes by a socket that its owner alone reaches; over the network only the client, and by TLS only.
printf '%s\n' 'local all postgres trust' 'hostssl postgres app 127.0.0.1/32 trust' | pg tee "$work/pg/pg_hba.conf" >/dev/null
"$work/deploy" # the first time by hand: hooks run at renewals
pg pg_ctl -D "$work/pg" -w -l "$work/pg/log" -o "-p $port -k $work/socket -c listen_addresses=127.0.0.1 -c ssl=on" start >/dev/null
psql -Xq -h "$work/socket" -p "$port" -U postgres -c 'CREATE ROLE app LOGIN'

say 'A client that knows only the root'
show query "SELECT 'TLS: ' || ssl || ', ' || version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
before=$(served)

say 'Renewed: a session goes on, new ones see the new certificate'
(query "SELECT pg_sleep(3), 'the old session went on'" >"$work/session") &
session=$!
show ymgr renew localhost --force
other_than "$before" served
wait "$session"
cat "$work/session"
show query "SELECT 'and new ones come in'"

printf '\npostgres-tls: all of it worked\n'
