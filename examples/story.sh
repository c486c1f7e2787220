# shellcheck shell=bash
# shellcheck disable=SC2154  # $work, `by` and `quiet` are of whoever sources this
# What demo.sh (one machine) and team.sh have in common, sourced after demo-tools.sh. `by` is how a command is run and shown
# (`show`, or `tell oscar`), `quiet` the same without a word (nothing, or `as oscar`).

failpoint=${YMGR_DEMO_FAILPOINT:-$(dirname -- "${BASH_SOURCE[0]}")/../build/release/tests/ymgr-failpoint}

served_serial() {
  echo | openssl s_client -connect "127.0.0.1:$https" -servername "$served" 2>/dev/null | openssl x509 -noout -serial
}
look_at_server() {
  show curl -sS -o /dev/null -w 'verified by curl: %{ssl_verify_result}, HTTP %{http_code}\n' --cacert "$work/root.pem" \
    --resolve "$served:$https:127.0.0.1" "https://$served:$https/"
}

# served_with_hook NAME [OPTION]...: a server with a certificate of that name in $work/tls, and the hook that reloads it.
served_with_hook() {
  served=$1
  https=$(free_port)
  write_nginx "$work/nginx" "$https" "$work/tls"
  printf '#!/bin/sh\nexec nginx -p %s -c nginx.conf -e error.log -s reload\n' "$work/nginx" >"$work/reload"
  chmod 700 "$work/reload"
  "${by[@]}" ymgr issue "$@" --out "$work/tls" --deploy-hook "$work/reload"
  nginx -p "$work/nginx" -c nginx.conf -e error.log
  wait_for_port "$https" https
  look_at_server
}
# The hook reloads it, and the world sees another serial number.
renewed_by_hook() {
  local before
  before=$(served_serial)
  "${by[@]}" ymgr renew "$served"
  other_than "$before" served_serial
  look_at_server
}
stop_server() { [ ! -s "$1/pid" ] || kill "$(cat "$1/pid")" 2>/dev/null || true; }

# killed_and_resumed DOMAIN: eight certificates, killed in the middle, and each made once.
killed_and_resumed() {
  local status=0
  [ -x "$failpoint" ] || fail "no $failpoint; ./ymgr-dev demo makes it"
  "${quiet[@]}" env YMGR_FAILPOINT=kill@40 "$failpoint" issue "job-{1..8}.$1" --jobs 1 2>/dev/null || status=$?
  echo "ymgr issue 'job-{1..8}.$1': killed (exit $status)"
  [ "$status" -eq 137 ] || fail 'the failpoint did not fire'
  "${by[@]}" ymgr operation list
  "${by[@]}" ymgr resume --all
  [ "$("${quiet[@]}" ymgr cert list --select 'name=job-*' -o name | wc -l)" -eq 8 ] || fail 'not all eight are there'
}

# login_server FOLDER NAME TLS ISSUERS CRLS PIN: a server that lets in who shows a certificate of those issuers.
login_server() {
  login_folder=$1 login_name=$2 login_pin=$6
  login_port=$(free_port)
  write_nginx "$1" "$login_port" "$3" "ssl_client_certificate $4;
    ssl_crl $5;
    ssl_verify_client on;
    ssl_verify_depth 2;" "hello \$ssl_client_s_dn"
  nginx -p "$1" -c nginx.conf -e error.log
  wait_for_port "$login_port" https
}
# What the card shows for itself: the certificate that was written to it.
log_in() {
  local module
  for module in /usr/lib/*/opensc-pkcs11.so; do [ -e "$module" ] && break; done
  PKCS11_MODULE_PATH=$module curl -sS --max-time 30 --cacert "$login_folder/../root.pem" --resolve "$login_name:$login_port:127.0.0.1" \
    --engine pkcs11 --key-type ENG --cert-type ENG --cert 'pkcs11:id=%01;type=cert' \
    --key "pkcs11:id=%01;type=private;pin-source=$login_pin" "https://$login_name:$login_port/"
}
# logged_in_as NAME
logged_in_as() {
  log_in | tee "$login_folder/said"
  grep -q "^hello .*CN=$1" "$login_folder/said" || fail "the server does not know $1: $(tail -n 2 "$login_folder/error.log")"
}
# After the CRLs were written anew.
no_more_let_in() {
  local tries=0
  nginx -p "$login_folder" -c nginx.conf -e error.log -s reload
  while log_in >"$login_folder/said" && grep -q '^hello' "$login_folder/said"; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || fail 'the server still lets that certificate in'
    sleep 0.1
  done
  grep -o -m 1 'The SSL certificate error' "$login_folder/said" | head -n 1
  grep -o -m 1 'certificate revoked' "$login_folder/error.log" || fail 'the server does not say why'
}
