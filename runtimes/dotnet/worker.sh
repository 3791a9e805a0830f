#!/bin/sh
# Becomes the worker, which is compiled when it is not there yet.
#   worker.sh DOTNET RUNTIME
set -eu
dotnet=$1 runtime=$2
. "$runtime/toolchain.sh"
find_worker
DOTNET_GCHeapHardLimit=$(printf 0x%x $((${TRIVET_MEMORY_MIB:-0} * 1048576)))
export DOTNET_GCHeapHardLimit
unset TRIVET_MEMORY_MIB
exec "$dotnet" exec "$worker/Trivet.dll"
