#!/usr/bin/env bash
# Tries the server and its page as people use them: a real browser, real
# processes, real kills, a real proxy. Installs Node.js, Chromium, nginx and
# OpenSSL from Debian where they are missing. Needs `cargo build --bin acft` first.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v node > /dev/null && command -v npm > /dev/null || missing+=(nodejs npm)
command -v chromium > /dev/null || missing+=(chromium)
command -v nginx > /dev/null || missing+=(nginx-light)
command -v openssl > /dev/null || missing+=(openssl)
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get > /dev/null || { echo "install ${missing[*]} first" >&2; exit 1; }
    echo "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi

cd tests/live
npm ci --no-audit --no-fund --silent
npm test
