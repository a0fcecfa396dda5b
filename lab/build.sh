#!/usr/bin/env bash
# Build the JupyterLab extension into src/swap/lab/labextension.  Needs npm, node and jupyter-builder on
# PATH; without a network once node_modules is there.
set -euo pipefail
cd "$(dirname "$0")"
locked=$(sha256sum package-lock.json | cut -c1-64)
if [ "$(cat node_modules/.swap-lock 2>/dev/null || true)" != "$locked" ]; then
  npm ci --ignore-scripts --no-audit --no-fund
  printf '%s' "$locked" > node_modules/.swap-lock
fi
rm -rf lib tsconfig.tsbuildinfo ../src/swap/lab/labextension
node_modules/.bin/tsc
jupyter-builder build .
