#!/bin/sh
# Installs numpy and scikit-learn, as requirements.txt pins them, into a virtual environment at .toolchains/python-ml of this tree, and nowhere
# else. They come from PyPI: Debian's python3-sklearn cannot be installed beside the Boost that trivet is built with. Instant when nothing is to do.
set -eu
cd "$(dirname "$0")"
here=$(pwd) target=$(cd ../.. && pwd)/.toolchains/python-ml
wanted=$(sha256sum requirements.txt | cut -d' ' -f1)
[ "$(cat "$target/stamp" 2>/dev/null || true)" != "$wanted" ] || exit 0

fail() {
  echo "python-ml: $*" >&2
  rm -rf "$staging"
  exit 1
}
staging=$target.$$
mkdir -p "$staging"
python3=/usr/bin/python3
"$python3" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || fail "the pinned wheels are for Python 3.11, which $python3 is not"
"$python3" -m pip --version >/dev/null 2>&1 || fail "pip is missing: apt-get install python3-pip"
echo "python-ml: installing numpy and scikit-learn from PyPI (65 MB) into .toolchains/python-ml"
"$python3" -m venv --without-pip "$staging" || fail "no virtual environment could be made in $staging"
"$python3" -m pip --python "$staging/bin/python3" install -q --disable-pip-version-check --no-compile --only-binary :all: --require-hashes -r "$here/requirements.txt" ||
  fail "pip could not get what requirements.txt pins (its message is above)"
"$staging/bin/python3" -m compileall -q "$staging/lib" >/dev/null || true # a few test files are not meant to compile
find "$staging/lib" -type d -name tests -prune -exec rm -rf {} +
"$staging/bin/python3" -c 'import sklearn.linear_model' || fail "scikit-learn is installed but cannot be imported"
echo "$wanted" >"$staging/stamp"
rm -rf "$target"
mv "$staging" "$target"
