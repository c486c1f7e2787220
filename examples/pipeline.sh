#!/bin/bash
# A pipeline that issues itself a certificate of one hour: the runner's JWT (GitHub's, GitLab's; here our own, signed by openssl) is the
# login, so no secret is stored anywhere, and no other branch gets one. github-actions.yml and gitlab-ci.yml are the last part of it.
set -euo pipefail

# shellcheck source=examples/scratch.sh
. "$(dirname -- "$0")/scratch.sh" pipeline
stop_all() { end_servers; }
# shellcheck source=examples/team-servers.sh
. "$top/examples/team-servers.sh"
write_team_yaml
make_passwords ada
set_up_team --no-progress >/dev/null

say "Once, by whoever runs Vault: it believes the runner's tokens, if they are made for it"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/runner.key" 2>/dev/null
public=$(openssl pkey -in "$work/runner.key" -pubout | sed ':a;N;$!ba;s/\n/\\n/g')
root=$(cat "$work/root.token")
api POST sys/auth/jwt "$root" <<<'{"type": "jwt"}'
api POST auth/jwt/config "$root" <<<"{\"jwt_validation_pubkeys\": [\"$public\\n\"], \"bound_issuer\": \"https://runner.corp.test\"}"
api POST auth/jwt/role/pipelines "$root" <<<'{"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_ttl": "10m"}'

say 'Once, by an admin: the main branch of the shop may have certificates for services'
subject=repo:corp/shop:ref:refs/heads/main
tell ada ymgr login --user ada --password-file "$work/ada.password"
# The auth method by which the pipeline will be known; the admin stays who he is.
sed '/^vault:/a\  auth: jwt\n  role: pipelines\n  jwt_file: '"$work/job/jwt" "$work/team.yaml" >"$work/pipeline.yaml"
config=$work/pipeline.yaml tell ada ymgr user add shop-deploy --role renewer --login "$subject"

# run_of SUBJECT: what the runner leaves in a job's folder, a JWT of five minutes.
run_of() {
  base64url() { base64 -w 0 | tr '+/' '-_' | tr -d '='; }
  local now claims signature
  now=$(date +%s)
  claims="{\"iss\":\"https://runner.corp.test\",\"aud\":\"vault\",\"sub\":\"$1\",\"iat\":$now,\"nbf\":$now,\"exp\":$((now + 300))}"
  claims=$(printf '{"alg":"ES256","typ":"JWT"}' | base64url).$(printf %s "$claims" | base64url)
  # From DER to the two numbers of RFC 7518, 32 bytes each.
  signature=$(printf %s "$claims" | openssl dgst -sha256 -sign "$work/runner.key" | openssl asn1parse -inform DER |
    sed -n 's/.*INTEGER *:\([0-9A-F]*\)/\1/p' | while read -r number; do printf '%064s' "$number" | tr ' ' 0; done)
  mkdir -p "$work/job"
  (umask 077 && printf '%s.%s' "$claims" "$(printf %s "$signature" | basenc --base16 -d | base64url)" >"$work/job/jwt")
}

say 'In the job: one command, which logs in for itself and leaves no session behind'
config=$work/pipeline.yaml
run_of "$subject"
tell job ymgr issue shop.corp.test --profile tls-client --validity 1h --key-store file --out tls
as job openssl x509 -in tls/cert.pem -noout -subject -dates
as job ymgr whoami --json --fields user,role

say 'A job of another branch has a token as good as that, and gets nothing'
run_of repo:corp/shop:ref:refs/heads/feature
refused 4 job ymgr issue shop.corp.test --profile tls-client --validity 1h --another

printf '\npipeline: all of it worked\n'
