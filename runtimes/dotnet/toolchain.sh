# Sourced with `dotnet` and `runtime` set: finds the compiler that goes with a dotnet, and has Trivet.dll, the worker that functions are compiled against.
# A real SDK has its own csc; install.sh puts Roslyn's DLLs beside a bare runtime. Both take the same command line.
#   root       where dotnet lives       framework  the newest Microsoft.NETCore.App
#   sdk        of a real SDK, or empty  csc        the compiler: a DLL for `dotnet exec`
#   worker     folder of Trivet.dll, made once for this dotnet and these sources: below .toolchains of the tree, where sandboxes see it, when that can be
#              written, else in the cache of whoever asks, which in a sandbox ends with it
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_EnableDiagnostics=0 DOTNET_TieredPGO=0 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
newest() { ls -d "$@" 2>/dev/null | sort -V | tail -n 1; }

find_framework() {
  root=$(dirname "$(readlink -f "$dotnet")")
  framework=$(newest "$root"/shared/Microsoft.NETCore.App/[0-9]*)
  version=${framework##*/}
  [ -n "$framework" ] || { echo "$dotnet has no Microsoft.NETCore.App beside it: is it the real file of a .NET runtime?" >&2; exit 1; }
}

find_compiler() {
  find_framework
  sdk=$(newest "$root"/sdk/[0-9]*)
  csc=$sdk/Roslyn/bincore/csc.dll
  [ -n "$sdk" ] || csc=$root/roslyn/compile.dll
  [ -f "$csc" ] || { echo "there is no C# compiler: $csc is missing. Install a .NET SDK, or run: sh $runtime/install.sh" >&2; exit 1; }
}

# compile TARGET NAME ARGUMENTS...: messages become file:line:column.
compile() {
  kind=$1 target=$2
  shift 2
  {
    printf '%s\n' -nologo -nostdlib+ "-target:$kind" "-out:\"$target\"" -langversion:latest -optimize+ -deterministic+ -debug:embedded -nowarn:CS1701,CS1702
    printf -- '-r:"%s"\n' "$framework"/*.dll
    for argument in "$@"; do printf '%s\n' "$argument"; done
  } >"$target.rsp"
  if ! "$dotnet" exec "$csc" -noconfig "@$target.rsp" >"$target.log" 2>&1; then
    sed -E 's/^([^(]*)\(([0-9]+),([0-9]+)[^)]*\): /\1:\2:\3: /' "$target.log" >&2
    return 1
  fi
  rm -f "$target.rsp" "$target.log"
}

# Where an SDK keeps what it fetches.
keep_in() {
  export NUGET_PACKAGES=$1/nuget NUGET_HTTP_CACHE_PATH=$1/nuget-http DOTNET_CLI_HOME=$1/dotnet
}

write_config() { # of a program FILE.dll
  printf '{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"%s"},"rollForward":"LatestMajor","configProperties":{%s}}}\n' "$version" \
    '"System.Globalization.Invariant":true,"System.Globalization.PredefinedCulturesOnly":false,"System.GC.Concurrent":false,"System.Runtime.TieredPGO":false,"System.Text.Json.JsonSerializer.IsReflectionEnabledByDefault":true' \
    >"${1%.dll}.runtimeconfig.json"
}

# Made beside its place and moved there: several may ask at once.
find_worker() {
  find_framework
  key=$(cat "$runtime"/trivet/*.cs "$runtime/build/Usings.cs" "$runtime/toolchain.sh" | cksum | tr -d ' ')
  tree=${runtime%/*/*}/.toolchains/dotnet-worker worker=
  if [ -f "$tree/$version-$key/Trivet.dll" ] || { mkdir -p "$tree" 2>/dev/null && [ -w "$tree" ]; }; then worker=$tree/$version-$key; fi
  cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
  if [ -z "$worker" ] && [ -z "$cache" ]; then
    # Users from 1879048192 up are given to one worker after another: what one finds may be another function's.
    cache=${TMPDIR:-/tmp}/trivet-$(id -u)
    [ "$(id -u)" -lt 1879048192 ] || cache=$(mktemp -d "$cache-XXXXXX")
    mkdir -m 700 "$cache" 2>/dev/null || { [ -O "$cache" ] && [ ! -L "$cache" ]; } || { echo "$cache belongs to somebody else: set HOME" >&2; exit 1; }
  fi
  worker=${worker:-$cache/trivet/dotnet/$version-$key}
  if [ -f "$worker/Trivet.dll" ]; then
    { true >"$worker/used"; } 2>/dev/null || true
    return
  fi
  find_compiler
  making=$worker.$$
  mkdir -p "$making"
  (cd "$runtime/trivet" && compile exe "$making/Trivet.dll" -unsafe+ -nullable:enable "-pathmap:$runtime/trivet=trivet" *.cs "$runtime/build/Usings.cs")
  write_config "$making/Trivet.dll"
  : >"$making/used"
  mv -T "$making" "$worker" 2>/dev/null || rm -rf "$making" # another was faster
  # What nobody has started in a month is of older versions; if not, it is made again.
  find "${worker%/*}" -mindepth 2 -maxdepth 2 -name used -mtime +30 | while read -r used; do rm -rf "${used%/used}"; done
}
