#!/bin/sh
# Installs Debian 13's Swift as a root of its own below .toolchains/swift-root, and .toolchains/bin/swiftc and swift-build, which run in there. Debian 12 has no
# Swift; what this one makes runs here all the same, because it is linked statically. 2.6 GB on disk and 700 MB to fetch, so only `trivet doctor --fix` and
# people run this. Takes root, or leave to make user namespaces.
set -eu
runtime=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$runtime/../.." && pwd)
target=$tree/.toolchains/swift-root
mirror=${TRIVET_DEBIAN_MIRROR:-http://deb.debian.org/debian}

fail() {
  printf 'swift/install-root.sh: %s\n' "$@" >&2
  exit 1
}

link() {
  mkdir -p "$tree/.toolchains/bin"
  for program in swiftc swift-build; do
    cp "$runtime/swiftc.sh" "$tree/.toolchains/bin/$program"
    chmod +x "$tree/.toolchains/bin/$program"
  done
}
if [ -e "$target/complete" ]; then
  link
  exit 0
fi
if ! command -v mmdebstrap >/dev/null; then
  [ "$(id -u)" = 0 ] || fail "mmdebstrap is missing (apt-get install mmdebstrap)."
  echo "swift: installing the Debian package mmdebstrap"
  apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends mmdebstrap >/dev/null || fail "apt-get could not install mmdebstrap."
fi
free=$(df -Pk "$tree" | awk 'NR == 2 { print $4 }')
[ "$free" -gt 4000000 ] || fail "4 GB are needed below $tree, $((free / 1000)) MB are free."

mkdir -p "$tree/.toolchains"
making=$target.$$
trap 'rm -rf --one-file-system "$making"' EXIT
echo "swift: making a Debian 13 root with swiftlang (700 MB to fetch, a few minutes)"
# The packages are verified with Debian's keys, as apt does it.
mmdebstrap --quiet --variant=minbase --include=swiftlang,libc6-dev,libstdc++-14-dev,zlib1g-dev --aptopt='APT::Sandbox::User "root"' trixie "$making" "$mirror" ||
  fail "mmdebstrap could not make the root (its message is above): is $mirror the Debian mirror to use? TRIVET_DEBIAN_MIRROR names another."
touch "$making/complete"
rm -rf --one-file-system "$target"
mv "$making" "$target"
link
"$tree/.toolchains/bin/swiftc" --version >"$target/version.new" 2>&1 || fail "the compiler was installed but does not run: $(cat "$target/version.new")"
mv "$target/version.new" "$target/version"
head -n 1 "$target/version"
