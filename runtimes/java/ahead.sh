#!/bin/sh
# Compiles the shim ahead, for sandboxes that see it and cannot keep one (tools/setup; `prepare` in runtime.yaml).   ahead.sh COMPILER
set -eu
here=$(cd "$(dirname "$0")/../_jvm" && pwd)
. "$here/common.sh"
find_home "$1"
find_place java "$1"
