#!/bin/sh
# Builds a function into OUTPUT/function.dll. Runs in the function's folder and writes nothing there.
#   build.sh DOTNET RUNTIME OUTPUT ENTRYPOINT INTERFACE LONE CACHE
# With a project file and a real SDK it is `dotnet publish`, packages of NuGet and all. Else the compiler alone, which takes a second: all .cs files of
# the folder, the DLLs in its lib/, and those that dependencies.sh has put into OUTPUT.
set -eu
dotnet=$1 runtime=$2 output=$3 entrypoint=$4 interface=$5 lone=$6 cache=$7
. "$runtime/toolchain.sh"
find_worker
find_compiler
case $interface in
  json | context | module) kind=library ;;
  *) kind=exe ;; # a program of its own
esac
project=
[ "$lone" = yes ] || project=$(ls ./*.csproj 2>/dev/null | head -n 1)

# A copy, under the name that the worker looks for.
publish() {
  work=$output.work
  rm -rf "$work"
  mkdir -p "$work"
  trap 'rm -rf "$work"' EXIT
  (tar --exclude=.git --exclude=.trivet --exclude=bin --exclude=obj -cf - .) | tar -C "$work" -xf -
  cd "$work"
  sed '/<AssemblyName>/d' "$project" >function.csproj
  [ "$project" = ./function.csproj ] || rm -f "$project"
  [ "$kind" = exe ] && type=Exe || type=Library
  if ! "$dotnet" publish function.csproj -c Release -o "$output" -p:OutputType=$type -p:UseAppHost=false -p:DebugType=embedded \
    "-p:CustomAfterMicrosoftCommonTargets=$runtime/build/Trivet.targets" "-p:TrivetWorker=$worker/Trivet.dll" >publish.log 2>&1; then
    sed -E "s|$work/||g; s/^([^(]*)\(([0-9]+),([0-9]+)[^)]*\): /\1:\2:\3: /" publish.log >&2
    return 1
  fi
}

if [ -n "$project" ] && [ -n "$sdk" ]; then
  keep_in "$cache"
  publish
  exit
fi
set -- "-pathmap:$PWD=."
if [ -n "$project" ]; then
  if grep -q '<ProjectReference' "$project"; then
    echo "$project: references to other projects take a .NET SDK on PATH" >&2
    exit 1
  fi
  grep -q '<AllowUnsafeBlocks>true' "$project" && set -- "$@" -unsafe+
fi
if [ "$lone" = no ] && [ -d lib ]; then cp --remove-destination lib/*.dll "$output/"; fi
for dll in "$output"/*.dll; do
  [ ! -f "$dll" ] || set -- "$@" "-r:\"$dll\""
done
if [ "$lone" = yes ]; then
  set -- "$@" "\"$entrypoint\""
else
  find . -name '*.cs' -not -path './bin/*' -not -path './obj/*' -not -path './.*/*' | LC_ALL=C sort | sed 's|^\./||; s|.*|"&"|' >"$output/sources"
  set -- "$@" "@$output/sources"
fi
compile $kind "$output/function.dll" -nullable:enable -warn:0 "-r:\"$worker/Trivet.dll\"" "$runtime/build/Usings.cs" "$@"
rm -f "$output/sources"
write_config "$output/function.dll"
