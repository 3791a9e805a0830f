#!/bin/sh
# Compiles the shim ahead: sandboxes see it and cannot keep it.   ahead.sh COMPILER
set -eu
here=$(cd "$(dirname "$0")/../_jvm" && pwd)
. "$here/common.sh"
find_home "$1"
find_place java "$1"
