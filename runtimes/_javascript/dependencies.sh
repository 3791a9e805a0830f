#!/bin/sh
# Installs what package.json names into OUTPUT/node_modules; the function's folder, which is the current one, is only read.
#   dependencies.sh MANAGER PROGRAM OUTPUT CACHE HAS_COMMAND
# PROGRAM is the package manager's, or a name for PATH. With a lock file exactly what it says is installed; what is for development only when HAS_COMMAND is yes.
set -eu
manager=$1 program=$2 output=$3 cache=$4 has_command=$5
if ! command -v "$program" >/dev/null 2>&1; then
  echo "this function is installed by $manager, which is not on PATH: npm install -g $manager" >&2
  exit 1
fi
for file in package.json package-lock.json npm-shrinkwrap.json pnpm-lock.yaml pnpm-workspace.yaml yarn.lock bun.lock bun.lockb bunfig.toml \
  deno.json deno.jsonc deno.lock .npmrc .yarnrc .yarnrc.yml; do
  if [ -f "$file" ]; then cp "$file" "$output/"; fi
done
if grep -Eq '"(link|workspace|portal):' package.json 2>/dev/null || grep -E '"file:' package.json 2>/dev/null | grep -qv '\.tgz"'; then
  echo "package.json names a package by its folder, which is outside of what is built: pack it (npm pack) and name the .tgz" >&2
  exit 1
fi
find . -name node_modules -prune -o -name '*.tgz' -print | while read -r packed; do
  mkdir -p "$output/$(dirname "$packed")"
  cp "$packed" "$output/$packed"
done
cd "$output"
mkdir -p node_modules # also when nothing is to be installed
export CI=1 NO_COLOR=1 NO_UPDATE_NOTIFIER=1

case $manager in
  npm)
    verb=install
    if [ -f package-lock.json ] || [ -f npm-shrinkwrap.json ]; then verb=ci; fi
    "$program" $verb $([ $has_command = yes ] || echo --omit=dev) --cache "$cache/npm" --prefer-offline --no-audit --no-fund --loglevel=warn
    ;;
  pnpm) "$program" install $([ $has_command = yes ] || echo --prod) --frozen-lockfile --store-dir "$cache/pnpm" --prefer-offline --package-import-method=copy --reporter=append-only ;;
  yarn)
    case $("$program" --version) in
      0.* | 1.*) "$program" install $([ $has_command = yes ] || echo --production) --frozen-lockfile --non-interactive --cache-folder "$cache/yarn" --prefer-offline ;;
      *) YARN_NODE_LINKER=node-modules YARN_GLOBAL_FOLDER="$cache/yarn" YARN_ENABLE_TELEMETRY=0 "$program" install --immutable ;;
    esac
    ;;
  bun)
    frozen=
    if [ -f bun.lock ] || [ -f bun.lockb ]; then frozen=--frozen-lockfile; fi
    BUN_INSTALL_CACHE_DIR="$cache/bun" "$program" install $([ $has_command = yes ] || echo --production) --backend=copyfile --no-progress $frozen
    ;;
  deno)
    frozen=
    if [ -f deno.lock ]; then frozen=--frozen; fi
    DENO_DIR="$cache/deno" DENO_NO_UPDATE_CHECK=1 "$program" install --node-modules-dir=auto $frozen
    ;;
esac
# What remains is the folder of packages, without what differs from one installation to the next.
find . -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -rf {} +
rm -f node_modules/.modules.yaml node_modules/.pnpm-workspace-state.json node_modules/.pnpm-workspace-state-v1.json node_modules/.yarn-integrity \
  node_modules/.yarn-state.yml
