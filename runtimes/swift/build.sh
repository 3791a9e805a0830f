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
  for part in i18n uc data; do printf '!<arch>\n' >"$1/libicu${part}swift.a"; done
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

# A folder with a Package.swift, by the package manager, in one place for all functions with the same packages: what it has compiled of them is compiled once.
# The target that the entrypoint belongs to becomes a program, with the shim and a main of ours, or its own.
by_package() {
  manager=$(dirname "$swiftc")/swift-build
  [ -x "$manager" ] || manager=$(command -v swift-build) || { echo "Package.swift needs swift-build, which is beside swiftc in Swift's own toolchains" >&2; exit 1; }
  place=$cache/swift/packages/$({ cat Package.swift; [ ! -f Package.resolved ] || cat Package.resolved; echo "$key"; } | cksum | tr ' ' -)
  mkdir -p "$place"
  exec 9>"$place.lock"
  flock 9
  find "$place" -mindepth 1 -maxdepth 1 ! -name .build -exec rm -rf {} +
  (tar --exclude=./.git --exclude=./.trivet --exclude=./.build -cf - .) | tar -C "$place" -xf -
  cd "$place"
  mkdir -p .trivet/Trivet
  cp -p "$runtime"/Trivet/*.swift .trivet/Trivet/
  stand_ins .trivet
  {
    printf '// swift-tools-version:5.5\nimport PackageDescription\n\nlet package = Package(\n  name: "Trivet", '
    printf 'products: [.library(name: "Trivet", targets: ["Trivet"])], targets: [.target(name: "Trivet", path: "Trivet")])\n'
  } >.trivet/Package.swift
  sed "s|ENTRYPOINT|$entrypoint|g" "$runtime/Package.part.swift" >>Package.swift
  if [ -n "$name" ]; then
    printf 'import Trivet\n\nprivate func launch() { Trivet.serve(%s) }\n\n@main enum TrivetLaunch {\n  static func main() { launch() }\n}\n' "$name" >"$(dirname "$entrypoint")/TrivetLaunch.swift"
  fi
  set -- -c release --product trivet-worker --disable-sandbox --cache-path "$place/.build/cache" --static-swift-stdlib -Xswiftc -static-executable
  [ ! -f Package.resolved ] || set -- "$@" --force-resolved-versions
  if ! "$manager" "$@" -Xlinker -L.trivet -Xlinker -s >.trivet/log 2>&1; then
    grep -vE 'warning: Using .* in statically linked|in function |the message above does not take' .trivet/log | sed "s|$place/||g" >&2
    echo "packages that are neither in the function's folder nor in the cache are fetched by Swift's package manager, which names above what it could not get" >&2
    exit 1
  fi
  cp -L .build/release/trivet-worker "$output/worker"
}

case $interface in
  json) name=${handler:-handler} ;;
  context) name=${handler:-main} ;;
  *) name= ;;
esac
if [ "$lone" = no ] && [ -f Package.swift ]; then
  by_package
  exit 0
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
