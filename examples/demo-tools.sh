# shellcheck shell=bash
# What the parts of the demonstration share.

say() { printf '\n== %s\n' "$*"; }
show() {
  printf '$ %s\n' "$*"
  "$@"
}
fail() {
  echo "demo: $*" >&2
  exit 1
}
# expect STATUS COMMAND...: shows it and checks its exit status.
expect() {
  wanted=$1
  shift
  printf '$ %s\n' "$*"
  status=0
  "$@" || status=$?
  [ "$status" -eq "$wanted" ] || fail "exit status $status instead of $wanted: $*"
}
free_port() { # one that nobody has just now
  port=$(($$ % 20000 + 20000))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}
wait_for_port() {
  tries=0
  until curl -s -o /dev/null --max-time 1 "$2://127.0.0.1:$1/" || [ $? -ne 7 ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "nothing answers on port $1"
    sleep 0.1
  done
}
