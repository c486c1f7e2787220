#!/bin/bash
# Mutual TLS between two services: each has a certificate from the same CA, the server lets nobody in without one, a name is an
# identity, and whoever is revoked stays outside as soon as the server has the new CRL.
set -eu

# shellcheck source=examples/scratch.sh
. "$(dirname -- "$0")/scratch.sh" mtls
stop_all() { [ ! -s "$work/orders/pid" ] || kill "$(cat "$work/orders/pid")" 2>/dev/null || true; }
orders() { nginx -p "$work/orders" -c nginx.conf -e error.log "$@"; }
call() { # call [NAME]: as that service
  local pair=()
  [ $# -eq 0 ] || pair=(--cert "$work/$1/fullchain.pem" --key "$work/$1/privkey.pem")
  curl -sS --max-time 10 --cacert "$work/root.pem" "${pair[@]}" "https://localhost:$port/"
}
write_crls() { { ymgr ca crl && ymgr ca crl --root; } >"$work/crls.pem"; }

make_profile
port=$(free_port)
ymgr ca export --what root >"$work/root.pem"
ymgr ca export --what chain >"$work/issuers.pem"
write_crls

say 'Two services: billing calls orders'
show ymgr issue localhost --out "$work/server" --label service=orders
show ymgr issue billing.internal --profile tls-client --out "$work/billing"
show ymgr issue wiki.internal --profile tls-client --out "$work/wiki"
write_nginx "$work/orders" "$port" "$work/server" "ssl_client_certificate $work/issuers.pem;
    ssl_crl $work/crls.pem;
    ssl_verify_client on;
    ssl_verify_depth 2;
    if (\$ssl_client_s_dn != \"CN=billing.internal\") { return 403; }" "orders for \$ssl_client_s_dn"
orders
wait_for_port "$port" https

say 'billing is let in; wiki has a good certificate, and no business here; nobody comes in without one'
show call billing
call wiki | grep -q '403 Forbidden' || fail 'wiki was let in'
call | grep -q '400 No required SSL certificate' || fail 'a client without a certificate was let in'
echo 'wiki: 403, without a certificate: 400'

say 'Renewed on both sides: nothing changes for either'
for name in localhost billing.internal; do show ymgr renew "$name" --force; done
orders -s reload
show call billing

say 'Its key was copied: revoked, destroyed here, and useless to the thief once the server has the new CRL'
cp -rL "$work/billing" "$work/thief"
show ymgr revoke billing.internal --reason keyCompromise --yes
write_crls
orders -s reload
tries=0
until call thief | grep -q '400 The SSL certificate error'; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail 'the thief is still let in'
  sleep 0.1
done
echo 'the thief: 400 The SSL certificate error'

printf '\nmtls: all of it worked\n'
