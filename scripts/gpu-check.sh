#!/usr/bin/env bash
# Proves or refutes on a machine with a GPU what the software GPU can only suggest: that the
# device passes the exam, that merges give the bytes of the CPU, and how fast everything is.
# Everything goes into one report, build/gpu-report.txt; the exit code is 0 if all is well.
# usage: scripts/gpu-check.sh BINARY [MIB]
#   BINARY  the program; MIB the size of the models that are merged (default 2048)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
binary="${1:?usage: scripts/gpu-check.sh BINARY [MIB]}"
mib="${2:-2048}"
report=build/gpu-report.txt
work="$(mktemp -d "${TMPDIR:-/tmp}/gpu-check.XXXXXX")"
trap 'rm -rf "$work"' EXIT
mkdir -p build
failures=0

# step runs a command under a title; what it prints is part of the report.
step() {
  printf '\n== %s\n$ %s\n' "$1" "${*:2}"
  if "${@:2}"; then echo "-- ok"; else echo "-- FAILED ($?)"; failures=$((failures + 1)); fi
}

# same merges a recipe on two devices and compares the bytes.
same() {
  local recipe="$1" method="$2"
  printf 'version 0.1.0\nmodel "a.safetensors"\nmodel "b.safetensors"\n%s\n' "$recipe" >"$work/$method.mecha"
  "$binary" merge "$work/$method.mecha" -o "$work/cpu.safetensors" --device cpu &&
    "$binary" merge "$work/$method.mecha" -o "$work/cuda.safetensors" --device cuda &&
    "$binary" merge "$work/$method.mecha" -o "$work/auto.safetensors" --device auto &&
    cmp "$work/cpu.safetensors" "$work/cuda.safetensors" && cmp "$work/cpu.safetensors" "$work/auto.safetensors"
}

{
  echo "mecha-gpu on a GPU, $(date -u +%Y-%m-%dT%H:%MZ)"
  step 'the program' "$binary" version
  step 'the machine' sh -c 'uname -srm; grep -m1 "model name" /proc/cpuinfo; nproc; grep MemTotal /proc/meminfo'
  step 'the driver' sh -c 'command -v nvidia-smi >/dev/null && nvidia-smi || echo "no nvidia-smi"'
  step 'devices' "$binary" devices
  step 'devices, for machines' "$binary" devices --json
  step 'exam, tests of merges and of the command' make test-gpu
  step 'speeds' "$binary" bench --device auto --bytes 256MiB
  step 'speeds, for machines' "$binary" bench --device auto --bytes 256MiB --save --json
  step 'models to merge' go run ./scripts/mksample -out "$work/a.safetensors" -seed 1 -tensors "$((mib / 16))" -bytes 16777216
  step 'models to merge' go run ./scripts/mksample -out "$work/b.safetensors" -seed 2 -tensors "$((mib / 16))" -bytes 16777216
  step 'page cache' sh -c "cat '$work/a.safetensors' '$work/b.safetensors' >/dev/null"
  step 'weighted_sum: the bytes of the CPU' same 'merge "weighted_sum" &0 &1 alpha=0.3' weighted_sum
  step 'slerp: the bytes of the CPU' same 'merge "slerp" &0 &1 alpha=0.3' slerp
  step 'little device memory' "$binary" merge "$work/slerp.mecha" -o "$work/cuda.safetensors" --device cuda --max-vram 64MiB
  step 'the same bytes' cmp "$work/cpu.safetensors" "$work/cuda.safetensors"
  printf '\n%d steps failed\n' "$failures"
} >"$report" 2>&1
cat "$report"
echo "the report is in $report"
[ "$failures" -eq 0 ]
