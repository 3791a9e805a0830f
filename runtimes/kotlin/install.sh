#!/bin/sh
# Installs the Kotlin compiler below .toolchains/ of the tree, and nowhere else: kotlin-compiler of npm, pinned and verified. Instant when it is there.
set -eu
version=2.4.20
sum=205e4854cecba4f840fe7b47410a5a56dd72c6969a428bed11560bcaa58cb9a2ebd177a52cf3e6effb0ce872e1b5c4638e3a12b0aec8ee53f693360990ccbbdf
root=$(cd "$(dirname "$0")/../.." && pwd)
tools=$root/.toolchains
place=$tools/kotlin-$version

fail() {
  printf 'kotlin: %s\n' "$@" >&2
  exit 1
}

# Compiles the worker too, which the first function would else wait for.
prepare() {
  command -v java >/dev/null || fail "java is missing (apt-get install openjdk-17-jdk-headless)"
  here=$root/runtimes/_jvm
  . "$here/common.sh"
  find_home "$tools/bin/kotlinc"
  find_place kotlin "$tools/bin/kotlinc"
}

if [ -x "$place/bin/kotlinc" ] && [ -x "$tools/bin/kotlinc" ]; then
  prepare
  exit 0
fi
command -v npm >/dev/null || fail "npm is missing, and the compiler comes as an npm package (apt-get install npm)"
mkdir -p "$tools/bin"
exec 9>"$tools/kotlin.lock"
flock 9
if [ ! -x "$place/bin/kotlinc" ]; then
  echo "kotlin: fetching kotlin-compiler $version from npm (90 MB)"
  work=$(mktemp -d "$tools/kotlin.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && npm pack --silent "kotlin-compiler@$version" >npm.log 2>&1) || fail "npm could not fetch kotlin-compiler $version:" "$(tail -n 5 "$work/npm.log")"
  echo "$sum  $work/kotlin-compiler-$version.tgz" | sha512sum -c --status || fail "kotlin-compiler-$version.tgz has another checksum than the one that is pinned"
  # What compiles for the JVM.
  tar -C "$work" --exclude='*-sources.jar' --exclude='*.klib' --exclude='*.bat' --exclude='*-test*' -xzf "$work/kotlin-compiler-$version.tgz" package/bin package/lib package/license
  # Its version without a compiler that starts for it, which takes seconds where there is much to do.
  quick="case \${1:-} in -version) command -v java >/dev/null || { echo java is missing >\&2; exit 1; }; echo kotlinc-jvm $version; exit ;; esac"
  sed -i "1a $quick" "$work/package/bin/kotlinc"
  chmod +x "$work/package/bin/kotlinc"
  rm -rf "$place"
  mv "$work/package" "$place"
fi
ln -sf "../kotlin-$version/bin/kotlinc" "$tools/bin/kotlinc"
echo "kotlin: $version -> .toolchains/bin/kotlinc"
prepare
