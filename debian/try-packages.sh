#!/bin/sh
# In a clean root, as root: installs /packages/*.deb and does what a new user does, who has nothing but README. See clean-root.sh.
set -eu

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
docs=/usr/share/doc/ymgr
fail() {
  echo "try-packages: $*" >&2
  exit 1
}
began=$(date +%s)
apt-get -qq update
apt-get -qq -y --no-install-recommends install /packages/ymgr_*.deb /packages/ymgr-agentd_*.deb openssl >/dev/null
useradd --create-home alice

# The commands of README's first two minutes, as they stand there; the one that the policy refuses must be refused.
# shellcheck disable=SC2016  # a dollar of the text
sed -n '/^## Two minutes/,/^## In plain/{/^```console/,/^```$/s/^\$ //p}' $docs/README.md >/tmp/commands
grep -q '^ymgr init ' /tmp/commands || fail 'README has no first steps'
cat >/tmp/story <<'END'
set -eu
cd
export XDG_RUNTIME_DIR=/dev/shm/alice
mkdir -p -m 0700 "$XDG_RUNTIME_DIR"
fail() {
  echo "try-packages: $*" >&2
  exit 1
}
mkdir bin
printf '#!/bin/sh\necho "$YMGR_HOOK_NAME: systemctl $*" >>"$HOME/reloaded"\n' >bin/systemctl # none runs in here
chmod 700 bin/systemctl
PATH=$HOME/bin:$PATH
while read -r command <&3; do
  printf '$ %s\n' "$command"
  status=0 wanted=0
  case $command in 'ymgr issue weak.'*) wanted=5 ;; esac
  eval "$command" 3<&- </dev/null || status=$?
  [ "$status" -eq "$wanted" ] || fail "exit status $status: $command"
done 3</tmp/commands

# What they leave is what README says: files, a hook that the renewal runs, three of a range.
ymgr ca export --what root >root.pem
openssl verify -CAfile root.pem -untrusted tls/chain.pem tls/cert.pem
serial=$(openssl x509 -in tls/cert.pem -noout -serial)
ymgr renew www.example.com --force
[ "$serial" != "$(openssl x509 -in tls/cert.pem -noout -serial)" ] || fail 'the renewal changed no file'
[ "$(cat reloaded)" = 'www.example.com: systemctl reload nginx' ] || fail 'the renewal ran no hook'
ymgr cert list --status active -o name >active
[ "$(sort active | tr '\n' ' ')" = 'api-1.example.com api-2.example.com www.example.com ' ] || fail "active: $(cat active)"
ymgr report --json >report.json
grep -q '"schema": "ymgr.report' report.json
ymgr report --html report.html
ymgr ask 'Issue certificates for api-1 through api-10, all RSA 4096, 90 days'
ymgr logout
ymgr-agentd --version
END
runuser -u alice -- sh /tmp/story
took=$(($(date +%s) - began))
echo "installed and through README's first steps in $took s"
[ "$took" -lt 600 ] || fail 'that is more than ten minutes'

for file in /usr/share/bash-completion/completions/ymgr /usr/share/zsh/vendor-completions/_ymgr \
  /usr/share/fish/vendor_completions.d/ymgr.fish $docs/sbom.spdx.json /usr/share/doc/ymgr-agentd/sbom.spdx.json \
  /usr/share/doc/ymgr-agentd/openapi.yaml $docs/examples/ansible/ymgr.yml; do
  [ -s "$file" ] || fail "$file is missing"
done
for unit in user/ymgr-agentd.service user/ymgr-agentd.socket user/ymgr-renew.timer user/ymgr-report.timer system/ymgr-renew.timer; do
  [ -e "/usr/lib/systemd/$unit" ] || fail "$unit is missing"
done
for script in "$docs"/examples/*.sh; do
  case $script in */demo-tools.sh | */scratch.sh | */team-servers.sh) continue ;; esac # sourced
  [ -x "$script" ] || fail "$script can't be run"
done
apt-get -qq -y --no-install-recommends install nginx-light curl systemd >/dev/null
runuser -u alice -- $docs/examples/nginx.sh
# shellcheck disable=SC2016  # expanded there
runuser -u alice -- sh -c 'cd && "$0" keygen vendor.pem && "$0" sign vendor.pem --installation inst-1 --customer acme' $docs/examples/license.sh
systemd-analyze verify --man=no /usr/lib/systemd/system/ymgr-* 2>&1 | grep ymgr && fail 'systemd dislikes a unit'

# A program of others over the library, both ways.
apt-get -qq -y --no-install-recommends install /packages/libymgr-dev_*.deb g++ cmake make pkgconf >/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=a.example.com \
  -addext subjectAltName=DNS:a.example.com -out /tmp/request.pem 2>/dev/null
cmake -S /usr/share/doc/libymgr-dev/examples -B /tmp/judge >/dev/null
cmake --build /tmp/judge >/dev/null
/tmp/judge/judge /tmp/request.pem
# shellcheck disable=SC2046  # words
g++ -std=c++20 /usr/share/doc/libymgr-dev/examples/main.cpp $(pkg-config --cflags --libs libymgr) -o /tmp/judge-too
/tmp/judge-too /tmp/request.pem

apt-get -qq -y purge ymgr ymgr-agentd libymgr-dev >/dev/null
[ ! -e /usr/bin/ymgr ] && [ ! -e /etc/ymgr ]
