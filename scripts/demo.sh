#!/usr/bin/env bash
# The demo of the README: two small checkpoints, a recipe, a merge, and a look at the result.
# usage: scripts/demo.sh BINARY
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
binary="${1:?usage: scripts/demo.sh BINARY}"

# show prints a command as a person would type it, and runs it.
show() {
  printf '\n$ mecha-gpu %s\n' "$*"
  "$binary" "$@"
}

mkdir -p demo
echo 'Two small checkpoints, as two fine-tunes of one model would be:'
for name in a b; do
  seed="$(printf '%d' "'$name")"
  go run ./scripts/mksample -out "demo/$name.safetensors" -seed "$seed"
done
ls -l demo/a.safetensors demo/b.safetensors

cat >demo/blend.mecha <<'RECIPE'
version 0.1.0
model "a.safetensors"
model "b.safetensors"
merge "weighted_sum" &0 &1 alpha=0.3
RECIPE
printf '\nThe recipe demo/blend.mecha, 70 %% of a and 30 %% of b:\n\n'
cat demo/blend.mecha

show vet demo/blend.mecha
show plan demo/blend.mecha --max-ram 64MiB
show merge demo/blend.mecha -o demo/blend.safetensors --max-ram 64MiB
show inspect demo/blend.safetensors
