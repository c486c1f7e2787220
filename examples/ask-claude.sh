#!/bin/sh
# Lets a language model read the sentences that the grammar of `ymgr ask` does not: the Claude API by curl and jq. In ymgr.yaml:
#
#   ask:
#     command: [/usr/share/doc/ymgr/examples/ask-claude.sh]
#
# The sentence comes in on standard input and is all that leaves this machine, beside the list of commands below. The answer is
# one JSON document, as `ymgr schema ask-answer` describes it; ymgr checks it, prints it, and runs nothing without a yes.
#
#   ASK_CLAUDE_KEY_FILE   file with the API key (0600), ~/.config/ymgr/anthropic.key at first; else ANTHROPIC_API_KEY
#   ASK_CLAUDE_MODEL      the model's name
#   ANTHROPIC_BASE_URL    https://api.anthropic.com at first
#
# The tests run it against a small local server that plays the API; they never ask the real one.
set -eu
umask 077
key_file=${ASK_CLAUDE_KEY_FILE:-${HOME:?}/.config/ymgr/anthropic.key}
model=${ASK_CLAUDE_MODEL:-claude-sonnet-4-5}
url=${ANTHROPIC_BASE_URL:-https://api.anthropic.com}/v1/messages

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM

fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 1
}

if [ -r "$key_file" ]; then
  case $(stat -c %a "$key_file") in
    ?00) key=$(cat "$key_file") ;;
    *) fail "$key_file can be read by others: chmod 600 $key_file" ;;
  esac
elif [ -n "${ANTHROPIC_API_KEY:-}" ] && [ ! -e "$key_file" ]; then
  key=$ANTHROPIC_API_KEY
else
  fail "there is no API key: write it into $key_file (0600), or set ANTHROPIC_API_KEY"
fi

cat >"$work/system" <<'COMMANDS'
You turn one sentence of an operator into one command line of ymgr, a tool for certificates and YubiKeys. Answer with the tool.
Give argv: the command's words without "ymgr", each option and its value as separate words. Give a question instead whenever
anything is missing, ambiguous, negated, conditional, about several commands, or not in this list. Never guess names, serial
numbers or dates. Never put a PIN, password or path into argv.

issue NAME... [--key rsa-3072|rsa-4096|ec-p256|ec-p384|ed25519] [--validity 90d] [--profile tls-server|tls-client|service|email]
  [--san dns:NAME] [--owner USER] [--device SERIAL --slot 9a] [--label KEY=VALUE] [--ensure]; ranges: api-{1..10}
renew CERT... [--new-key] [--key ALGORITHM] [--validity 90d]; renew --due [--renew-before 14d] [--select owner=USER]
revoke CERT... [--reason keyCompromise|superseded|cessationOfOperation|affiliationChanged|certificateHold|privilegeWithdrawn]
cert list [--select owner=USER,name=*.DOMAIN,profile=NAME,device=SERIAL] [--status active|superseded|revoked] [--expired]
  [--expiring 30d]; cert show CERT; cert check CERT; cert explain CERT
report [--weekly] [--from DATE] [--to DATE]; whoami; user list; user show USER; user disable USER; user enable USER; user offboard USER
device list [--owner USER] [--status enrolled|lost|retired]; device show SERIAL; device unblock SERIAL; device lost SERIAL
device found SERIAL; device retire SERIAL; device reset SERIAL; device assign SERIAL USER
enroll [--device SERIAL] [--owner USER] [--slot 9a]; set-pin [--device SERIAL]
audit list [--actor USER] [--target NAME] [--from DATE] [--to DATE]; audit verify
operation list; operation show ID; resume ID; resume --all; reconcile [--device SERIAL]; policy show; ca show
Every one that changes something takes --dry-run. There are no other options.
COMMANDS

head -c 4096 >"$work/sentence"
jq -n --arg model "$model" --rawfile system "$work/system" --rawfile sentence "$work/sentence" '{
  model: $model,
  max_tokens: 1024,
  system: $system,
  messages: [{role: "user", content: $sentence}],
  tools: [{
    name: "answer",
    description: "The command, or a question to the operator.",
    input_schema: {
      type: "object",
      properties: {argv: {type: "array", items: {type: "string"}}, question: {type: "string"}},
      additionalProperties: false
    }
  }],
  tool_choice: {type: "tool", name: "answer"}
}' >"$work/request"

# The key reaches curl through a pipe: arguments can be read by other users of this machine, and a file could outlive us.
status=$(printf 'x-api-key: %s\nanthropic-version: 2023-06-01\ncontent-type: application/json\n' "$key" |
  curl -sS --max-time 50 -o "$work/answer" -w '%{http_code}' -H @- --data-binary "@$work/request" "$url") ||
  fail "the API does not answer"
[ "$status" = 200 ] || fail "the API answers $status: $(jq -r '.error.message // "no reason"' <"$work/answer" 2>/dev/null || true)"
jq -ce '[.content[] | select(.type == "tool_use" and .name == "answer")][0].input' <"$work/answer" ||
  fail "the API gave no command and no question"
