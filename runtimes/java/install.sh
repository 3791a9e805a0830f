#!/bin/sh
# Compiles the worker for the JDK that is here, which the first function would else wait for. Instant when that is done. The JDK comes from Debian.
set -eu
runtime=$(cd "$(dirname "$0")" && pwd)
compiler=$(command -v javac) || { echo "java: javac is missing (apt-get install openjdk-17-jdk-headless)" >&2; exit 1; }
here=$runtime/../_jvm
here=$(cd "$here" && pwd)
. "$here/common.sh"
find_home "$compiler"
find_place java "$compiler"
