#!/usr/bin/env bash
# Makes build/cuda: the headers of CUDA 12.9 (include) and an empty libcuda.a (lib), which
# gorgonia.org/cu needs to be built. The headers come from NVIDIA's wheel on the Python package
# index, by pip; they are used here and not part of the project.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
wheel=nvidia-cuda-runtime-cu12==12.9.79
out=build/cuda
[ -e "$out/include/cuda.h" ] && [ -e "$out/lib/libcuda.a" ] && exit
mkdir -p "$out/lib" "$out/wheel"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$out/wheel" "$wheel"
python3 -m zipfile -e "$out"/wheel/nvidia_cuda_runtime*.whl "$out/wheel/files"
rm -rf "$out/include"
mv "$out/wheel/files/nvidia/cuda_runtime/include" "$out/include"
rm -rf "$out/wheel"
ar rcs "$out/lib/libcuda.a"
echo "cuda-headers: $wheel in $out/include"
