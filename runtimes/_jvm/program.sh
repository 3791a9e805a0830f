#!/bin/sh
# Becomes a program that was built from a function: program.sh COMPILER ARTIFACT
set -eu
here=${0%/*}
. "$here/common.sh"
find_home "$1"
exec "$home/bin/java" -XX:+UseSerialGC -XX:-UsePerfData -XX:TieredStopAtLevel=1 -jar "$2/function.jar"
