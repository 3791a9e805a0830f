#!/bin/sh
# Brings the packages that pom.xml, or else build.gradle(.kts), names, and what they need, into OUTPUT/packages; what is only compiled against into OUTPUT/provided.
#   dependencies.sh RUNTIME COMPILER OUTPUT CACHE
# By Maven in either case, from its own settings' repositories, with strict checksums. Runs in the function's folder and writes nothing there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
language=$1 compiler=$2 output=$3 cache=$4
find_home "$compiler"
find_place "$language" "$compiler"
work=$output.work
rm -rf "$work"
mkdir -p "$work" "$output/packages" "$output/provided"
trap 'rm -rf "$work"' EXIT
. "$here/maven.sh"

if [ ! -f pom.xml ]; then
  for script in build.gradle.kts build.gradle; do
    [ ! -f "$script" ] || break
  done
  awk -v file="$script" -f "$here/gradle.awk" "$script" >"$work/pom.xml"
fi
copy=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies
maven "$work/maven" "$copy" -DincludeScope=runtime "-DoutputDirectory=$output/packages"
if grep -q provided "$work/maven/pom.xml"; then
  maven "$work/maven" "$copy" -DincludeScope=provided -DexcludeGroupIds=trivet "-DoutputDirectory=$output/provided"
fi
