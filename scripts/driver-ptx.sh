#!/usr/bin/env bash
# Compiles the kernels of the driver's tests to PTX with clang, without any file of NVIDIA's.
# With "check" it only compares; another version of clang than the one that made the
# committed file is a warning.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../cuda/driver"
clang="${CLANG:-clang-19}"
if ! command -v "$clang" >/dev/null; then
  echo "driver-ptx: $clang is not installed; the committed PTX is not compared" >&2
  [ "${1:-}" = check ]
  exit
fi
out="$(mktemp)"
trap 'rm -f "$out" "$out.s"' EXIT
"$clang" -x cuda -nocudainc -nocudalib --cuda-device-only --cuda-gpu-arch=sm_70 \
  -Xclang -target-feature -Xclang +ptx70 -O2 -ffp-contract=off -S testdata/kernels.cu -o "$out.s"
{
  echo "// Made from testdata/kernels.cu by $("$clang" --version | sed -n '1s/.*clang version \([0-9.]*\).*/clang \1/p'); see scripts/driver-ptx.sh."
  sed -e 's#[ \t]*//.*##' -e '/^[ \t]*$/d' "$out.s"
} >"$out"
if [ "${1:-}" != check ]; then
  cp "$out" drivertest/kernels.ptx
elif ! cmp -s "$out" drivertest/kernels.ptx; then
  if [ "$(head -1 "$out")" = "$(head -1 drivertest/kernels.ptx)" ]; then
    echo 'driver-ptx: cuda/driver/drivertest/kernels.ptx is not what testdata/kernels.cu makes; run scripts/driver-ptx.sh' >&2
    exit 1
  fi
  echo "driver-ptx: compiled by another clang, not compared: $(head -1 drivertest/kernels.ptx)" >&2
fi
