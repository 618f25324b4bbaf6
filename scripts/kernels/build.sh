#!/usr/bin/env bash
# Compiles the .cu files of cuda/kernels into one PTX module.
#
#   scripts/kernels/build.sh OUT.ptx
#
# PTX ISA 7.0 for sm_70: every driver from CUDA 11.0 on takes it and every GPU from Volta on
# runs it. Contraction is off: an operation that rounds twice on the CPU does so on the GPU.
# CLANG names the compiler (clang-19). The file clang.version beside the PTX says which one
# made what is committed.
set -euo pipefail
out=$1
clang=${CLANG:-clang-19}
cd "$(dirname "${BASH_SOURCE[0]}")/../../cuda/kernels"

# One module has all kernels; the text comes from standard input, so that no path is in it.
printf '#include "%s"\n' *.cu | "$clang" -x cuda - -o - -S -I. \
  -nocudainc -nocudalib --cuda-device-only --cuda-gpu-arch=sm_70 -Xclang -target-feature -Xclang +ptx70 \
  -fms-extensions -std=c++17 -O3 -ffp-contract=off -Wall -Wextra -Werror |
  sed -E -e '/^[[:space:]]*\/\//d' -e 's/[[:space:]]*\/\/.*$//' -e '/^[[:space:]]*$/d' > "$out.new"
mv "$out.new" "$out"
