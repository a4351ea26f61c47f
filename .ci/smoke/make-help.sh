#!/usr/bin/env bash
# `make help` lists every target, without Node.
set -euo pipefail
cd "$(dirname "$0")/../.."
output=$(env -i PATH=/usr/bin:/bin make help)
for target in help run test check fmt gen build bench clean; do
  grep -q "^  make $target " <<<"$output" || { echo "make help does not list $target: $output" >&2; exit 1; }
done
[ "$(env -i PATH=/usr/bin:/bin make)" = "$output" ] || { echo "make alone is not make help" >&2; exit 1; }
echo "make help smoke: all targets listed"
