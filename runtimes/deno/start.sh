#!/bin/sh
# Deno does not start without a folder for its cache. A user without a home (level `process`) has none that is safe from others: it goes without.
[ -n "${DENO_DIR:-}${XDG_CACHE_HOME:-}${HOME:-}" ] || export DENO_DIR=/nonexistent
exec "$@"
