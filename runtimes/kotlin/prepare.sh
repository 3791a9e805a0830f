#!/bin/sh
# The part of Kotlin's workers that is Kotlin: prepare.sh COMPILER PLACE, called by ../_jvm/prepare.sh. Puts into PLACE/lib what functions share: the
# standard library, coroutines, our types; makes an archive of the compiler's classes, which halves the
# time of a build; and compiles the rehearsal.
set -eu
runtime=$(cd "$(dirname "$0")" && pwd)
here=$runtime/../_jvm
. "$here/common.sh"
compiler=$1 place=$2
find_home "$compiler"
kotlin_archive=
. "$runtime/common.sh"
cp "$kotlin_lib/kotlin-stdlib.jar" "$kotlin_lib/kotlinx-coroutines-core-jvm.jar" "$place/lib/"
classpath=$place/classes:$place/lib/kotlin-stdlib.jar
version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
if [ "${version:-0}" -ge 25 ]; then kotlin_archive="-XX:AOTCacheOutput=$place/kotlinc.archive"; else kotlin_archive="-XX:ArchiveClassesAtExit=$place/kotlinc.archive"; fi
kotlinc -nowarn -module-name trivet -cp "$classpath" -d "$place/lib/trivet-kotlin.jar" "$runtime"/sdk/*.kt
kotlin_archive=
kotlinc -nowarn -module-name rehearsal -cp "$classpath:$place/lib/kotlinx-coroutines-core-jvm.jar:$place/lib/trivet-kotlin.jar" -d "$place/rehearsed" "$runtime/rehearsal/Rehearsed.kt"
