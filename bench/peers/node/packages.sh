#!/bin/sh
# packages.sh MADE: the pinned packages of this folder's lock file, and a link to this machine's workerd, into MADE. No install script runs.
set -eu
cd "$(dirname "$0")"
cp package.json package-lock.json "$1/"
cd "$1"
npm ci --ignore-scripts --include=optional --no-audit --no-fund --loglevel=error
ln -sf node_modules/@cloudflare/workerd-linux-*/bin/workerd workerd
touch packages
