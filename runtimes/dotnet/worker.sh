#!/bin/sh
# Becomes the worker, which is compiled when it is not there yet.
#   worker.sh DOTNET RUNTIME
set -eu
dotnet=$1 runtime=$2
. "$runtime/toolchain.sh"
find_worker
exec "$dotnet" exec "$worker/Trivet.dll"
