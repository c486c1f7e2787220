# shellcheck shell=bash
# What the parts of the demonstration share.

say() { printf '\n== %s\n' "$*"; }
show() {
  printf '$ %s\n' "$*"
  "$@"
}
fail() {
  echo "${example:-demo}: $*" >&2
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
free_port() { # one that nobody has just now, and that no outgoing connection is given
  port=$((RANDOM % 20000 + 12000))
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
# write_nginx FOLDER PORT TLS [MORE [TEXT]]: the configuration of a server with the certificate in TLS that answers TEXT.
write_nginx() {
  mkdir -p "$1"
  cat >"$1/nginx.conf" <<END
pid $1/pid;
error_log $1/error.log info;
events {}
http {
  access_log off;
  client_body_temp_path $1; proxy_temp_path $1; fastcgi_temp_path $1; uwsgi_temp_path $1; scgi_temp_path $1;
  server {
    listen 127.0.0.1:$2 ssl;
    server_name localhost;
    ssl_certificate $3/fullchain.pem;
    ssl_certificate_key $3/privkey.pem;
    ${4:-}
    location / { return 200 "${5:-hello over TLS}\n"; }
  }
}
END
}
# other_than BEFORE COMMAND...: waits until COMMAND prints something else; shows both.
other_than() {
  before=$1
  shift
  tries=0
  while after=$("$@") && [ "$after" = "$before" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "still $before"
    sleep 0.1
  done
  echo "before: $before"
  echo "after:  $after"
}
