#!/bin/sh
# Builds a function into OUTPUT/worker. Runs in the function's folder and writes nothing there.
#   build.sh GO RUNTIME OUTPUT ENTRYPOINT INTERFACE HANDLER LONE CACHE
# Modules are fetched into CACHE; what Go has compiled stays in its own cache, or, where a build has no home, in CACHE too.
# A program of its own is compiled as it is. For the interfaces of the shim a Go module is laid out beside the output: the user's package, a main.go that
# serves it, and a go.mod in which "trivet" is the shim.
set -eu
go=$1 runtime=$2 output=$3 entrypoint=$4 interface=$5 handler=$6 lone=$7 cache=$8
export GOTOOLCHAIN=local GOFLAGS="-mod=mod -modcacherw" GOWORK=off CGO_ENABLED=0 GOMODCACHE="$cache/go"
case ${HOME:-/tmp} in
  /tmp) export GOCACHE="$cache/go-build" GOPATH="$cache/go-path" ;; # a sandbox's, which is gone with it
esac
work=$output.work
rm -rf "$work"
mkdir -p "$work/function"
trap 'rm -rf "$work"' EXIT

# A folder is one package; a lone file is a package of its own, unless a go.mod says that it belongs to one.
if [ "$lone" = no ] || [ -f go.mod ]; then
  (tar --exclude=.git --exclude=.trivet --exclude=node_modules -cf - .) | tar -C "$work/function" -xf -
else
  cp "$entrypoint" "$work/function/"
fi
cd "$work/function"
rm -f ./*_test.go
version=$("$go" env GOVERSION | sed 's/^go\([0-9]*\.[0-9]*\).*/\1/')
if [ ! -f go.mod ]; then printf 'module function\n\ngo %s\n' "$version" >go.mod; fi
module=$(sed -n 's/^module[ \t]*//p' go.mod | head -n 1)

compile() { "$go" build -trimpath -ldflags='-s -w' -o "$output/worker" "$1"; }
case $interface in
  json | context | module | http) ;;
  *) compile .; exit 0 ;;  # a program of its own
esac

name=${handler:-$(if [ "$interface" = context ]; then echo Main; else echo Handler; fi)}
package=$(sed -n 's/^package[ \t]*\([A-Za-z0-9_]*\).*/\1/p' "$entrypoint" | head -n 1)
if [ "$package" = main ]; then
  echo "$entrypoint: package main cannot be imported; write 'package function'" >&2
  exit 1
fi
shim=trivet also= named="func[ \t]+$name[ \t]*[(\[]"
if [ "$interface" = module ]; then
  imported=_ serves='trivet.ServeModules()'
elif [ "$interface" = http ]; then
  imported=function shim=trivet/web serves="web.Serve(function.$name)"
  named="(^|[ \t])$name([ \t]*[(=[]|[ \t]+[A-Za-z*])"  # a function, or a variable
else
  imported=function serves="trivet.Serve(function.$name)"
fi
types=github.com/open-runtimes/types-for-go/v4  # whatever version is asked for, the one here fits this host
if [ "$interface" = context ] && grep -q "\"$types/openruntimes\"" ./*.go; then
  "$go" mod edit -require="$types@v4.0.0" -replace="$types=$runtime/types-for-go"
  also="import \"$types/openruntimes\"" serves="trivet.Serve(openruntimes.Served(function.$name))"
fi
if [ "$interface" != module ] && ! grep -qE "$named" ./*.go; then
  echo "$entrypoint: there is no $name in package $package" >&2
  exit 1
fi
"$go" mod edit -require=trivet@v0.0.0 -replace="trivet=$runtime/trivet"
mkdir -p trivet_worker
cat >trivet_worker/main.go <<EOF
package main

import $imported "$module"
import "$shim"
$also

func main() { $serves }
EOF
compile ./trivet_worker
