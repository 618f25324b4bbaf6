#!/bin/sh
# Runs a script of this folder with sd-mecha 1.1.5, the reference for recipes:
#
#   scripts/reference/run.sh roundtrip.py [ARGUMENT...]
#
# sd-mecha and PyTorch are installed, once, into a virtual environment outside the repository:
# MECHA_REFERENCE, or a folder in the user's cache. SD_MECHA may name a checkout of sd-mecha that
# is used instead of the package. Python 3.10 or later is needed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
script=$1
shift
venv=${MECHA_REFERENCE:-${XDG_CACHE_HOME:-$HOME/.cache}/mecha-gpu/reference}
if [ ! -x "$venv/bin/python" ]; then
	python3 -m venv "$venv"
fi
if ! "$venv/bin/python" -c 'import torch, scipy, safetensors, fuzzywuzzy, yaml, tqdm' 2>/dev/null; then
	"$venv/bin/python" -m pip install --quiet torch numpy scipy tqdm fuzzywuzzy python-Levenshtein PyYAML safetensors
fi
if [ -n "${SD_MECHA:-}" ]; then
	PYTHONPATH=$SD_MECHA
	export PYTHONPATH
elif ! "$venv/bin/python" -c 'import sd_mecha' 2>/dev/null; then
	"$venv/bin/python" -m pip install --quiet --no-deps sd-mecha==1.1.5
fi
exec "$venv/bin/python" "$here/$script" "$@"
