#!/bin/sh
# Compiles the worker ahead: sandboxes see it and cannot keep it.   ahead.sh DOTNET
set -eu
dotnet=$1 runtime=$(cd "$(dirname "$0")" && pwd)
. "$runtime/toolchain.sh"
find_worker
