#!/usr/bin/env bash
# Build the pages' styles, scripts and icons into src/swap/look/static/build.
# The first run fetches the locked packages; later runs need no network.
set -euo pipefail
cd "$(dirname "$0")"
wanted=$(sha256sum package-lock.json)
if [ "$(cat node_modules/.swap-lock 2>/dev/null)" != "$wanted" ]; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  printf '%s' "$wanted" > node_modules/.swap-lock
fi
node build.mjs
