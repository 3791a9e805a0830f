#!/bin/sh
# Builds a function into OUTPUT: function.jar, and in lib/ what it needs. Runs in the function's folder and writes nothing there.
#   build.sh RUNTIME COMPILER OUTPUT ENTRYPOINT INTERFACE LONE
# A pom.xml is built by Maven, without the network when its cache has all; else the language's compiler gets all sources of the folder and the jars
# of lib/. A pom.xml of Kotlin that does not name its plugin only says what is needed. An entrypoint that is a jar is taken as it is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
language=$1 compiler=$2 output=$3 entrypoint=$4 interface=$5 lone=$6
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

# Runs Maven in a copy of the folder: once without the network, and when its cache has not all, with it.
maven() {
  command -v mvn >/dev/null || fail "pom.xml: mvn is not on PATH (apt-get install maven)"
  mkdir -p "$work/maven"
  (tar --exclude=.git --exclude=.trivet --exclude=target -cf - .) | tar -C "$work/maven" -xf -
  # Our types, as what the pom may name trivet:trivet:1: put where Maven looks first.
  repository=${HOME:-/tmp}/.m2/repository/trivet/trivet/1
  mkdir -p "$repository"
  cp "$place/worker.jar" "$repository/trivet-1.jar.$$" && mv "$repository/trivet-1.jar.$$" "$repository/trivet-1.jar"
  printf '<project><modelVersion>4.0.0</modelVersion><groupId>trivet</groupId><artifactId>trivet</artifactId><version>1</version></project>\n' >"$repository/trivet-1.pom"
  set -- -B -q -DskipTests -Dmaven.compiler.parameters=true "$@" -DincludeScope=runtime -DoutputDirectory="$output/lib"
  export JAVA_HOME="$home"
  if ! (cd "$work/maven" && mvn -o "$@") >"$work/offline.log" 2>&1; then
    grep -q 'offline' "$work/offline.log" || { cat "$work/offline.log"; exit 1; } # its own errors
    echo "Maven's cache has not all that pom.xml names: fetching it"
    (cd "$work/maven" && mvn "$@") || exit 1
  fi
}
copy_dependencies=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies

case $entrypoint in
  *.jar)
    cp "$entrypoint" "$output/function.jar"
    exit 0
    ;;
esac
if [ "$lone" = no ] && [ -f pom.xml ]; then
  if [ "$language" = java ] || grep -q kotlin-maven-plugin pom.xml; then
    maven compile "$copy_dependencies"
    pack "$work/maven/target/classes"
    exit 0
  fi
  maven "$copy_dependencies" # what is compiled here needs them
fi
if [ "$lone" = no ]; then
  for jar in lib/*.jar; do [ ! -e "$jar" ] || cp "$jar" "$output/lib/"; done
  find . \( -name .git -o -name .trivet -o -name node_modules -o -path '*/src/test' \) -prune -o -type f \( -name '*.java' -o -name '*.kt' \) -print >"$work/sources"
else
  echo "./$entrypoint" >"$work/sources"
fi
classpath=$place/worker.jar
for jar in "$place"/lib/*.jar "$output"/lib/*.jar; do [ ! -e "$jar" ] || classpath=$classpath:$jar; done
. "${here%/*}/$language/compile.sh"
pack "$work/classes" src/main/resources resources
