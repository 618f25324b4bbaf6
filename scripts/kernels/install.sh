#!/usr/bin/env bash
# Fetches the tools that scripts/kernels/check.sh uses, where they are missing: clang-19 from
# the distribution, ptxas from the wheel nvidia-cuda-nvcc-cu12 (into build/ptxas). What cannot
# be had is said, and is no failure.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
wheel=nvidia-cuda-nvcc-cu12==12.9.86

clang() {
  command -v clang-19 >/dev/null && return
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
  apt-get install -y --no-install-recommends clang-19 >/dev/null 2>&1 ||
    { apt-get update && apt-get install -y --no-install-recommends clang-19; } >/dev/null 2>&1
}

ptxas() {
  [ -x build/ptxas/nvidia/cuda_nvcc/bin/ptxas ] && return
  mkdir -p build/ptxas || return
  python3 -m pip download -q --disable-pip-version-check --no-deps -d build/ptxas "$wheel" >/dev/null 2>&1 || return
  python3 - <<'PY' || return
import glob, os, zipfile
for wheel in glob.glob("build/ptxas/*.whl"):
    zipfile.ZipFile(wheel).extract("nvidia/cuda_nvcc/bin/ptxas", "build/ptxas")
    os.chmod("build/ptxas/nvidia/cuda_nvcc/bin/ptxas", 0o755)
    os.remove(wheel)
PY
}

clang || echo "kernels: clang-19 could not be installed"
ptxas || echo "kernels: ptxas could not be fetched"
