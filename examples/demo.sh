#!/bin/bash
# The main job on the embedded default, from nothing: one folder, no server. Called by `./ymgr-dev demo`; needs the programs
# of `./ymgr-dev build`. Everything stands in a temporary folder that is removed at the end.
set -eu

# shellcheck source=examples/scratch.sh
. "$(dirname -- "$0")/scratch.sh" demo

# shellcheck source=examples/story.sh
. "$top/examples/story.sh"
by=(show) quiet=() responder=
stop_all() {
  stop_server "$work/nginx"
  [ -z "$responder" ] || kill "$responder" 2>/dev/null || true
}

say 'A profile: database, sealed keys, root and issuing CA, policy, first admin'
make_profile
show ymgr whoami

say 'A certificate for localhost, with the hook that reloads the server after a renewal'
ymgr ca export --what root >"$work/root.pem"
served_with_hook localhost --san ip:127.0.0.1

say 'Renewed: the hook reloads the server, and curl sees the new serial number'
renewed_by_hook

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
killed_and_resumed example.com

say 'The report'
show ymgr report

say 'The audit trail'
show ymgr audit verify

"$top/examples/with-virtual-yubikey.sh" "$top/examples/demo-yubikey.sh"

printf '\ndemo: all of it worked\n'
