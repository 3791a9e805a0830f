#!/bin/sh
# A program of .toolchains/swift-root, the one that this file is called as. It sees the current folder, at its usual path, and nothing else of this machine.
root=$(cd "$(dirname "$(readlink -f "$0")")/../swift-root" && pwd) || exit 1
if [ "$*" = --version ] && [ -f "$root/version" ]; then exec cat "$root/version"; fi # asked often, and soon to be answered
here=$(pwd -P)
mkdir -p "$root$here"
[ "$(id -u)" = 0 ] && new="unshare -m" || new="unshare -rm"
exec $new sh -c '
  root=$1 here=$2
  shift 2
  mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
  [ "$here" = / ] || mount --bind "$here" "$root$here"
  exec chroot "$root" sh -c "cd \"\$1\" && shift && PATH=\"/usr/libexec/swift/bin:\$PATH\" && exec \"\$@\"" sh "$here" "$@"' sh "$root" "$here" "$(basename "$0")" "$@"
