#!/bin/bash
# The main job on the embedded default, from nothing: one folder, no server. Called by `./ymgr-dev demo`; needs the programs
# of `./ymgr-dev build`. Everything stands in a temporary folder that is removed at the end.
set -eu

# shellcheck source=examples/scratch.sh
. "$(dirname -- "$0")/scratch.sh" demo

server=
responder=
failpoint=${YMGR_DEMO_FAILPOINT:-$top/build/release/tests/ymgr-failpoint}
stop_all() {
  for pid in $server $responder; do kill "$pid" 2>/dev/null || true; done
}
served_serial() {
  echo | openssl s_client -connect "127.0.0.1:$https" -servername localhost 2>/dev/null | openssl x509 -noout -serial
}

say 'A profile: database, sealed keys, root and issuing CA, policy, first admin'
make_profile
show ymgr whoami

say 'A certificate for localhost, with the hook that reloads the server after a renewal'
cat >"$work/reload" <<END
#!/bin/sh
exec $work/server reload
END
https=$(free_port)
if command -v nginx >/dev/null 2>&1; then
  write_nginx "$work/nginx" "$https" "$work/tls"
  cat >"$work/server" <<END
#!/bin/sh
case \$1 in
start) exec nginx -p "$work/nginx" -c nginx.conf -e error.log ;;
reload) exec nginx -p "$work/nginx" -c nginx.conf -e error.log -s reload ;;
esac
END
else
  cat >"$work/server" <<END
#!/bin/sh
[ "\$1" = start ] || kill "\$(cat "$work/server.pid")"
openssl s_server -accept 127.0.0.1:$https -cert "$work/tls/cert.pem" -cert_chain "$work/tls/chain.pem" \\
  -key "$work/tls/privkey.pem" -www -quiet >/dev/null 2>&1 &
echo \$! >"$work/server.pid"
END
fi
chmod 700 "$work/reload" "$work/server"
show ymgr issue localhost --san ip:127.0.0.1 --out "$work/tls" --deploy-hook "$work/reload"
"$work/server" start
wait_for_port "$https" https
if [ -f "$work/nginx/pid" ]; then server=$(cat "$work/nginx/pid"); else server=$(cat "$work/server.pid"); fi
ymgr ca export --what root >"$work/root.pem"
show curl -sS -o /dev/null -w 'verified by curl: %{ssl_verify_result}, HTTP %{http_code}\n' --cacert "$work/root.pem" "https://localhost:$https/"
before=$(served_serial)

say 'Renewed: the hook reloads the server, and curl sees the new serial number'
show ymgr renew localhost
other_than "$before" served_serial
[ -f "$work/server.pid" ] && server=$(cat "$work/server.pid")
show curl -sS -o /dev/null -w 'verified by curl: %{ssl_verify_result}, HTTP %{http_code}\n' --cacert "$work/root.pem" "https://localhost:$https/"

say 'Revoked: the CRL and an OCSP responder without any key of the CA say so'
ocsp=$(free_port)
ymgr ca serve --listen "127.0.0.1:$ocsp" >"$work/serve.log" 2>&1 &
responder=$!
wait_for_port "$ocsp" http
ymgr ca export --what chain >"$work/chain.pem"
ask() { openssl ocsp -issuer "$work/chain.pem" -CAfile "$work/root.pem" -cert "$work/tls/cert.pem" -url "http://127.0.0.1:$ocsp/ocsp" 2>/dev/null; }
ask >"$work/ocsp.txt"
grep -q ': good' "$work/ocsp.txt" || fail 'OCSP does not say good'
show ymgr revoke localhost --reason superseded --yes
ask >"$work/ocsp.txt" || true
grep ': revoked' "$work/ocsp.txt" | sed "s|$work/||" || fail 'OCSP does not say revoked'
ymgr ca crl >"$work/crl.pem"
if openssl verify -crl_check -CRLfile "$work/crl.pem" -CAfile "$work/root.pem" -untrusted "$work/chain.pem" "$work/tls/cert.pem" >"$work/verify.txt" 2>&1; then
  fail 'openssl accepts a revoked certificate'
fi
grep -q 'certificate revoked' "$work/verify.txt" || fail 'openssl does not say why'
echo 'openssl verify -crl_check: certificate revoked'

say 'Ten at once'
show ymgr issue 'api-{1..10}.example.com'

say 'What the policy does not allow'
expect 5 ymgr issue weak.example.com --key rsa-2048 --json

say 'Killed in the middle, and resumed'
if [ -x "$failpoint" ]; then
  status=0
  YMGR_FAILPOINT=kill@40 "$failpoint" issue 'job-{1..8}.example.com' --jobs 1 2>/dev/null || status=$?
  echo "ymgr issue 'job-{1..8}.example.com': killed (exit $status)"
  [ "$status" -eq 137 ] || fail 'the failpoint did not fire'
  show ymgr operation list
  show ymgr resume --all
  [ "$(ymgr cert list --select 'name=job-*' -o name | wc -l)" -eq 8 ] || fail 'not all eight are there'
else
  fail "no $failpoint; ./ymgr-dev demo makes it"
fi

say 'The report'
show ymgr report

say 'The audit trail'
show ymgr audit verify

"$top/examples/with-virtual-yubikey.sh" "$top/examples/demo-yubikey.sh"

printf '\ndemo: all of it worked\n'
