#!/bin/bash
# A team's whole story: OpenBao and PostgreSQL set up from a plan that was reviewed, four people with four roles, a YubiKey's life,
# certificates with keys that never leave Vault, a web server, a login with the YubiKey and its end, and what is checked afterwards.
# Needs what `./ymgr-dev test` installs and builds; everything stands in a temporary folder that is removed at the end.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
if [ -z "${VIRTUAL_YUBIKEY_FOLDER:-}" ]; then exec "$top/examples/with-virtual-yubikey.sh" "$0"; fi
# shellcheck source=examples/scratch.sh
. "$top/examples/scratch.sh" team
# shellcheck source=examples/story.sh
. "$top/examples/story.sh"
by=(tell oscar) quiet=(as oscar) agents=
stop_all() {
  stop_server "$work/nginx"
  stop_server "$work/intranet"
  stop_agents
  end_servers
}

# start_agent NAME: the agent beside that person's YubiKey.
start_agent() {
  printf '%s$ ymgr agent start\n' "$1"
  local pid
  pid=$(as "$1" ymgr agent start --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
  [ -n "$pid" ] || fail "the agent of $1 does not start"
  agents="$agents $pid"
  as "$1" ymgr login --user "$1" --password-file "$work/$1.password" >/dev/null
}
stop_agents() {
  for pid in $agents; do kill "$pid" 2>/dev/null || true; done
  agents=
}

say 'The servers: OpenBao with TLS and Raft, PostgreSQL with TLS'
# shellcheck source=examples/team-servers.sh
. "$top/examples/team-servers.sh"
write_team_yaml
cat >>"$work/team.yaml" <<END
attestation:
  roots: [$VIRTUAL_YUBIKEY_FOLDER/virtual-yubikey-root.pem]
END
cat "$work/team.yaml"

say 'A plan for the change review: policies, a script for Vault, SQL, and a line for each privilege with its reason'
tell ada ymgr init --team --plan plan --create-ca
as ada sed -n 1,20p plan/REVIEW.md

say 'Set up, by whoever may: a token that writes mounts and policies, a database role that makes roles'
make_passwords ada oscar uma aude
set_up_team --demo
say 'Again: nothing is done twice'
tell ada ymgr init --team --apply --create-ca --yes --vault-token-file "$work/root.token" \
  --database-user installer --database-password-file "$work/installer.password"

say 'The admin makes the others known; the root token is not needed any more'
tell ada ymgr login --user ada --password-file "$work/ada.password"
tell ada ymgr user add oscar --role operator --password-file "$work/oscar.password"
tell ada ymgr user add uma --role user --mail uma@corp.test --upn uma@ad.corp.test --password-file "$work/uma.password"
tell ada ymgr user add aude --role auditor --password-file "$work/aude.password"

say 'Everybody logs in; --check tells what a role misses'
for name in oscar uma aude; do tell "$name" ymgr login --user "$name" --password-file "$work/$name.password"; done
for name in ada oscar uma aude; do tell "$name" ymgr init --team --check; done

say 'A server certificate, its key in transit, where it stays'
tell oscar ymgr issue www.corp.test
tell oscar ymgr issue db.corp.test --key rsa-3072 --key-store file --out db
refused 1 oscar ymgr issue www.bank.test
refused 4 aude ymgr issue mine.corp.test

say 'A web server, with the hook that reloads it after a renewal'
# What Vault publishes: anybody may read it.
published() { curl -sS --fail-with-body --max-time 20 --cacert "$servers_ca" "${@:2}" "$bao_address/v1/$1"; }
published pki-root/ca/pem >"$work/root.pem"
published pki/ca/pem >"$work/issuing.pem"
(cat "$work/issuing.pem" && echo && cat "$work/root.pem") >"$work/issuers.pem"
write_crls() { (published pki/crl/pem && echo && published pki-root/crl/pem) >"$work/crls.pem"; }
served_with_hook shop.corp.test --key-store file
renewed_by_hook

say 'Ten at once'
tell oscar ymgr issue 'api-{1..10}.corp.test'

say 'What the policy does not allow'
refused 5 oscar ymgr issue weak.corp.test --key rsa-2048 --json

say 'Killed in the middle, and resumed'
killed_and_resumed corp.test

say 'A YubiKey: enrolled by the operator for uma'
start_agent oscar
tell oscar ymgr enroll --owner uma
stop_agents
say 'A certificate in her name: signed by an admin, since it takes her own session or an admin, and the management key'
start_agent ada
tell ada ymgr issue uma --owner uma --device 1001 --slot 9a --san upn:uma@ad.corp.test
stop_agents
say 'On her own machine: a PIN of her choice, and what is hers'
start_agent uma
(umask 077 && printf 48151623 >"$work/uma.pin")
tell uma ymgr set-pin --pin-file "$work/uma.pin"
tell uma ymgr device show 1001
tell uma ymgr cert list
refused 4 uma ymgr device reveal 1001 --what puk --note curious

say 'Login to a web server with the YubiKey, through PKCS#11'
write_crls
login_server "$work/intranet" shop.corp.test "$work/tls" "$work/issuers.pem" "$work/crls.pem" "$work/uma.pin"
logged_in_as uma

say 'Renewed: a new certificate for the key in the slot, and the login goes on'
stop_agents
start_agent ada
tell ada ymgr renew uma
logged_in_as uma

say "Revoked: Vault's OCSP responder says so, and the server, told by the CRL, lets that certificate in no more"
as uma ymgr cert export uma >"$work/uma.pem"
openssl ocsp -issuer "$work/issuing.pem" -cert "$work/uma.pem" -no_nonce -reqout "$work/ocsp.request" 2>/dev/null
asked() {
  published pki/ocsp --data-binary "@$work/ocsp.request" -H 'content-type: application/ocsp-request' -o "$work/ocsp.answer"
  openssl ocsp -issuer "$work/issuing.pem" -cert "$work/uma.pem" -CAfile "$work/issuers.pem" -respin "$work/ocsp.answer" -no_nonce 2>/dev/null |
    sed -n "s|^$work/uma.pem: |OCSP: |p"
}
[ "$(asked)" = 'OCSP: good' ] || fail 'OCSP does not say good'
tell oscar ymgr revoke uma --reason cessationOfOperation --yes
asked | grep revoked || fail 'OCSP does not say revoked'
write_crls
no_more_let_in

say 'Renewed, and revoked'
tell oscar ymgr renew www.corp.test --force
tell oscar ymgr revoke db.corp.test shop.corp.test --reason keyCompromise --yes
tell oscar ymgr renew --due
tell oscar ymgr cert list

say 'What is known of the YubiKey'
tell ada ymgr device show 1001

say 'What an auditor sees: the chain holds, and the servers agree with each other'
tell aude ymgr audit verify
tell aude ymgr report
tell ada ymgr audit checkpoint
tell ada ymgr doctor --check postgresql-certificate
tell ada ymgr reconcile --vault-audit "$servers/bao/audit.log"

say 'Logged out: token and database login are dead'
for name in ada oscar uma aude; do tell "$name" ymgr logout; done
refused 4 uma ymgr whoami
printf '\nteam: all of it worked\n'
