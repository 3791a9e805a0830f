#!/bin/sh
# Puts the function itself beside its packages: they are looked for above the file that imports them.
#   source.sh OUTPUT [CONFIG]
# CONFIG is told that packages are in node_modules: that file's own default is Deno's cache, which is not part of what was built.
set -eu
tar --exclude=./node_modules --exclude=./.git --exclude=./.trivet -cf - . | tar --no-same-owner -C "$1" -xf -
config=${2:-}
if [ -z "$config" ] || grep -q '"nodeModulesDir"' "$config"; then exit 0; fi
sed '0,/{/s//{"nodeModulesDir": "manual", /' "$config" >"$1/$config"
