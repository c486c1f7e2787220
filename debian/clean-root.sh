#!/bin/sh
# Builds the packages in a clean root of a Debian release, then installs and tries them in another. Needs mmdebstrap, and root or user
# namespaces; leaves the packages in build/package/RELEASE. Called by `./ymgr-dev package`.
#
#   debian/clean-root.sh [--twice] RELEASE       RELEASE: bookworm, trixie. --twice: built in two folders, which must give the same bytes
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
twice=
[ "$1" != --twice ] || { twice=yes && shift; }
release=$1
out=$top/build/package/$release
mkdir -p "$out"
rm -f "$out"/*

# Only what belongs to the project, as it stands.
source=$top/build/package/source.tar
tar -C "$top" --exclude=./build --exclude=./.git --exclude=./.ci --sort=name --owner=0 --group=0 -cf "$source" .

# What happens inside; $1 is the root.
cat >"$top/build/package/build.sh" <<'END'
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
twice=${1:-}
mkdir -p /out /build/ymgr
tar -xf /source.tar -C /build/ymgr
cd /build/ymgr
apt-get -qq update
apt-get -qq -y --no-install-recommends install dpkg-dev >/dev/null
apt-get -qq -y --no-install-recommends -P nocheck build-dep ./ >/dev/null
build() { (cd "$1" && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc -b -Pnocheck >/tmp/log 2>&1) || { tail -n 60 /tmp/log && exit 1; }; }
build /build/ymgr
cp /build/*.deb /build/*.buildinfo /build/*.changes /out
if [ -n "$twice" ]; then
  mkdir -p "/another-place/with-a-longer-name/ymgr"
  tar -xf /source.tar -C "/another-place/with-a-longer-name/ymgr"
  build "/another-place/with-a-longer-name/ymgr"
  (cd /out && sha256sum -- *.deb) >/tmp/first
  (cd "/another-place/with-a-longer-name" && sha256sum -- *.deb) >/tmp/second
  cmp /tmp/first /tmp/second
fi
END

say() { printf '== %s\n' "$*" >&2; }
say "$release: building${twice:+, twice}"
mmdebstrap --quiet --variant=apt --customize-hook="upload '$source' /source.tar" \
  --customize-hook="upload '$top/build/package/build.sh' /build.sh" \
  --customize-hook="chroot \"\$1\" sh /build.sh $twice" --customize-hook="sync-out /out '$out'" "$release" /dev/null
[ -z "$twice" ] || say "$release: both builds gave the same bytes"

say "$release: installing and trying"
tar -C "$top" -cf "$top/build/package/try.tar" examples/libymgr debian/try-packages.sh
mmdebstrap --quiet --variant=apt --customize-hook="mkdir \"\$1/packages\"" --customize-hook="sync-in '$out' /packages" \
  --customize-hook="tar-in '$top/build/package/try.tar' /packages" \
  --customize-hook="chroot \"\$1\" sh /packages/debian/try-packages.sh" "$release" /dev/null
say "$release: all of it worked"
