#!/usr/bin/env bash
# Compares cuda/driver/gorgoniacu/symbols.h with the functions of the driver that
# gorgonia.org/cu leaves undefined when it is compiled with the headers in build/cuda.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
CGO_CFLAGS="-I$PWD/build/cuda/include" CGO_LDFLAGS="-L$PWD/build/cuda/lib" go build -o "$work/cu.a" gorgonia.org/cu
(cd "$work" && ar x cu.a)
symbols() { find "$work" -name '*.o' ! -name '_go_.o' -exec nm "$@" {} + | awk '/ cu[A-Z]/ {print $NF}' | sort -u; }
symbols --undefined-only >"$work/undefined"
symbols --defined-only --extern-only >"$work/defined"
comm -23 "$work/undefined" "$work/defined" | grep -v '^cuInit$' >"$work/want"
sed -n 's/^  X(\(.*\)).*/\1/p' cuda/driver/gorgoniacu/symbols.h | sort >"$work/have"
diff "$work/have" "$work/want" || { echo 'cu-symbols: cuda/driver/gorgoniacu/symbols.h (<) is not what gorgonia.org/cu calls (>)'; exit 1; }
