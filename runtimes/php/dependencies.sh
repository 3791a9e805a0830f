#!/bin/sh
# Installs what composer.json names into OUTPUT/.vendor; the function's folder, which is the current one, is only read.
#   dependencies.sh PHP OUTPUT CACHE
# With a composer.lock exactly what it says is installed. Packages of the function's own may be in packages/, or anywhere as .zip.
set -eu
php=$1 output=$2 cache=$3 work=$2.work
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/composer.sh"

for each in composer.json composer.lock auth.json packages; do
  if [ -e "$each" ]; then cp -R "$each" "$work/"; fi
done
find . -path ./.trivet -prune -o -name '*.zip' -print | while read -r packed; do
  mkdir -p "$work/$(dirname "$packed")"
  cp "$packed" "$work/$packed"
done
cd "$work"
# Composer gives the classes that find others a name by chance, unless one is there already.
mkdir vendor
echo "<?php // ComposerAutoloaderInit$(cat composer.json composer.lock 2>/dev/null | md5sum | cut -c 1-32)::" >vendor/autoload.php
looks= # for classes, in files that are not here
if looks_through_files; then looks=--no-autoloader; fi
if ! composer install $looks --no-dev --no-scripts --prefer-dist --no-progress; then
  echo "of the function's folder composer sees composer.json, composer.lock, packages/ and .zip files; what is not there, nor in the cache, it fetches" >&2
  exit 1
fi
mv vendor "$output/.vendor"
