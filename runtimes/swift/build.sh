#!/bin/sh
# Builds a function into OUTPUT/worker, a static program. Runs in the function's folder and writes nothing there.
#   build.sh SWIFTC RUNTIME OUTPUT ENTRYPOINT INTERFACE HANDLER LONE CACHE
# All that the compiler needs is laid out in one folder: the one of .toolchains sees nothing else.
set -eu
swiftc=$1 runtime=$2 output=$3 entrypoint=$4 interface=$5 handler=$6 lone=$7 cache=$8

# Swift's own style of messages forgets what it says about the end of a file. Messages without the linker's warnings, which every static program gets: it cannot load name service plugins at run time.
compile() {
  if ! "$swiftc" -diagnostic-style llvm "$@" >compile.log 2>&1; then
    grep -vE 'warning: Using .* in statically linked|in function ' compile.log | sed "s|$PWD/||g" >&2
    return 1
  fi
}

# Empty stand-ins for libraries of ICU that some packagings of Swift name and do not have.
stand_ins() {
  for name in i18n uc data; do printf '!<arch>\n' >"$1/libicu${name}swift.a"; done
}

# The package Trivet, compiled once for this compiler and these sources, beside its place and moved there: several may ask at once.
key=$({ cat "$runtime"/Trivet/*.swift "$0"; "$swiftc" --version 2>/dev/null; } | cksum | tr ' ' -)
package=$cache/swift/$key
if [ ! -f "$package/Trivet.o" ]; then
  making=$package.$$
  mkdir -p "$making"
  trap 'rm -rf "$making"' EXIT
  cp "$runtime"/Trivet/*.swift "$making/"
  (cd "$making" && compile -O -wmo -static -c -emit-module -parse-as-library -module-name Trivet ./*.swift -o Trivet.o && rm -f ./*.swift compile.log && stand_ins .)
  mv -T "$making" "$package" 2>/dev/null || rm -rf "$making" # another was faster
fi

work=$output.work
rm -rf "$work"
mkdir -p "$work/.trivet"
trap 'rm -rf "$work"' EXIT
if [ "$lone" = yes ]; then
  cp "$entrypoint" "$work/"
else
  (tar --exclude=.git --exclude=.trivet --exclude=.build -cf - .) | tar -C "$work" -xf -
fi
cp "$package"/* "$work/.trivet/"
cd "$work"
sources() { find . -name '*.swift' -not -path './.*/*' -not -path './Tests/*' -not -name Package.swift | LC_ALL=C sort | sed 's|^\./||; s|.*|"&"|'; }

case $interface in
  json | context)
    name=${handler:-$(if [ "$interface" = context ]; then echo main; else echo handler; fi)}
    if ! grep -rqE --include='*.swift' "func[[:space:]]+\`?${name##*.}\`?[[:space:]]*[(<]" .; then
      echo "$entrypoint: there is no func ${name##*.}: write func ${name##*.}(...), or name another in the manifest" >&2
      exit 1
    fi
    cat >.trivet/Launch.swift <<EOF
import Trivet

@main enum TrivetLaunch {
  static func main() { Trivet.serve(handlers.$name) }
}
EOF
    sources >.trivet/sources
    compile -O -static-executable -parse-as-library -module-name handlers -Xfrontend -import-module -Xfrontend Trivet -I .trivet -L .trivet @.trivet/sources \
      .trivet/Launch.swift .trivet/Trivet.o -Xlinker -s -o .trivet/worker
    ;;
  *) # a program of its own: what is at the top of its entrypoint
    base=$(basename "$entrypoint")
    if [ "$base" != main.swift ] && [ "$(sources | wc -l)" -gt 1 ] && ! grep -rq --include='*.swift' '^@main' .; then mv "$entrypoint" "$(dirname "$entrypoint")/main.swift"; fi
    sources >.trivet/sources
    set --
    if grep -rq --include='*.swift' '^@main' .; then set -- -parse-as-library; fi
    compile -O -static-executable "$@" -module-name program -L .trivet @.trivet/sources -Xlinker -s -o .trivet/worker
    ;;
esac
mv .trivet/worker "$output/worker"
