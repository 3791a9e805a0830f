#!/bin/sh
# Builds a function into OUTPUT: function.jar, and in lib/ what it needs. Runs in the function's folder and writes nothing there.
#   build.sh RUNTIME COMPILER OUTPUT ENTRYPOINT INTERFACE LONE CACHE
# The language's compiler gets all sources of the folder, the jars of lib/, and the packages that dependencies.sh has brought. A pom.xml that says how to build is
# built by Maven. An entrypoint that is a jar is taken as it is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
language=$1 compiler=$2 output=$3 entrypoint=$4 interface=$5 lone=$6 cache=$7
find_home "$compiler"
find_place "$language" "$compiler"
work=$output.work
rm -rf "$work"
mkdir -p "$work/classes" "$output/lib"
trap 'rm -rf "$work"' EXIT

pack() { "$home/bin/java" $quiet_flags -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$place/worker.jar" trivet.worker.Pack "$entrypoint" "$output" "$@"; }

# A program of its own runs without the worker, and needs what the worker shares with other functions.
case $interface in
  json | context | module) ;;
  *) for jar in "$place"/lib/*.jar; do [ ! -e "$jar" ] || cp "$jar" "$output/lib/"; done ;;
esac

. "$here/maven.sh"

case $entrypoint in
  *.jar)
    cp "$entrypoint" "$output/function.jar"
    exit 0
    ;;
esac
if [ "$lone" = no ] && [ -f pom.xml ] && is_built_by_maven; then
  maven "$work/maven" -DskipTests -Dmaven.compiler.parameters=true compile
  pack "$work/maven/target/classes"
  exit 0
fi
if [ "$lone" = no ]; then
  for jar in lib/*.jar; do [ ! -e "$jar" ] || cp "$jar" "$output/lib/"; done
  find . \( -name .git -o -name .trivet -o -name node_modules -o -path '*/src/test' \) -prune -o -type f \( -name '*.java' -o -name '*.kt' \) -print >"$work/sources"
else
  echo "./$entrypoint" >"$work/sources"
fi
classpath=$place/worker.jar
for jar in "$place"/lib/*.jar "$output"/lib/*.jar "$output"/packages/*.jar "$output"/provided/*.jar; do [ ! -e "$jar" ] || classpath=$classpath:$jar; done
. "${here%/*}/$language/compile.sh"
pack "$work/classes" src/main/resources resources
