#!/usr/bin/env bash
# Checks the committed PTX of cuda/kernels:
#
#   - compiled again by the clang of clang.version it has the same bytes (another version is
#     compared too, but a difference is only reported);
#   - every addition, multiplication, division and root names its rounding, and no path is in it;
#   - ptxas assembles it for every generation of GPUs, and no kernel spills or has a stack frame.
#
# What cannot be checked because a tool is missing is said, and is no failure. CLANG and PTXAS
# name the tools; scripts/kernels/install.sh fetches them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ptx=cuda/kernels/kernels.ptx
clang=${CLANG:-clang-19}
ptxas=${PTXAS:-build/ptxas/nvidia/cuda_nvcc/bin/ptxas}
architectures='70 75 80 86 89 90 100 120'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compare() {
  local made recorded
  if ! made=$("$clang" --version 2>/dev/null | head -1); then
    echo "kernels: no $clang: the PTX was not compiled again"
    return
  fi
  recorded=$(cat cuda/kernels/clang.version)
  scripts/kernels/build.sh "$work/kernels.ptx"
  if cmp -s "$work/kernels.ptx" "$ptx"; then
    echo "kernels: $made makes the same PTX"
  elif [ "$made" = "$recorded" ]; then
    echo "kernels: $ptx is not what $made makes; run make kernels" >&2
    return 1
  else
    echo "kernels: warning: $made makes other PTX than $recorded"
  fi
}

# An operation without .rn may be fused by ptxas with the one that uses it.
roundings() {
  if grep -nE '\b((add|sub|mul|fma|div|sqrt)\.f(32|64)|(add|sub|mul|fma|div|sqrt)(\.[a-z]+)*\.(approx|full|ftz))' "$ptx"; then
    echo "kernels: operations that do not round to nearest" >&2
    return 1
  fi
  if grep -nE '/(work|home|tmp|usr)/' "$ptx"; then
    echo "kernels: paths in the PTX" >&2
    return 1
  fi
}

# Prints registers by kernel and architecture.
assemble() {
  if [ ! -x "$ptxas" ]; then
    echo "kernels: no ptxas: registers and spills were not checked"
    return
  fi
  local bad=0
  echo "kernels: registers of a thread, by ${ptxas##*/} $("$ptxas" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')"
  for a in $architectures; do
    "$ptxas" -v -arch="sm_$a" "$ptx" -o "$work/cubin" 2>"$work/log" || { cat "$work/log" >&2; return 1; }
    awk -v arch="sm_$a" '
      /Compiling entry function/ { split($0, part, "\047"); name = part[2] }
      /bytes stack frame/ { if ($1 + $5 + $9 > 0) { print "kernels: " arch " " name ": " $0 > "/dev/stderr"; bad = 1 } }
      /Used [0-9]+ registers/ { for (i = 1; i < NF; i++) if ($i == "Used") line = line sprintf("  %s %s", name, $(i + 1)) }
      END { printf "  %-7s%s\n", arch, line; exit bad }' "$work/log" || bad=1
  done
  return $bad
}

compare
roundings
assemble
