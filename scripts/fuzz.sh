#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time and prints the executions.
# usage: scripts/fuzz.sh 3s
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time="${1:?usage: scripts/fuzz.sh TIME}"
found=0
for pkg in $(go list ./...); do
  dir="$(go list -f '{{.Dir}}' "$pkg")"
  # Listing the tests compiles them; most packages have no fuzz target.
  grep -qs '^func Fuzz' "$dir"/*_test.go || continue
  targets="$(go test -list '^Fuzz' "$pkg")"
  for target in $(grep '^Fuzz' <<<"$targets"); do
    found=$((found + 1))
    echo "fuzz: $pkg $target for $time"
    log="$(go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -parallel 2 "$pkg" 2>&1)" || { echo "$log"; exit 1; }
    # The known inputs run first; if they alone take the time, nothing is counted.
    grep 'execs:' <<<"$log" | tail -n 1 || grep 'baseline' <<<"$log" | tail -n 1
  done
done
echo "fuzz: $found targets"
