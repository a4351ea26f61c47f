#!/usr/bin/env bash
# A short `make bench` of most groups: each row and system is measured, and nothing is left running. Its figures say nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
BENCH_ROUNDS=1 BENCH_SECONDS=1 make bench BENCH_ONLY=plain,llm,idle,reload BENCH_OUT="$work/bench.json"
scripts/with-tools node -e '
  const rows = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
  const fields = ["cpuMicrosPerRequest", "requestsPerSecond", "p50Ms", "p99Ms", "rssMb", "ratioToNginx"];
  const missing = ["plain-1k", "llm-chat-1k", "llm-stream-50"].flatMap((name) =>
    ["agentgateway", "nginx", "haproxy", "direct"].filter((system) => {
      const row = rows.find((row) => row.name === name && row.system === system);
      return !row || fields.some((field) => !(row[field] > 0));
    }).map((system) => name + " " + system));
  if (missing.length > 0) { console.error("bench smoke: not measured: " + missing.join(", ")); process.exit(1); }
' "$work/bench.json"
echo "bench smoke: all rows measured"
