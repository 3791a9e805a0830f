#!/bin/sh
# Brings the packages that pubspec.yaml names into the cache, and leaves in OUTPUT/project which versions they are.
#   dependencies.sh DART RUNTIME OUTPUT LONE CACHE
# Runs in the function's folder and writes nothing there.
set -eu
dart=$1 runtime=$2 output=$3 lone=$4 cache=$5
[ "$lone" = no ] || exit 0
. "$runtime/pub.sh"
work=$output.work
rm -rf "$work"
mkdir -p "$work" "$output/project"
trap 'rm -rf "$work"' EXIT
(tar --exclude=.git --exclude=.trivet --exclude=.dart_tool --exclude=build -cf - .) | tar -C "$work" -xf -
cd "$work"
get_packages
[ ! -f pubspec.lock ] || cp pubspec.lock "$output/project/"
