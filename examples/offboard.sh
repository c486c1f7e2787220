#!/bin/bash
# Somebody leaves: one command ends logins, sessions and certificates and says which keys are to be given back; the server that bob
# looked after goes on. Runs beside a virtual YubiKey.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
if [ -z "${VIRTUAL_YUBIKEY_FOLDER:-}" ]; then exec "$top/examples/with-virtual-yubikey.sh" "$0"; fi
# shellcheck source=examples/scratch.sh
. "$top/examples/scratch.sh" offboard
agent=
stop_all() { [ -z "$agent" ] || kill "$agent" 2>/dev/null || true; }

say 'bob has a login, a certificate in his YubiKey, one in a file, and a server to look after'
mkdir -p "$XDG_CONFIG_HOME/ymgr"
printf 'attestation:\n  roots: [%s]\n' "$VIRTUAL_YUBIKEY_FOLDER/virtual-yubikey-root.pem" >"$XDG_CONFIG_HOME/ymgr/ymgr.yaml"
for name in alice bob; do (umask 077 && head -c 18 /dev/urandom | base64 >"$work/$name.password"); done
show ymgr init --demo --admin alice --password-file "$work/alice.password"
agent=$(ymgr agent start --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
show ymgr login --user alice --password-file "$work/alice.password"
show ymgr user add bob --password-file "$work/bob.password"
show ymgr enroll --owner bob
show ymgr issue bob --device 1001 --slot 9a
show ymgr issue bob-laptop --profile tls-client --owner bob --out "$work/laptop"
show ymgr issue wiki.example.com --owner bob --out "$work/wiki"
as_bob() { YMGR_USER=bob YMGR_PASSWORD_FILE=$work/bob.password "$@"; }
show as_bob ymgr cert list

say 'What would be ended'
show ymgr user offboard bob --keep tls-server --dry-run

say 'Done, and told to everybody who reads the CRL'
show ymgr user offboard bob --keep tls-server --note 'left on Friday' --yes >"$work/offboarded"
cat "$work/offboarded"
grep -q 'to give back: YubiKey 1001' "$work/offboarded" || fail 'nobody is told of the YubiKey'
expect 4 as_bob ymgr cert list
ymgr ca export --what root >"$work/root.pem"
ymgr ca export --what chain >"$work/chain.pem"
{ ymgr ca crl && ymgr ca crl --root; } >"$work/crls.pem"
checked() { openssl verify -crl_check -CAfile "$work/root.pem" -untrusted "$work/chain.pem" -CRLfile "$work/crls.pem" "$1"; }
show checked "$work/wiki/cert.pem"
if checked "$work/laptop/cert.pem" 2>"$work/refused"; then fail 'the laptop is still believed'; fi
grep -o -m 1 'certificate revoked' "$work/refused"

say 'The YubiKey comes back: wiped, ready for the next person'
show ymgr device reset 1001 --confirm 1001
show ymgr device show 1001
show ymgr audit verify

printf '\noffboard: all of it worked\n'
