#!/bin/sh
# Brings what the project file's PackageReferences name: their DLLs into OUTPUT, or with an SDK into its own store below CACHE, where `dotnet publish` finds them.
#   dependencies.sh DOTNET RUNTIME OUTPUT LONE CACHE
# Runs in the function's folder and writes nothing there.
set -eu
dotnet=$1 runtime=$2 output=$3 lone=$4 cache=$5
[ "$lone" = no ] || exit 0
. "$runtime/toolchain.sh"
find_compiler
project=$(ls ./*.csproj | head -n 1)
if [ -z "$sdk" ]; then
  grep -q '<PackageReference' "$project" || exit 0
  command -v python3 >/dev/null || { echo "$project: packages are brought by an SDK, or else by python3 (apt-get install python3)" >&2; exit 1; }
  exec python3 "$runtime/build/packages.py" "$project" "$output" "$cache/nuget-packages" "$root" "$version"
fi
keep_in "$cache"
work=$output.work
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
(tar --exclude=.git --exclude=.trivet --exclude=bin --exclude=obj -cf - .) | tar -C "$work" -xf -
cd "$work"
locked=
[ ! -f packages.lock.json ] || locked=--locked-mode
"$dotnet" restore "$project" $locked >restore.log 2>&1 || { sed "s|$work/||g" restore.log >&2; exit 1; }
