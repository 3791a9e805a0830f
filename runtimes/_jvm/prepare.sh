#!/bin/sh
# Compiles the shim, once for each JDK and version of it: prepare.sh RUNTIME COMPILER PLACE. Others that want the same wait.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
language=$1 compiler=$2 place=$3
find_home "$compiler"
[ -x "$home/bin/javac" ] || fail "$home has no javac, which the Java worker is compiled with (apt-get install openjdk-17-jdk-headless)"

umask 022
mkdir -p "$place"
exec 9>"$place/lock"
flock 9
[ ! -e "$place/ready" ] || exit 0
rm -rf "$place/classes" "$place/lib" "$place/rehearsal" "$place/rehearsed"
mkdir -p "$place/classes" "$place/lib" "$place/rehearsal" "$place/rehearsed"
"$home/bin/javac" -J-XX:TieredStopAtLevel=1 --release 17 -parameters -nowarn -d "$place/classes" $(find "$here/src" -name '*.java')
# What the language shares with its functions: jars in lib. It may have a rehearsal of its own too.
[ ! -f "${here%/*}/$language/prepare.sh" ] || sh "${here%/*}/$language/prepare.sh" "$compiler" "$place"
java() { "$home/bin/java" $jvm_flags "$@" 9>&-; }
java -cp "$place/classes" trivet.worker.Pack worker "$place" "$place/classes"
java -cp "$place/classes" trivet.worker.Elf "$place/libtrivet.so"
if [ -z "$(ls "$place/rehearsed")" ]; then
  "$home/bin/javac" -J-XX:TieredStopAtLevel=1 -parameters -nowarn -cp "$place/classes" -d "$place/rehearsed" "$here/rehearsal/Rehearsed.java"
fi
java -cp "$place/classes" trivet.worker.Pack Rehearsed.java "$place/rehearsal" "$place/rehearsed"

# What a worker loads, as the JVM has it in memory: an AOT cache from JDK 25 on, else an archive of classes. Without one it starts all the same.
version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
# From 18 on a method that is called by reflection would otherwise get a class of its own: 7 ms in a first call, for half a microsecond in others.
[ "${version:-0}" -lt 18 ] || jvm_flags="$jvm_flags -Djdk.reflect.useNativeAccessorOnly=true"
if [ "${version:-0}" -ge 25 ]; then
  archive="-XX:AOTCache=$place/worker.aot"
  java -XX:AOTCacheOutput="$place/worker.aot" -jar "$place/worker.jar" --rehearse >"$place/archive.log" 2>&1 || archive=
else
  archive="-XX:SharedArchiveFile=$place/worker.jsa"
  java -XX:ArchiveClassesAtExit="$place/worker.jsa" -jar "$place/worker.jar" --rehearse >"$place/archive.log" 2>&1 || archive=
fi
rm -rf "$place/rehearsed"
printf '%s\n' "$jvm_flags $archive" >"$place/flags"
: >"$place/used"
: >"$place/ready"
# What nobody has started in a month is of older versions; if not, it is made again.
find "${place%/*}" -mindepth 2 -maxdepth 2 -path "*/$language-*/used" -mtime +30 | while read -r used; do rm -rf "${used%/used}"; done
