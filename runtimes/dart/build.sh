#!/bin/sh
# Builds a function into OUTPUT/worker with `dart compile exe`. Runs in the function's folder and writes nothing there.
#   build.sh DART RUNTIME OUTPUT ENTRYPOINT INTERFACE HANDLER LONE CACHE
# A copy of the folder gets a main that serves the handler, and the package trivet beside the packages of its pubspec.yaml, which dependencies.sh has brought.
set -eu
dart=$1 runtime=$2 output=$3 entrypoint=$4 interface=$5 handler=$6 lone=$7 cache=$8
. "$runtime/pub.sh"
work=$output.work
rm -rf "$work"
mkdir -p "$work/.trivet" "$work/.dart_tool"
trap 'rm -rf "$work"' EXIT
if [ "$lone" = yes ]; then
  cp "$entrypoint" "$work/"
else
  (tar --exclude=.git --exclude=.trivet --exclude=.dart_tool --exclude=build -cf - .) | tar -C "$work" -xf -
fi
cd "$work"
mkdir -p .dart_tool

ours="{\"name\":\"trivet\",\"rootUri\":\"file://$runtime/trivet\",\"packageUri\":\"lib/\",\"languageVersion\":\"3.0\"}"
if [ -f pubspec.yaml ]; then
  if [ -f "$output/project/pubspec.lock" ]; then cp "$output/project/pubspec.lock" .; fi # the versions that were found then
  get_packages
  grep -q '"name": *"trivet"' .dart_tool/package_config.json || sed -i "s|\"packages\": *\[|&$ours,|" .dart_tool/package_config.json
else
  printf '{"configVersion":2,"packages":[%s]}\n' "$ours" >.dart_tool/package_config.json
fi

case $interface in
  json | context)
    name=${handler:-$(if [ "$interface" = context ]; then echo main; else echo handler; fi)}
    if ! grep -qE "(^|[^A-Za-z0-9_])$name *(<[^>]*>)? *[(]" "$entrypoint"; then
      echo "$entrypoint: there is no function $name: write it, or name another in the manifest" >&2
      exit 1
    fi
    printf "import 'package:trivet/src/worker.dart';\nimport '../%s' as function;\n\nvoid main() => serve(function.%s, isContext: %s);\n" "$entrypoint" "$name" \
      "$([ "$interface" = context ] && echo true || echo false)" >.trivet/main.dart
    main=.trivet/main.dart
    ;;
  *) main=$entrypoint ;; # a program of its own
esac
if ! "$dart" compile exe --packages=.dart_tool/package_config.json -o "$output/worker" "$main" >compile.log 2>&1; then
  sed "s|$work/||g; s|\.trivet/\.\./||g" compile.log >&2
  exit 1
fi
