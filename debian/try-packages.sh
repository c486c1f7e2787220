#!/bin/sh
# In a clean root, as root: installs /packages/*.deb and does what README begins with, as an ordinary user. See clean-root.sh.
set -eu

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
apt-get -qq update
apt-get -qq -y --no-install-recommends install /packages/ymgr_*.deb /packages/ymgr-agentd_*.deb openssl >/dev/null
useradd --create-home alice
cat >/tmp/story <<'END'
set -eu
cd
export XDG_RUNTIME_DIR=/dev/shm/alice
mkdir -p -m 0700 "$XDG_RUNTIME_DIR"
(umask 077 && openssl rand -base64 18 >password)
ymgr version
ymgr init --admin alice --password-file password
ymgr login --user alice --password-file password
ymgr issue www.example.com --out tls
ymgr ca export --what root >root.pem
openssl verify -CAfile root.pem -untrusted tls/chain.pem tls/cert.pem
ymgr renew www.example.com --force
ymgr revoke www.example.com --reason superseded --yes
ymgr renew --due
ymgr report --json >report.json
grep -q '"schema": "ymgr.report' report.json
ymgr audit verify
ymgr logout
ymgr-agentd --version
END
runuser -u alice -- sh /tmp/story
for file in /usr/share/bash-completion/completions/ymgr /usr/share/zsh/vendor-completions/_ymgr \
  /usr/share/fish/vendor_completions.d/ymgr.fish /usr/share/doc/ymgr/sbom.spdx.json /usr/share/doc/ymgr-agentd/sbom.spdx.json \
  /usr/share/doc/ymgr-agentd/openapi.yaml; do
  [ -s "$file" ] || { echo "$file is missing" >&2 && exit 1; }
done
for unit in ymgr-agentd.service ymgr-agentd.socket ymgr-renew.timer ymgr-report.timer; do
  [ -e "/usr/lib/systemd/user/$unit" ] || { echo "$unit is missing" >&2 && exit 1; }
done

# A program of others over the library, both ways.
apt-get -qq -y --no-install-recommends install /packages/libymgr-dev_*.deb g++ cmake make pkgconf >/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=a.example.com \
  -addext subjectAltName=DNS:a.example.com -out /tmp/request.pem 2>/dev/null
cmake -S /packages/examples/libymgr -B /tmp/judge >/dev/null
cmake --build /tmp/judge >/dev/null
/tmp/judge/judge /tmp/request.pem
# shellcheck disable=SC2046  # words
g++ -std=c++20 /packages/examples/libymgr/main.cpp $(pkg-config --cflags --libs libymgr) -o /tmp/judge-too
/tmp/judge-too /tmp/request.pem

apt-get -qq -y purge ymgr ymgr-agentd libymgr-dev >/dev/null
[ ! -e /usr/bin/ymgr ] && [ ! -e /etc/ymgr ]
