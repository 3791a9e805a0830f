#!/bin/sh
# Becomes a program that was built from a function: program.sh COMPILER ARTIFACT
set -eu
here=${0%/*}
. "$here/common.sh"
find_home "$1"
heap=${TRIVET_MEMORY_MIB:+-Xmx${TRIVET_MEMORY_MIB}m}
unset TRIVET_MEMORY_MIB
exec "$home/bin/java" $heap -XX:+UseSerialGC -XX:-UsePerfData -XX:TieredStopAtLevel=1 -jar "$2/function.jar"
