#!/bin/sh
# compile.sh RUNTIME MADE: server.cs to MADE/server.dll, with the compiler that functions have.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
runtime=$1 dotnet=$(readlink -f "$(command -v dotnet)")
. "$runtime/toolchain.sh"
find_compiler
compile exe "$2/server.dll" "$here/server.cs"
write_config "$2/server.dll"
