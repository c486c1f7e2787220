#!/bin/bash
# Runs a command beside a virtual YubiKey, for pipelines and for trying things out: a private pcscd with one key plugged in, which
# the system's own pcscd and its readers never see. Needs pcscd and vsmartcard-vpcd, no root and no hardware.
#
#   examples/with-virtual-yubikey.sh [--firmware 5.7.4] [--serial 1001] [--folder DIR] COMMAND [ARGUMENT]...
#
# COMMAND finds the key through PCSCLITE_CSOCK_NAME. VIRTUAL_YUBIKEY_FOLDER holds virtual-yubikey-root.pem, the
# root of its attestations, and control, a Unix socket for the person beside the key: "touch given", "unplug", "plug". With --folder the
# key keeps its state there.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
program=${VIRTUAL_YUBIKEY:-$top/build/release/tests/virtual-yubikey}
driver=/usr/lib/pcsc/drivers/serial/libifdvpcd.so
port=35963 # in a network of its own: never taken
firmware=5.7.4
serial=1001
folder=

fail() {
  echo "with-virtual-yubikey: $*" >&2
  exit 1
}
while [ $# -gt 0 ]; do
  case $1 in
  --firmware) firmware=$2 && shift 2 ;;
  --serial) serial=$2 && shift 2 ;;
  --folder) folder=$2 && shift 2 ;;
  -*) fail "no option $1: see the head of $0" ;;
  *) break ;;
  esac
done
[ $# -gt 0 ] || fail "which command? See the head of $0"
[ -x "$program" ] || fail "$program is missing: ./ymgr-dev demo builds it"
[ -e "$driver" ] || fail "install vsmartcard-vpcd"
[ -x /usr/sbin/pcscd ] || fail "install pcscd"

place=$(mktemp -d "${TMPDIR:-/tmp}/virtual-yubikey-XXXXXX")
[ ${#place} -lt 90 ] || {
  rmdir "$place"
  fail "TMPDIR is too long: a socket's path has 107 characters at most"
}
pcscd=
# shellcheck disable=SC2317  # by the trap
end() {
  [ -z "$pcscd" ] || kill -KILL "$pcscd" 2>/dev/null || true
  rm -rf "$place"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

folder=${folder:-$place/key}
mkdir -p "$folder" "$place/run" "$place/readers"
folder=$(CDPATH='' cd -- "$folder" && pwd)
cat >"$place/readers/key" <<END
FRIENDLYNAME "Yubico YubiKey CCID"
DEVICENAME /dev/null:$port
LIBPATH $driver
CHANNELID $port
END

# Inside: a network with nothing but itself (vpcd listens on every address), our folder as /run/pcscd, the key, and pcscd. The key
# dies with pcscd, and pcscd with this script.
# shellcheck disable=SC2016  # expanded there
inside='
ip link set lo up
[ -d /run/pcscd ] || { mount -t tmpfs none /run && mkdir /run/pcscd; }
mount --bind "$1/run" /run/pcscd
(
  until [ -S "$1/run/pcscd.comm" ]; do sleep 0.05; done
  exec setpriv --pdeathsig KILL "$3" --vpcd 127.0.0.1:35963 --state "$2/state.json" --control "$2/control" --serial "$4" --firmware "$5"
) >"$1/key.log" 2>&1 &
polkit=$(/usr/sbin/pcscd --help | grep -o -m 1 -e --disable-polkit || true)
exec setpriv --pdeathsig KILL /usr/sbin/pcscd --foreground $polkit --config "$1/readers" >"$1/pcscd.log" 2>&1
'
rm -f "$folder/control"
unshare --user --map-root-user --mount --net sh -euc "$inside" pcscd "$place" "$folder" "$program" "$serial" "$firmware" </dev/null &
pcscd=$!
disown # nobody is told how it ended

export PCSCLITE_CSOCK_NAME=$place/run/pcscd.comm VIRTUAL_YUBIKEY_FOLDER=$folder
tries=0
until [ -S "$PCSCLITE_CSOCK_NAME" ] && [ -S "$folder/control" ]; do
  tries=$((tries + 1))
  if [ $tries -gt 200 ] || ! kill -0 $pcscd 2>/dev/null; then
    cat "$place"/*.log >&2
    fail "the private pcscd does not start: user namespaces may be forbidden here"
  fi
  sleep 0.05
done
tries=0
until HOME=$place timeout 10 opensc-tool --atr >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ $tries -le 100 ] || fail "the virtual YubiKey is not seen"
  sleep 0.1
done

status=0
"$@" || status=$?
exit $status
