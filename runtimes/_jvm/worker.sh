#!/bin/sh
# Becomes a worker: worker.sh RUNTIME COMPILER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
find_home "$2"
find_place "$1" "$2"
read -r flags <"$place/flags"
version=$(sed -n 's/^JAVA_VERSION="\(.*\)"/\1/p' "$home/release")
# A spare is told by an argument: Java cannot take a variable out of the environment that others inherit.
kind=${TRIVET_SPARE+spare}
unset TRIVET_SPARE
heap=${TRIVET_MEMORY_MIB:+-Xmx${TRIVET_MEMORY_MIB}m}
unset TRIVET_MEMORY_MIB
exec "$home/bin/java" $flags $heap -jar "$place/worker.jar" "$1" "$version" "${kind:-program}"
