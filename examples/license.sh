#!/bin/sh
# For vendors of ymgr: makes licences that `ymgr license install` takes, with openssl and nothing else.
#
#   license.sh keygen KEY.pem              a key pair: KEY.pem, to be kept secret, and KEY.pem.pub; prints both forms of
#                                          license.vendor_key that customers may have in their configuration
#   license.sh sign KEY.pem --installation ID --customer NAME [--days 365] [--from DATE] [--id ID] >FILE
#                                          DATE: 2027-01-01 or 2027-01-01T00:00:00Z, today at first; the id is made up
#   license.sh show FILE [KEY.pem.pub]     prints a licence, and with the key says whether it signed that
#
# The installation's id is what `ymgr license id` prints. For another key one day, let customers have both for a while:
# license.vendor_key takes a list.
set -eu
umask 077
export LC_ALL=C.UTF-8

usage() {
  sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0" >&2
  exit 2
}
fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}
utc() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || fail "not a date: $1"; }
# A line of a licence: NAME VALUE.
line() {
  case $2 in *[[:cntrl:]]*) fail "a control character in $1" ;; esac
  printf '%s: %s\n' "$1" "$2"
}
# What stands before the signature is what is signed.
unsigned() { sed '/^signature: /,$d' "$1"; }

keygen() {
  [ $# -eq 1 ] || usage
  [ ! -e "$1" ] || fail "$1 exists already"
  openssl genpkey -algorithm ed25519 -out "$1"
  openssl pkey -in "$1" -pubout -out "$1.pub"
  chmod 644 "$1.pub"
  echo "license: {vendor_key: /etc/ymgr/$(basename "$1").pub}"
  echo "license: {vendor_key: \"ed25519:$(openssl pkey -pubin -in "$1.pub" -outform DER | tail -c 32 | base64)\"}"
}

sign() {
  [ $# -ge 1 ] || usage
  key=$1 installation='' customer='' days=365 from=$(date -u +%Y-%m-%dT00:00:00Z)
  id="lic-$(date -u +%Y%m%d)-$(openssl rand -hex 4)"
  shift
  while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case $1 in
    --installation) installation=$2 ;;
    --customer) customer=$2 ;;
    --days) days=$2 ;;
    --from) from=$2 ;;
    --id) id=$2 ;;
    *) usage ;;
    esac
    shift 2
  done
  [ -n "$installation" ] || fail "for which --installation?"
  [ -n "$customer" ] || fail "for which --customer?"
  case $days in '' | *[!0-9]*) fail "not a number of days: $days" ;; esac
  begin=$(utc "$from")
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  {
    echo ymgr-license-1
    line license_id "$id"
    line customer "$customer"
    line installation_id "$installation"
    line issued_at "$(utc now)"
    line not_before "$begin"
    line expires_at "$(utc "$begin + $days days")"
  } >"$work/license"
  openssl pkeyutl -sign -rawin -inkey "$key" -in "$work/license" -out "$work/signature"
  echo "signature: $(base64 -w 0 "$work/signature")" >>"$work/license"
  cat "$work/license"
}

show() {
  [ $# -eq 1 ] || [ $# -eq 2 ] || usage
  unsigned "$1"
  [ $# -eq 2 ] || exit 0
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  unsigned "$1" >"$work/license"
  sed -n 's/^signature: //p' "$1" | base64 -d >"$work/signature"
  openssl pkeyutl -verify -rawin -pubin -inkey "$2" -in "$work/license" -sigfile "$work/signature" >/dev/null 2>&1 ||
    fail "$2 has not signed this"
  echo "signed by $2"
}

[ $# -ge 1 ] || usage
what=$1
shift
case $what in
keygen | sign | show) "$what" "$@" ;;
*) usage ;;
esac
