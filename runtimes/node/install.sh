#!/bin/sh
# Puts esbuild, which translates TypeScript and JSX, below .toolchains/ of the tree, and nowhere else: one static program out of npm's package, pinned and
# verified (11 MB). Instant when it is there. Functions in plain JavaScript do not need it.
set -eu
version=0.28.2
root=$(cd "$(dirname "$0")/../.." && pwd)
tools=$root/.toolchains
program=$tools/esbuild-$version/bin/esbuild

fail() {
  printf 'node/install.sh: %s\n' "$@" >&2
  exit 1
}

case $(uname -sm) in
  "Linux x86_64")
    package=@esbuild/linux-x64
    sum=e314d9af5154992a105b85c85a68addedcd0ad44d933e3773f45d5f3144e298179d177c8ef178ef74fb56d9bcdc3122e7d0f610d0551247e588603d517c03f1d
    ;;
  "Linux aarch64")
    package=@esbuild/linux-arm64
    sum=a56e000b43f78adf1cedda3d315338a79d45cc7cdd33f4d9adeaeeae045c1c9d964dad55435088ab5f319dc7e9049c38a23922659aca5b6c8805604ff768fa52
    ;;
  *) fail "no esbuild is pinned for $(uname -sm): put one on PATH (npm install -g esbuild)" ;;
esac
if [ -x "$program" ] && [ -x "$tools/bin/esbuild" ]; then exit 0; fi
command -v npm >/dev/null || fail "npm is missing, and esbuild comes as an npm package (apt-get install npm)"
mkdir -p "$tools/bin"
exec 9>"$tools/esbuild.lock"
flock 9
if [ ! -x "$program" ]; then
  work=$(mktemp -d "$tools/esbuild.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && npm pack --silent "$package@$version" >npm.log 2>&1) || fail "npm could not fetch $package $version:" "$(tail -n 5 "$work/npm.log")"
  echo "$sum  $(ls "$work"/*.tgz)" | sha512sum -c --status || fail "$package $version has another checksum than the one that is pinned"
  tar -C "$work" -xzf "$work"/*.tgz package/bin
  chmod +x "$work/package/bin/esbuild"
  found=$("$work/package/bin/esbuild" --version 2>&1) || fail "esbuild was fetched but does not run here: $found"
  rm -rf "$tools/esbuild-$version"
  mv "$work/package" "$tools/esbuild-$version"
fi
ln -sfn "../esbuild-$version/bin/esbuild" "$tools/bin/esbuild"
echo "node: esbuild $version -> .toolchains/bin/esbuild"
