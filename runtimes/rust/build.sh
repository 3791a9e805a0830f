#!/bin/sh
# Builds a function into OUTPUT/worker. Runs in the function's folder and writes nothing there.
#   build.sh RUSTC RUNTIME OUTPUT ENTRYPOINT INTERFACE HANDLER LONE CACHE
# A folder with a Cargo.toml is built by cargo, anything else by rustc alone. For json, context and module the user's code is a library, and a main is
# generated that serves it; a program of its own is built as it is. What functions share is kept in CACHE: the compiled shim, cargo's registry and the
# dependencies that it has compiled, so that a change of the source compiles the function alone.
set -eu
rustc=$1 runtime=$2 output=$3 entrypoint=$4 interface=$5 handler=$6 lone=$7 cache=$8
shared=$cache/rust
work=$output.work
rm -rf "$work"
mkdir -p "$work" "$shared"
trap 'rm -rf "$work"' EXIT

version=$("$rustc" --version | sed 's/^rustc \([0-9.]*\).*/\1/')
minor=$(echo "$version" | cut -d. -f2)
export TRIVET_TOOLCHAIN="$version" # HELLO tells it
features=
[ "$minor" -lt 65 ] || features=backtrace
case $interface in
  json) name=${handler:-handler} macro=serve_json ;;
  context) name=${handler:-main} macro=serve_context ;;
  module) name=${handler:-register} macro=serve_modules ;;
  *) name= ;;
esac
if [ -n "$name" ] && ! grep -qE "^ *pub +(async +)?fn +$name\b" "$entrypoint" && ! grep -qE "^ *pub +use\b.*\b$name\b" "$entrypoint"; then
  echo "$entrypoint: there is no \`pub fn $name\`, which the $interface interface calls" >&2
  exit 1
fi

# The shim, compiled once per compiler: to a name that says from what.
shim() {
  key=$(cat "$runtime"/trivet/src/*.rs "$runtime"/openruntimes/src/*.rs | cksum | cut -d' ' -f1)
  libraries=$shared/shim-$version-$key
  [ ! -d "$libraries" ] || return 0
  mkdir "$work/shim"
  "$rustc" --edition 2021 -O --crate-type rlib --crate-name trivet ${features:+--cfg "feature=\"$features\""} --cap-lints allow "$runtime/trivet/src/lib.rs" --out-dir "$work/shim"
  "$rustc" --edition 2021 -O --crate-type rlib --crate-name openruntimes --extern "trivet=$work/shim/libtrivet.rlib" "$runtime/openruntimes/src/lib.rs" --out-dir "$work/shim"
  mv -T "$work/shim" "$libraries" 2>/dev/null || [ -d "$libraries" ] # another build was faster
}

# A static program starts in two thirds of the time. It cannot look up names of hosts or users: one that does is linked dynamically.
link_program() {
  if "$rustc" --edition 2021 -O -C strip=debuginfo -C target-feature=+crt-static "$@" -o "$output/worker" 2>"$work/static.log" && ! grep -qa nsswitch.conf "$output/worker"; then
    cat "$work/static.log" >&2
    return
  fi
  "$rustc" --edition 2021 -O -C strip=debuginfo "$@" -o "$output/worker"
}

by_rustc() {
  shim
  known="-L dependency=$libraries --extern trivet=$libraries/libtrivet.rlib --extern openruntimes=$libraries/libopenruntimes.rlib"
  if [ -z "$name" ]; then
    link_program --crate-name function $known "$entrypoint"
    return
  fi
  "$rustc" --edition 2021 -O --crate-type rlib --crate-name function $known "$entrypoint" --out-dir "$work"
  echo "fn main() { trivet::$macro!(function::$name) }" >"$work/worker.rs"
  link_program --crate-name worker $known --extern "function=$work/libfunction.rlib" "$work/worker.rs"
}

# The function's own package, with the shim as a dependency and one more program.
by_cargo() {
  cargo=$(dirname "$rustc")/cargo
  [ -x "$cargo" ] || cargo=$(command -v cargo) || { echo "Cargo.toml needs cargo, which is not installed: apt-get install cargo" >&2; exit 1; }
  export RUSTC="$rustc" CARGO_TARGET_DIR="$shared/target-$version"
  usual=${CARGO_HOME:-${HOME:-/nonexistent}/.cargo}
  export CARGO_HOME="$cache/cargo"
  mkdir -p "$CARGO_HOME" "$CARGO_TARGET_DIR"
  for each in config.toml credentials.toml; do # mirrors, proxies, private registries
    [ ! -f "$usual/$each" ] || ln -sf "$usual/$each" "$CARGO_HOME/$each"
  done

  # One at a time, in one place: cargo knows packages by their path, and then compiles a dependency once for all functions.
  exec 9>"$shared/lock"
  flock 9
  rm -rf "$shared/function"
  mkdir "$shared/function"
  (tar --exclude=.git --exclude=.trivet --exclude=target --exclude=node_modules -cf - .) | tar -C "$shared/function" -xf -
  cd "$shared/function"
  # Cargo goes by times, and another function of the same name was here before. What is vendored is known by its checksums.
  find . -path ./vendor -prune -o -type f -exec touch {} +
  follow_lock
  program=--bins
  [ -z "$name" ] || program="--bin trivet_worker"
  [ -z "$name" ] || with_worker
  # shellcheck disable=SC2086
  without_network build --release $program
  if [ -n "$name" ]; then
    cp "$CARGO_TARGET_DIR/release/trivet_worker" "$output/worker"
    return
  fi
  built=$("$cargo" metadata --offline --no-deps --format-version 1 | tr '{' '\n' | grep '"kind":\["bin"\]' | sed 's/.*"name":"\([^"]*\)".*/\1/' | head -n 1)
  cp "$CARGO_TARGET_DIR/release/$built" "$output/worker"
}

# Runs cargo with what is on this machine; when that is not all, with the network.
without_network() {
  if "$cargo" "$@" --offline >"$work/log" 2>&1; then
    cat "$work/log"
  elif ! grep -q -- '--locked was passed' "$work/log" && grep -q -- '--offline\|offline mode\|offline was specified' "$work/log"; then
    "$cargo" "$@" || { echo "crates that are neither vendored nor in the cache are fetched by cargo, which names above what it could not get" >&2; exit 1; }
  else
    cat "$work/log" >&2
    exit 1
  fi
}

# A Cargo.lock must have all that Cargo.toml asks for, before the shim is added to both.
follow_lock() {
  if [ -f Cargo.lock ] && ! grep -qE '^(trivet|openruntimes) *[=.]|^\[dependencies\.(trivet|openruntimes)\]' Cargo.toml; then
    without_network fetch --locked --target "$("$rustc" -vV | sed -n 's/^host: //p')"
  fi
}

# The value of a key in a section of Cargo.toml.
value() {
  awk -v section="[$1]" -v key="$2" '/^\[/ { inside = ($1 == section) } inside && $1 == key { sub(/^[^=]*= */, ""); gsub(/["'\'' \t]|#.*/, ""); print; exit }' Cargo.toml
}

with_worker() {
  library=$(value lib name)
  [ -n "$library" ] || library=$(value package name | tr - _)
  root=$(value lib path)
  if [ -n "$root" ] && [ ! -f "$root" ]; then # open-runtimes puts the entrypoint there, whatever it is called
    awk -v path="$entrypoint" '/^\[/ { inside = ($1 == "[lib]") } inside && /^path *=/ { print "path = \"" path "\""; next } 1' Cargo.toml >Cargo.new
    mv Cargo.new Cargo.toml
  elif ! grep -q '^\[lib\]' Cargo.toml && [ ! -f src/lib.rs ]; then
    printf '\n[lib]\npath = "%s"\n' "$entrypoint" >>Cargo.toml
  fi
  uses=
  ! grep -qE '^(serde|serde_json|openruntimes) *[=.]|^\[dependencies\.(serde|serde_json|openruntimes)\]' Cargo.toml || uses=serde
  # Whatever version of the two is asked for, the ones here fit this host.
  awk '/^\[/ { skipped = ($1 == "[dependencies.trivet]" || $1 == "[dependencies.openruntimes]") } !skipped && !/^(trivet|openruntimes) *[=.]/' Cargo.toml >Cargo.new
  if grep -qE '^openruntimes *[=.]|^\[dependencies\.openruntimes\]' Cargo.toml || grep -q '\bopenruntimes::' "$entrypoint"; then
    printf '\n[dependencies.openruntimes]\npath = "%s/openruntimes"\n' "$runtime" >>Cargo.new
  fi
  {
    printf '\n[dependencies.trivet]\npath = "%s/trivet"\nfeatures = [' "$runtime"
    for feature in $features $uses; do printf '"%s",' "$feature"; done
    printf ']\n\n[[bin]]\nname = "trivet_worker"\npath = "trivet_worker.rs"\n'
  } >>Cargo.new
  mv Cargo.new Cargo.toml
  echo "fn main() { trivet::$macro!($library::$name) }" >trivet_worker.rs
}

if [ "$lone" = no ] && [ -f Cargo.toml ]; then
  by_cargo
else
  by_rustc
fi
