#!/bin/sh
# Makes OUTPUT/trivet_setup.rb, which puts the gems of the Gemfile on Ruby's path; the function's folder, which is the current one, is only read.
#   dependencies.sh RUBY RUNTIME OUTPUT CACHE
# Gems that this machine has are used where they are; if they are not enough, all are installed into OUTPUT/gems. With a lock file exactly what it says.
set -eu
ruby=$1 runtime=$2 output=$3 cache=$4 work=$3.work
rm -rf "$work"
mkdir -p "$work" "$cache/gems"
trap 'rm -rf "$work"' EXIT
for each in Gemfile Gemfile.lock gems.rb gems.locked .ruby-version .tool-versions .bundle/config; do
  if [ -f "$each" ]; then
    mkdir -p "$work/$(dirname "$each")"
    cp "$each" "$work/$each"
  fi
done
if [ -d vendor/cache ]; then
  mkdir "$work/vendor"
  cp -R vendor/cache "$work/vendor/"
fi
cd "$work"
"$ruby" -e 'require "bundler"' 2>/dev/null || { echo "a Gemfile needs bundler, which this Ruby has not: apt-get install ruby-bundler" >&2; exit 1; }
bundle() { "$ruby" -S bundle "$@" --no-color; }
unset BUNDLE_GEMFILE RUBYOPT
export BUNDLE_WITHOUT="${BUNDLE_WITHOUT:-development:test}" BUNDLE_USER_CACHE="$cache/bundle" BUNDLE_DISABLE_VERSION_CHECK=true BUNDLE_SILENCE_ROOT_WARNING=true
export BUNDLE_APP_CONFIG="$work/.bundle" BUNDLE_AUTO_INSTALL=false
if [ -f Gemfile.lock ] || [ -f gems.locked ]; then export BUNDLE_FROZEN=true; fi

# Every gem that was ever installed is kept for builds that have no network.
install() {
  export BUNDLE_PATH="$output/gems" BUNDLE_NO_PRUNE=true BUNDLE_JOBS=2 BUNDLE_RETRY=1
  if [ -d vendor/cache ]; then
    bundle install --local || return 1
  elif ! bundle install; then
    [ -n "$(ls "$cache/gems")" ] || return 1
    echo "once more, with what is in the cache" >&2
    mkdir -p vendor/cache
    cp "$cache"/gems/*.gem vendor/cache/
    bundle install --local || return 1
  fi
  find "$output/gems" -path '*/cache/*.gem' | while read -r gem; do
    name=$(basename "$gem")
    [ -e "$cache/gems/$name" ] || { cp "$gem" "$work/$name" && mv "$work/$name" "$cache/gems/$name"; }
  done
}
if [ -d vendor/cache ] || ! bundle check >/dev/null 2>&1; then
  if ! install; then
    echo "of the function's folder bundler sees the Gemfile, its lock file and vendor/cache; gems that are not there, nor on this machine or in the cache, it fetches" >&2
    exit 1
  fi
fi
"$ruby" "$runtime/bundle.rb" "$output"
[ -d "$output/gems" ] || exit 0
# Without what differs from one installation to the next.
find "$output"/gems/ruby/* -maxdepth 1 \( -name cache -o -name build_info -o -name doc \) -exec rm -rf {} +
find "$output/gems" \( -name gem_make.out -o -name mkmf.log -o -path '*/ext/*.o' -o -path '*/ext/*/Makefile' \) -exec rm -f {} +
find "$output/gems" -name '*.so' -exec strip --strip-debug -R .note.gnu.build-id {} + 2>/dev/null || true
