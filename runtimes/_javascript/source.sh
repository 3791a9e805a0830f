#!/bin/sh
# Puts the function itself beside its packages: they are looked for above the file that imports them. Then runs the manifest's build command there.
#   source.sh OUTPUT CONFIG PROGRAM [COMMAND...]
# PROGRAM is the runtime's: the command finds it first. CONFIG, when it is not empty, is told that packages are in node_modules: that file's own default is Deno's cache, which is not part of what was built.
set -eu
output=$1 config=$2 program=$3
shift 3
tar --exclude=./node_modules --exclude=./.git --exclude=./.trivet -cf - . | tar --no-same-owner -C "$output" -xf -
if [ -n "$config" ] && ! grep -q '"nodeModulesDir"' "$config"; then
  sed '0,/{/s//{"nodeModulesDir": "manual", /' "$config" >"$output/$config"
fi
if [ $# -eq 0 ]; then exit 0; fi

# The packages are another step's, to be read: what the command keeps in their folder is kept in a folder of links, and goes with it.
cd "$output"
packages=$(readlink node_modules)
rm node_modules
mkdir node_modules
for each in "$packages"/* "$packages"/.[!.]*; do
  if [ -e "$each" ]; then ln -s "../$each" node_modules/; fi
done
PATH=$PWD/node_modules/.bin:$(dirname "$program"):$PATH CI=1 NO_COLOR=1 "$@"
rm -rf node_modules
ln -s "$packages" node_modules
