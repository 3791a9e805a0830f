#!/bin/sh
# Installs what the rockspec depends on into OUTPUT/lua_modules; the function's folder, which is the current one, is only read.
#   dependencies.sh VERSION OUTPUT CACHE
# With a luarocks.lock exactly what it says is installed. Rocks of the function's own may be in rocks/.
set -eu
version=$1 output=$2 cache=$3 kept=$3/rocks/$1 work=$2.work
rm -rf "$work"
mkdir -p "$work" "$kept" "$output/lua_modules"
trap 'rm -rf "$work"' EXIT
command -v luarocks >/dev/null || { echo "a rockspec needs luarocks, which is not on PATH: apt-get install luarocks" >&2; exit 1; }
found=
for each in rockspec *.rockspec luarocks.lock .luarocks/config-$version.lua rocks; do
  [ -e "$each" ] || continue
  case $each in *rockspec) found=$found${found:+ }$each ;; esac
  mkdir -p "$work/$(dirname "$each")"
  cp -R "$each" "$work/$each"
done
case $found in
  *' '*) echo "there are several rockspecs: $found" >&2; exit 1 ;;
esac
cd "$work"
export XDG_CACHE_HOME="$cache"
index() { luarocks-admin --lua-version="$version" make-manifest "$1" >/dev/null; }
tree=$output/lua_modules
install() { luarocks --lua-version="$version" --tree "$tree" "$@" make --only-deps "$found"; }

# Every rock that was ever installed is kept for builds that have no network.
install_from_anywhere() {
  own=
  if [ -d rocks ]; then
    index rocks
    if install --only-server "$work/rocks" 2>/dev/null; then return; fi
    own=$work/rocks
  fi
  if install ${own:+--server "$own"}; then return; fi
  echo "once more, with what is in the cache" >&2
  install --only-server "$kept"
}
if ! install_from_anywhere; then
  echo "luarocks sees the rockspec, luarocks.lock and rocks/; rocks that are not there, nor in the cache, it fetches" >&2
  exit 1
fi
luarocks --lua-version="$version" --tree "$tree" list --porcelain | while read -r name release _; do
  [ -z "$(find "$kept" -name "$name-$release.*.rock")" ] || continue
  luarocks --lua-version="$version" --tree "$tree" pack "$name" "$release" >/dev/null && mv "$name-$release".*.rock "$kept/" && index "$kept"
done
# Modules alone: no programs with a place in them, and nothing that differs from one installation to the next.
rm -rf "$tree/bin" "$tree/lib/luarocks"
find "$tree" -name '*.so' -exec strip --strip-debug -R .note.gnu.build-id {} + 2>/dev/null || true
