#!/bin/sh
# Builds a function into OUTPUT/worker. Runs in the function's folder and writes nothing there.
#   build.sh GXX RUNTIME OUTPUT ENTRYPOINT INTERFACE HANDLER LONE CACHE
# A folder with a CMakeLists.txt or a Makefile makes its program `worker` itself, with TRIVET_SERVE_JSON and the like for a main. Of anything else all sources
# are compiled, and a main is generated behind the entrypoint; a program of its own is built as it is. The compiled shim is kept in CACHE.
set -eu
gxx=$1 runtime=$2 output=$3 entrypoint=$4 interface=$5 handler=$6 lone=$7 shared=$8/cpp
work=$output.work
rm -rf "$work"
mkdir -p "$work" "$shared"
trap 'rm -rf "$work"' EXIT
export LC_ALL=C
behind=
case $interface in
  json) name=${handler:-handler} macro=TRIVET_SERVE_JSON ;;
  context) name=${handler:-handler} macro=TRIVET_SERVE_CONTEXT ;;
  module) name=${handler:-register_modules} macro=TRIVET_SERVE_MODULES ;;
  *) name= macro= ;;
esac

# The shim as libtrivet.a and its header compiled ahead, once per compiler and language version: to a folder whose name says from what.
shim() {
  key=$( ("$gxx" --version && cat "$runtime"/trivet/*) | cksum | cut -d' ' -f1)
  library=$shared/shim-$1-$key
  [ ! -d "$library" ] || return 0
  mkdir "$work/shim"
  cp "$runtime"/trivet/* "$work/shim/"
  (
    cd "$work/shim"
    "$gxx" "-std=$1" -O2 -c shim.cc -o shim.o
    ar rc libtrivet.a shim.o
    "$gxx" "-std=$1" -O2 -w -x c++-header trivet.hpp -o trivet.hpp.gch
    rm -f shim.o
  )
  mv -T "$work/shim" "$library" 2>/dev/null || [ -d "$library" ] # another build was faster
}

# A static program starts in half the time. It cannot look up names of hosts or users, or load libraries: the linker warns of that, and then it is not static.
link_program() {
  if "$gxx" -static "$@" -o "$output/worker" >"$work/static.log" 2>&1 && ! grep -q 'in statically linked applications' "$work/static.log"; then
    return
  fi
  "$gxx" "$@" -o "$output/worker"
}

# Functions of open-runtimes have runtime::Handler::main, and include our headers of the names that they know, beside them or one folder up.
of_open_runtimes() {
  [ "$interface" = context ] && [ -z "$handler" ] && grep -qE '^ *# *include *"(\.\./)?Runtime(Context|Output|Re[a-z]+)\.h"' "$entrypoint"
}
open_runtimes() {
  if ! echo '#include <json/json.h>' | "$gxx" -I/usr/include/jsoncpp -E -x c++ - >/dev/null 2>&1; then
    echo "$entrypoint: functions of open-runtimes need the headers of jsoncpp: apt-get install libjsoncpp-dev" >&2
    exit 1
  fi
  mkdir -p "$work/openruntimes/function"
  cp "$runtime"/openruntimes/*.h* "$work/openruntimes/"
  includes="-I/usr/include/jsoncpp -I$work/openruntimes -I$work/openruntimes/function"
  behind='#include "serve.hpp"' name=trivet::handlers::open_runtimes
}
main_of() { printf '#include "trivet.hpp"\n#include "%s"\n%s\n%s(%s)\n' "$1" "$behind" "$macro" "$name"; }

# Lines "// trivet: FLAGS" in the entrypoint are flags of the compiler and the linker, "// packages: NAMES" those that pkg-config has.
by_compiler() {
  own=$(sed -n 's|^// *trivet: *||p' "$entrypoint" | tr '\n' ' ')
  packages=$(sed -n 's|^// *packages: *||p' "$entrypoint" | tr '\n' ' ')
  standard=c++17
  for flag in $own; do case $flag in -std=*) standard=${flag#-std=} ;; esac; done
  compile= libraries=
  for flag in $own; do case $flag in -l* | -L* | -Wl,*) libraries="$libraries $flag" ;; *) compile="$compile $flag" ;; esac; done
  if [ -n "$packages" ]; then
    command -v pkg-config >/dev/null || { echo "$entrypoint: '// packages:' needs pkg-config, which is not installed: apt-get install pkg-config" >&2; exit 1; }
    compile="$compile $(pkg-config --cflags $packages)" # it says which is missing
    libraries="$libraries $(pkg-config --libs $packages)"
  fi
  if of_open_runtimes; then
    open_runtimes
    compile="$compile $includes" libraries="$libraries -ljsoncpp"
    [ "$own" != "${own#*-std=}" ] || standard=c++20
  fi
  shim "$standard"
  flags="-std=$standard -O2 -I$library -I. $compile"
  if [ -n "$name" ]; then
    main_of "$PWD/$entrypoint" >"$work/worker.cc"
  else
    printf '#include "%s"\n' "$PWD/$entrypoint" >"$work/worker.cc"
  fi
  "$gxx" $flags -ffile-prefix-map="$PWD/=" -c "$work/worker.cc" -o "$work/worker.o"
  if [ "$lone" = no ]; then
    find . -path ./.trivet -prune -o \( -name '*.cpp' -o -name '*.cc' -o -name '*.cxx' \) -print | sort | while read -r source; do
      [ "$source" != "./$entrypoint" ] || continue
      "$gxx" $flags -ffile-prefix-map="$PWD/=" -c "$source" -o "$work/$(echo "${source#./}" | tr / _).o"
    done
  fi
  link_program -Wl,--wrap=__cxa_throw "$work"/*.o "$library/libtrivet.a" $libraries -pthread
}

# The function's own build, in a copy. It finds the shim as find_package(trivet), or in TRIVET_CPPFLAGS and TRIVET_LIBS.
by_itself() {
  shim c++17
  mkdir "$work/function" "$work/built"
  (tar --exclude=.git --exclude=.trivet -cf - .) | tar -C "$work/function" -xf -
  if [ -f CMakeLists.txt ] && of_open_runtimes && ! grep -qi '^ *project *(' CMakeLists.txt; then # it goes to the end of that of open-runtimes
    open_runtimes
    main_of "$work/function/$entrypoint" >"$work/function/trivet_worker.cc"
    {
      printf 'cmake_minimum_required(VERSION 3.10)\nproject(worker CXX)\nset(CMAKE_CXX_STANDARD 20)\nset(CMAKE_CXX_FLAGS "%s")\n' "$includes"
      printf 'find_package(trivet REQUIRED)\nadd_executable(${PROJECT_NAME} trivet_worker.cc)\ntarget_link_libraries(${PROJECT_NAME} PUBLIC trivet::trivet jsoncpp)\n'
      cat CMakeLists.txt
    } >"$work/function/CMakeLists.txt"
  fi
  if [ -f CMakeLists.txt ]; then
    command -v cmake >/dev/null || { echo "CMakeLists.txt needs cmake, which is not installed: apt-get install cmake make" >&2; exit 1; }
    cmake -S "$work/function" -B "$work/built" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$gxx" -Dtrivet_DIR="$library" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    cmake --build "$work/built" -j2 # says what is wrong
  else
    make -C "$work/function" CXX="$gxx" TRIVET_CPPFLAGS="-I$library" TRIVET_LIBS="-Wl,--wrap=__cxa_throw $library/libtrivet.a -pthread"
  fi
  program=$(find "$work/built" "$work/function" -type f -name worker -perm -u+x | head -n 1)
  [ -n "$program" ] || { echo "the build made no program called worker" >&2; exit 1; }
  cp "$program" "$output/worker"
}

if [ "$lone" = no ] && { [ -f CMakeLists.txt ] || [ -f Makefile ]; }; then
  by_itself
else
  by_compiler
fi
