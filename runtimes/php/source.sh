#!/bin/sh
# Puts the function itself beside its packages, as OUTPUT: code says `require __DIR__ . '/vendor/autoload.php'`, and that finds classes of the function by its
# own place. So that file and its folder are copied, and the packages are linked.
#   source.sh PHP OUTPUT CACHE
set -eu
php=$1 output=$2 cache=$3 work=$2.work
tar --exclude=./vendor --exclude=./.git --exclude=./.trivet -cf - . | tar --no-same-owner -C "$output" -xf -
cd "$output"
mkdir vendor
for place in .vendor/*; do
  case $place in
    .vendor/composer)
      mkdir vendor/composer
      for part in .vendor/composer/*; do
        if [ -d "$part" ]; then ln -s "../../$part" vendor/composer/; else cp "$part" vendor/composer/; fi
      done ;;
    .vendor/autoload.php) cp "$place" vendor/ ;;
    *) ln -s "../$place" vendor/ ;;
  esac
done
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/composer.sh"
if looks_through_files; then composer dump-autoload --no-dev --no-scripts --quiet; fi
