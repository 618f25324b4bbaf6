#!/usr/bin/env bash
# Generates the committed code again, in a copy, and requires the same bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ ! -d kernels/simd/gen ]; then
  echo 'generate-check: nothing is generated'
  exit 0
fi
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT
go run -C kernels/simd/gen . -out "$out"
status=0
for f in "$out"/*; do
  name="$(basename "$f")"
  if ! cmp "$f" "kernels/simd/$name"; then
    echo "generate-check: kernels/simd/$name is not what the generator makes; run go generate ./kernels/simd"
    status=1
  fi
done
if [ -z "$(ls -A "$out")" ]; then
  echo 'generate-check: the generator made no file'
  status=1
fi
exit $status
