#!/bin/bash
# OpenSSH with the YubiKey: the key in slot 9a is the login, and never leaves it. Runs its own sshd beside a virtual YubiKey; for a
# real one the same commands do, from `ymgr enroll` on.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
if [ -z "${VIRTUAL_YUBIKEY_FOLDER:-}" ]; then exec "$top/examples/with-virtual-yubikey.sh" "$0"; fi
# shellcheck source=examples/scratch.sh
. "$top/examples/scratch.sh" ssh-yubikey
command -v sshd >/dev/null || fail 'sshd is missing: apt install openssh-server'
agent='' sshd=''
stop_all() {
  for pid in $agent $sshd; do kill "$pid" 2>/dev/null || true; done
}
for module in /usr/lib/*/opensc-pkcs11.so; do [ -e "$module" ] && break; done

say 'A YubiKey, enrolled; a key and a certificate in slot 9a'
mkdir -p "$XDG_CONFIG_HOME/ymgr"
printf 'attestation:\n  roots: [%s]\n' "$VIRTUAL_YUBIKEY_FOLDER/virtual-yubikey-root.pem" >"$XDG_CONFIG_HOME/ymgr/ymgr.yaml"
(umask 077 && head -c 18 /dev/urandom | base64 >"$work/password" && printf 48151623 >"$work/pin")
show ymgr init --demo --admin alice --password-file "$work/password"
agent=$(ymgr agent start --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
show ymgr login --user alice --password-file "$work/password"
show ymgr enroll --owner alice
show ymgr set-pin --pin-file "$work/pin"
show ymgr issue alice --device 1001 --slot 9a

say 'The line for authorized_keys: no PIN is needed to read it'
ssh-keygen -D "$module" 2>/dev/null | head -n 1 >"$work/authorized_keys"
cut -c 1-60 "$work/authorized_keys"

say 'A server of its own, which takes nothing but this key'
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
port=$(free_port)
cat >"$work/sshd_config" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $work/host_key
PidFile $work/sshd.pid
AuthorizedKeysFile $work/authorized_keys
AuthenticationMethods publickey
UsePAM no
StrictModes no
END
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
"$(command -v sshd)" -D -f "$work/sshd_config" -E "$work/sshd.log" &
sshd=$!
tries=0
until grep -q 'Server listening' "$work/sshd.log" 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "sshd does not start: $(cat "$work/sshd.log")"
  sleep 0.1
done
printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d ' ' -f 1,2 "$work/host_key.pub")" >"$work/known_hosts"

say 'Login with the YubiKey; ssh asks for its PIN'
printf '#!/bin/sh\ncat %s\n' "$work/pin" >"$work/askpass"
chmod 700 "$work/askpass"
log_in() {
  SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force ssh -F none -I "$module" -o IdentitiesOnly=no -o IdentityAgent=none \
    -o UserKnownHostsFile="$work/known_hosts" -o PreferredAuthentications=publickey -p "$port" "$(id -un)@127.0.0.1" "$@"
}
show log_in echo 'hello from the other side'

say 'Renewed with a new key: the old line lets nobody in any more'
show ymgr renew alice --new-key --force
if log_in true 2>/dev/null; then fail 'the old line still lets the new key in'; fi
ssh-keygen -D "$module" 2>/dev/null | head -n 1 >"$work/authorized_keys"
show log_in echo 'hello again, with the new key'

printf '\nssh-yubikey: all of it worked\n'
