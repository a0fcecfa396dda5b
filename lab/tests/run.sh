#!/usr/bin/env bash
# Run the unit tests of the extension's pure parts.  Needs lab/node_modules, which scripts/setup makes; no browser.
set -euo pipefail
shopt -s globstar failglob
cd "$(dirname "$0")/.."
# The Node.js that built the pages: the one beside our environments is there when the machine had none new enough.
node=../.swap/env/node/bin
[ -x "$node/node" ] && PATH=$PWD/$node:$PATH
rm -rf tests/lib
node node_modules/typescript/bin/tsc -p tests
node --test --test-reporter=spec --enable-source-maps tests/lib/tests/**/*.test.js
