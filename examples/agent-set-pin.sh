#!/bin/sh
# Changes the PIN of a YubiKey by asking ymgr-agentd itself, with curl, openssl and a token of `ymgr login`. Nothing secret
# becomes an argument of a program: other users of this machine can read those.
#
#   agent-set-pin.sh SERIAL CURRENT-PIN-FILE NEW-PIN-FILE [http://127.0.0.1:56123]
#
# agentd/openapi.yaml describes every request that is made here.
#
# The inventory learns nothing of it: the PIN that ymgr keeps of an enrolled YubiKey (`secrets.pin: escrow`) is wrong afterwards.
# There, use `ymgr set-pin`; `ymgr device unblock SERIAL` mends it. This is for keys whose PIN is the person's own.
set -eu
umask 077
if [ $# -lt 3 ] || [ $# -gt 4 ]; then
  echo "usage: ${0##*/} SERIAL CURRENT-PIN-FILE NEW-PIN-FILE [http://127.0.0.1:56123]" >&2
  exit 2
fi
serial=$1 current_file=$2 new_file=$3 agent=${4:-http://127.0.0.1:56123}
path=/piv/set-pin
work=$(mktemp -d)
bearer="$work/bearer"

# The text of one member of the agent's answers, which are JSON on one line.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
ask() { curl -sS --fail-with-body --max-time 60 "$@"; }
ask_in_session() { ask -H "@$bearer" -H 'Content-Type: application/json' "$@"; }
leave() {
  [ ! -e "$bearer" ] || ask_in_session -X DELETE "$agent/session" >/dev/null || true
  rm -rf "$work"
}
trap leave EXIT

# 1. Is somebody there, and with which key?
ask "$agent/.well-known/yubimgr-agent" >&2
echo >&2
key_id=$(ask "$agent/pubkey" | member key_id)

# 2. A session: the identity token says who asks, the answer brings the session's own secret and its public key.
token=$(ymgr whoami --identity-token) # ends the script where nobody is logged in
printf 'Authorization: Bearer %s' "$token" >"$work/token"
ask -H "@$work/token" -H 'Content-Type: application/json' -d "{\"key_id\":\"$key_id\"}" "$agent/session" >"$work/session"
printf 'Authorization: Bearer %s' "$(member session <"$work/session")" >"$bearer"
printf '%b' "$(member public_key <"$work/session")" >"$work/key.pem"

# 3. A nonce: this one request, once, within a minute.
nonce=$(ask_in_session -d '{}' "$agent/nonce" | member nonce)

# 4. The body without its secrets. Its hash is part of each secret's label, so that no secret fits another request.
body() {
  printf '{"encrypted":true,"pin":"%s","current_pin":"%s","serial":"%s","nonce":"%s"}' "$1" "$2" "$serial" "$nonce"
}
digest=$(body '' '' | openssl dgst -sha256 -r | cut -c1-64)

# 5. RSA-OAEP with SHA-256 and the label: version NUL path NUL field NUL nonce NUL hash.
seal() {
  label=$(printf 'ymgr-agent-v1\0%s\0%s\0%s\0' "$path" "$1" "$nonce" | hex)$digest
  tr -d '\n' <"$2" | openssl pkeyutl -encrypt -pubin -inkey "$work/key.pem" -pkeyopt rsa_padding_mode:oaep \
    -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256 -pkeyopt "rsa_oaep_label:$label" | openssl base64 -A
}

# 6. The request.
body "$(seal pin "$new_file")" "$(seal current_pin "$current_file")" | ask_in_session --data-binary @- "$agent$path"
echo
