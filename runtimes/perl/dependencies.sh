#!/bin/sh
# Installs what cpanfile names into OUTPUT/local; the function's folder, which is the current one, is only read.
#   dependencies.sh PERL RUNTIME OUTPUT CACHE
# Modules that this machine has are used where they are, unless a cpanfile.snapshot says what exactly is installed.
set -eu
perl=$1 runtime=$2 output=$3 cache=$4/cpan work=$3.work
rm -rf "$work"
mkdir -p "$work" "$cache" "$output/local"
trap 'rm -rf "$work"' EXIT
program=$(command -v cpanm) || { echo "cpanfile needs cpanm, which is not on PATH: apt-get install cpanminus make" >&2; exit 1; }
unset PERL5LIB PERL_LOCAL_LIB_ROOT PERL_MM_OPT PERL_MB_OPT
export PERL_CPANM_HOME="$work/home" PERL_MM_USE_DEFAULT=1 PERL_HASH_SEED=0
cp cpanfile "$work/"
vendored=$PWD/vendor/cache

set -- --local-lib "$output/local"
if [ -f cpanfile.snapshot ]; then
  "$perl" "$runtime/cpan.pl" index cpanfile.snapshot >"$work/index"
  set -- --local-lib-contained "$output/local" --mirror-index "$work/index"
fi
cd "$work"
cpanm() { "$perl" "$program" --quiet --notest --no-man-pages --save-dists "$cache" "$@" --installdeps .; }
failed() {
  [ ! -f "$work/home/build.log" ] || tail -n 12 "$work/home/build.log" >&2
  echo "cpanm sees cpanfile, cpanfile.snapshot and vendor/cache; modules that are not there, nor on this machine or in the cache, it fetches" >&2
  exit 1
}

# Every module that was ever installed is kept for builds that have no network, as a mirror of CPAN with an index.
if [ -d "$vendored" ]; then
  cpanm "$@" --from "file://$vendored" || failed
elif ! cpanm "$@"; then
  [ -f "$cache/index" ] || failed
  echo "once more, with what is in the cache" >&2
  [ -f "$work/index" ] || set -- "$@" --mirror-index "$cache/index"
  cpanm "$@" --from "file://$cache" || failed
fi
"$perl" "$runtime/cpan.pl" remember "$output/local" "$cache/index"
# Without what differs from one installation to the next.
find "$output/local" \( -name .packlist -o -name perllocal.pod \) -exec rm -f {} +
find "$output/local" -name '*.so' -exec chmod u+w {} + -exec strip --strip-debug -R .note.gnu.build-id {} + 2>/dev/null || true
