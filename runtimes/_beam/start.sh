#!/bin/sh
# Starts the Erlang VM with the shim: a worker, a program of the user's own, or a build.
#   start.sh LANGUAGE BINARY MODULE [ARGUMENT...]       LANGUAGE is erlang or elixir, BINARY its `erl` or `elixir`
# The shim is compiled once for each version of itself and of the VM: below .toolchains of the tree, where sandboxes see it, when that can be written, else
# into a cache below HOME or TMPDIR, which in a sandbox ends with it. MODULE is `prepare` for that alone.
set -eu
here=${0%/*} language=$1 binary=$2 main=$3
shift 3
erl=$binary libraries=
if [ "$language" = elixir ]; then
  erl=$(command -v erl) || { echo "elixir needs erl on PATH" >&2; exit 127; }
  libraries=${binary%/bin/elixir}/lib
fi
case $erl in */bin/erl) ;; *) erl=$(command -v "$erl") ;; esac
if [ ! -e "${erl%/bin/erl}/releases/start_erl.data" ]; then erl=$(readlink -f "$erl"); fi

# `erl` is a script that works out these variables with a few processes of its own.
root=${erl%/bin/erl} version=unknown
if [ -r "$root/releases/start_erl.data" ] && read -r version _ <"$root/releases/start_erl.data" && [ -x "$root/erts-$version/bin/erlexec" ]; then
  export ROOTDIR="$root" BINDIR="$root/erts-$version/bin" EMU=beam PROGNAME=erl
  erl=$BINDIR/erlexec
fi

sum=$(cat "$here"/*.erl | cksum)
name=beam-${sum%% *}-${sum##* }-$version
tree=$(cd "$here/../.." && pwd)/.toolchains/beam
ebin=${HOME:+$HOME/.cache/trivet/$name}
if [ -d "$tree/$name" ] || { mkdir -p "$tree" 2>/dev/null && [ -w "$tree" ]; }; then ebin=$tree/$name; fi
if [ -z "$ebin" ] || { [ ! -d "$ebin" ] && ! mkdir -p "${ebin%/*}" 2>/dev/null; } || { [ ! -d "$ebin" ] && [ ! -w "${ebin%/*}" ]; }; then
  # Users from 1879048192 up are given to one worker after another: what one finds may be another function's.
  place=${TMPDIR:-/tmp}/trivet-$(id -u)
  [ "$(id -u)" -lt 1879048192 ] || place=$(mktemp -d "$place-XXXXXX")
  mkdir -m 700 "$place" 2>/dev/null || { [ -O "$place" ] && [ ! -L "$place" ]; } || { echo "$place belongs to somebody else: set HOME" >&2; exit 1; }
  ebin=$place/$name
fi
if [ ! -d "$ebin" ]; then
  making=$ebin.$$
  mkdir "$making"
  if ! "$erl" -noinput -boot no_dot_erlang +S 1:1 -eval '
    [Into | Files] = init:get_plain_arguments(),
    [case compile:file(File, [report, deterministic, {outdir, Into}]) of {ok, _} -> ok; _ -> halt(1) end || File <- Files], halt(0).
    ' -extra "$making" "$here"/*.erl; then rm -rf "$making"; exit 1; fi >&2
  mv -T "$making" "$ebin" 2>/dev/null || rm -rf "$making"  # another was faster
  # What nobody has started in a month is of older versions; if not, it is made again.
  find "${ebin%/*}" -mindepth 2 -maxdepth 2 -path '*/beam-*/used' -mtime +30 | while read -r used; do rm -rf "${used%/used}"; done
fi
{ true >"$ebin/used"; } 2>/dev/null || true
[ "$main" != prepare ] || exit 0

# One scheduler that does not spin while it waits, and tables of a size for functions: README.md has what each of these gives.
if [ -n "$libraries" ]; then set -- -pa "$libraries"/*/ebin -s "$main" start "$language" -extra "$@"
else set -- -s "$main" start "$language" -extra "$@"; fi
exec "$erl" -noinput -boot no_dot_erlang +S 1:1 +SDcpu 1:1 +SDio 1 +A 1 +sbwt none +sbwtdcpu none +sbwtdio none +P 65536 +Q 8192 \
  -kernel logger '[{handler,default,undefined}]' start_distribution false -pa "$ebin" "$@"
