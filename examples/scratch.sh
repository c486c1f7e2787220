# shellcheck shell=bash
# A place of its own for an example, removed at the end: sourced with the example's name, after `set -eu`. Sets top and work, YMGR_HOME
# and its neighbours in there, and the tools of demo-tools.sh; calls the example's stop_all at the end, where there is one.

example=${1:?the name of the example}
top=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
PATH=${YMGR_DEMO_BIN:-$top/build/release/bin}:/usr/sbin:/sbin:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/ymgr-$example-XXXXXX")
tmpfs=/dev/shm
[ -w "$tmpfs" ] || tmpfs=$work
XDG_RUNTIME_DIR=$(mktemp -d "$tmpfs/ymgr-$example-XXXXXX")
YMGR_HOME=$work/profile
XDG_CONFIG_HOME=$work/config
export PATH work YMGR_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR
unset YMGR_CONFIG YMGR_CONTEXT YMGR_USER YMGR_PASSWORD_FILE 2>/dev/null || true

# shellcheck source=examples/demo-tools.sh
. "$top/examples/demo-tools.sh"

stop_all() { :; }
# shellcheck disable=SC2317  # by the trap
end() {
  local status=$?
  stop_all
  rm -rf "$work" "$XDG_RUNTIME_DIR"
  [ "$status" -eq 0 ] || echo "$example: FAILED (exit $status)" >&2
}
trap end EXIT
trap 'exit 130' INT TERM

# A profile with alice, its admin, logged in.
make_profile() {
  (umask 077 && head -c 18 /dev/urandom | base64 >"$work/password")
  show ymgr init --admin alice --password-file "$work/password"
  show ymgr login --user alice --password-file "$work/password"
}
