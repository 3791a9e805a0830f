# Sourced by the scripts beside it, which set `here` (this folder) before.

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# Sets `home`, the JDK: the one that a `javac` belongs to, else the one whose `java` or `javac` is on PATH.
find_home() {
  case $1 in
    */javac) tool=$1 ;;
    *) tool=$(command -v javac || command -v java) || fail "no JDK: neither javac nor java is on PATH (apt-get install openjdk-17-jdk-headless)" ;;
  esac
  tool=$(readlink -f "$tool")
  home=${tool%/bin/*}
  [ -x "$home/bin/java" ] || fail "$home/bin has no java"
}

# Flags of every JVM. Nothing but errors is logged, and not on stdout, which is the function's.
quiet_flags="-Xlog:disable -Xlog:all=error:stderr"
jvm_flags="-XX:+UseSerialGC -XX:-UsePerfData $quiet_flags"

# Prints a folder of ours for those who have no home. Users from 1879048192 up are given to one worker after another: what one finds may be another function's.
own_folder() {
  folder=${TMPDIR:-/tmp}/trivet-$(id -u)
  [ "$(id -u)" -lt 1879048192 ] || folder=$(mktemp -d "$folder-XXXXXX")
  mkdir -m 700 "$folder" 2>/dev/null || { [ -O "$folder" ] && [ ! -L "$folder" ]; } || fail "$folder belongs to somebody else: set HOME"
  echo "$folder"
}

# Sets `place`, where the shim is kept once it is compiled: below .toolchains of the tree when that can be written, else in the user's cache. It is
# called after what it is made of: our sources, the language's own part, the JDK and the compiler.
find_place() {
  language=$1 compiler=$2
  runtimes=${here%/*}
  key=$({ cat "$home/release" "$here"/*.sh "$runtimes/$language"/*.sh && find "$here/src" "$here/rehearsal" "$runtimes/$language/sdk" "$runtimes/$language/rehearsal" -type f -exec cat {} +; echo "$home $compiler"; } 2>/dev/null | cksum | tr ' ' -)
  tree=${runtimes%/*}/.toolchains
  place=$tree/jvm/$language-$key
  if [ ! -e "$place/ready" ] && ! { mkdir -p "$tree/jvm" 2>/dev/null && [ -w "$tree/jvm" ]; }; then
    own=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
    [ -n "$own" ] || own=$(own_folder)
    place=$own/trivet/jvm/$language-$key
  fi
  [ -e "$place/ready" ] || { "$here/prepare.sh" "$language" "$compiler" "$place" >&2; return; }
  { true >"$place/used"; } 2>/dev/null || true # what nobody uses any more is removed (prepare.sh)
}
