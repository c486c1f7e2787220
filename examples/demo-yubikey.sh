#!/bin/bash
# A YubiKey's life, from a key as the factory made it to a login that its revocation ends. Called by examples/demo.sh, beside a virtual
# YubiKey (examples/with-virtual-yubikey.sh); the same commands serve a real one.
set -eu

: "${work:?examples/demo.sh runs this}" "${VIRTUAL_YUBIKEY_FOLDER:?examples/with-virtual-yubikey.sh runs this}"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=examples/demo-tools.sh
. "$here/demo-tools.sh"
# shellcheck source=examples/story.sh
. "$here/story.sh"

export YMGR_HOME=$work/yubikey/profile XDG_CONFIG_HOME=$work/yubikey/config
mkdir -p "$YMGR_HOME/.." "$XDG_CONFIG_HOME/ymgr"
cd "$work/yubikey"

agent=
# shellcheck disable=SC2317  # by the trap
end() {
  [ -z "$agent" ] || kill "$agent" 2>/dev/null || true
  stop_server nginx
}
trap end EXIT

say 'A profile for demonstrations: it also trusts the attestations of the virtual YubiKey'
printf 'attestation:\n  roots: [%s]\n' "$VIRTUAL_YUBIKEY_FOLDER/virtual-yubikey-root.pem" >"$XDG_CONFIG_HOME/ymgr/ymgr.yaml"
show ymgr init --demo --admin alice --password-file "$work/password"

say 'Login, with the agent beside the YubiKey'
echo '$ ymgr agent start'
agent=$(ymgr agent start --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
show ymgr login --user alice --password-file "$work/password"
show ymgr device list

say 'Enrolled: attested, and PIN, PUK and management key made at random'
show ymgr enroll --owner alice

say "A PIN of one's own"
(umask 077 && printf 48151623 >pin)
show ymgr set-pin --pin-file pin

say 'A key made in slot 9a, attested, and its certificate beside it'
show ymgr issue alice --device 1001 --slot 9a --san upn:alice@example.com

say 'Login to a web server with the YubiKey, through PKCS#11'
ymgr issue localhost --out server >/dev/null
ymgr ca export --what root >root.pem
ymgr ca export --what chain >issuers.pem
write_crls() { { ymgr ca crl && ymgr ca crl --root; } >crls.pem; }
write_crls
login_server "$PWD/nginx" localhost "$PWD/server" "$PWD/issuers.pem" "$PWD/crls.pem" "$PWD/pin"
logged_in_as alice

say 'Renewed: a new certificate for the key in the slot, and the login goes on'
show ymgr renew alice
log_in

say 'Revoked: the server, told by the CRL, lets that certificate in no more'
show ymgr revoke alice --reason cessationOfOperation --yes
write_crls
no_more_let_in

say 'What is known of the YubiKey'
show ymgr device show 1001
show ymgr report
