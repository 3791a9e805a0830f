#!/bin/sh
# Installs what requirements.txt, or else pyproject.toml, names into OUTPUT/packages: wheels only. The function's folder, which is the current one, is
# only read.
#   dependencies.sh PYTHON RUNTIME OUTPUT CACHE
# By uv where it is on PATH, else by pip. Without a network, what is in the cache is enough.
set -eu
python=$1 runtime=$2 output=$3 cache=$4
list=requirements.txt target=$output/packages work=$output.work
rm -rf "$work"
mkdir -p "$work" "$target" "$cache/wheels"
trap 'rm -rf "$work"' EXIT
if [ ! -f requirements.txt ]; then
  list=$work/requirements.txt
  "$python" "$runtime/requirements.py" pyproject.toml >"$list"
fi

install_by_uv() {
  if [ -f uv.lock ] && [ ! -f requirements.txt ]; then uv export --quiet --frozen --no-dev --no-emit-project --output-file "$list" >/dev/null; fi
  set -- pip install --python "$python" --target "$target" --only-binary :all: --cache-dir "$cache/uv" --link-mode copy -r "$list"
  uv "$@" || { echo "once more, with what is in the cache" >&2; uv "$@" --offline; }
  rm -f "$target/.lock"
}

# Every wheel that was ever fetched is kept for builds that have no network.
install_by_pip() {
  from=$work/wheels
  if "$@" download --quiet --only-binary :all: --cache-dir "$cache/pip" --dest "$from" -r "$list"; then
    [ ! -d "$from" ] || cp -n "$from"/* "$cache/wheels/" 2>/dev/null || true
  else
    echo "nothing can be fetched: looking for what is needed in the cache" >&2
    from=$cache/wheels
  fi
  "$@" install --quiet --no-index --find-links "$from" --only-binary :all: --no-compile --no-warn-script-location --target "$target" -r "$list"
}

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore NO_COLOR=1
if command -v uv >/dev/null 2>&1; then
  install_by_uv
elif "$python" -m pip --version >/dev/null 2>&1; then
  install_by_pip "$python" -m pip
elif command -v pip3 >/dev/null 2>&1; then
  install_by_pip pip3 --python "$python"
else
  echo "$list needs pip or uv: apt-get install python3-pip" >&2
  exit 1
fi
# Bytecode that is not compared with its source: imports are faster, and two builds are the same to the byte.
find "$target" -name __pycache__ -type d -prune -exec rm -rf {} +
PYTHONHASHSEED=0 "$python" -m compileall -q --invalidation-mode unchecked-hash -s "$target" "$target" || true
