#!/bin/sh
# Builds a function into OUTPUT: function.jar, and in lib/ what it needs. Runs in the function's folder and writes nothing there.
#   build.sh RUNTIME COMPILER OUTPUT ENTRYPOINT INTERFACE LONE
# A pom.xml is built by Maven, without the network when its cache has all; else the language's compiler gets all sources of the folder and the jars
# of lib/. An entrypoint that is a jar is taken as it is.
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

maven() {
  command -v mvn >/dev/null || fail "pom.xml: mvn is not on PATH (apt-get install maven)"
  (tar --exclude=.git --exclude=.trivet --exclude=target -cf - .) | tar -C "$work" -xf -
  # Our types, as what the pom may name trivet:trivet:1: put where Maven looks first.
  repository=${HOME:-/tmp}/.m2/repository/trivet/trivet/1
  mkdir -p "$repository"
  cp "$place/worker.jar" "$repository/trivet-1.jar.$$" && mv "$repository/trivet-1.jar.$$" "$repository/trivet-1.jar"
  printf '<project><modelVersion>4.0.0</modelVersion><groupId>trivet</groupId><artifactId>trivet</artifactId><version>1</version></project>\n' >"$repository/trivet-1.pom"
  (
    cd "$work"
    export JAVA_HOME="$home"
    set -- -B -q -DskipTests -Dmaven.compiler.parameters=true compile org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$output/lib"
    mvn -o "$@" >offline.log 2>&1 || { echo "not all is in Maven's cache, so it is fetched"; mvn "$@"; }
  ) || exit 1
  pack "$work/target/classes"
}

case $entrypoint in
  *.jar)
    cp "$entrypoint" "$output/function.jar"
    exit 0
    ;;
esac
if [ "$lone" = no ] && [ -f pom.xml ]; then
  maven
  exit 0
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
