"""Merges a real model with a perturbed sibling and compares every element with NumPy.

usage: realmodel.py BINARY MODEL FOLDER

The merge is weighted_sum with alpha = 0.3. Its definition in float32, with every input
converted to float32 first, is

    d = b - a                   one rounding
    r = fma(alpha, d, a)        one rounding

and r is rounded once more to the element type of the output, to nearest, ties to even.
The fma is computed here in float64: the product is exact, the sum is rounded to odd, so
that the rounding to float32 is right. The tolerance is zero: every element must have the
bits that this gives.

Files are written and read by the safetensors package, not by the program under test.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
from safetensors import TensorSpec, deserialize, safe_open, serialize

ALPHA = np.float32(0.3)
DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64"}


def to_f32(raw, dtype):
    """Elements as float32; every F16 and BF16 number is one."""
    if dtype == "BF16":
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[dtype]).astype("<f4")


def from_f32(x, dtype):
    """Bytes of finite float32 numbers rounded to dtype, to nearest, ties to even."""
    if dtype == "BF16":
        u = x.view("<u4")
        return ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype("<u2").tobytes()
    return x.astype({"F32": "<f4", "F16": "<f2"}[dtype]).tobytes()


def fma(x, y, z):
    """float32 x*y + z with one rounding."""
    p, z = np.float64(x) * y.astype(np.float64), z.astype(np.float64)
    s = p + z
    t = s - p
    rest = (p - (s - t)) + (z - t)  # what the sum lost, exactly
    bits = s.view(np.int64)
    even = (rest != 0) & (bits & 1 == 0)
    away = (rest > 0) == (s > 0)  # the exact sum is further from 0 than s
    return np.where(even, np.where(away, bits + 1, bits - 1), bits).view(np.float64).astype(np.float32)


def read(path):
    """State dict of a file: key -> (dtype, shape, bytes)."""
    return {k: (v["dtype"], tuple(v["shape"]), bytes(v["data"])) for k, v in deserialize(path.read_bytes())}


def write(path, state):
    """Writes a state dict."""
    arrays = {k: np.frombuffer(raw, "u1") for k, (_, _, raw) in state.items()}  # alive until serialize returns
    specs = {k: TensorSpec(dtype=DTYPES[d], shape=list(s), data_ptr=arrays[k].ctypes.data, data_len=arrays[k].nbytes) for k, (d, s, _) in state.items()}
    path.write_bytes(serialize(specs, {"format": "pt"}))


def cast(state, dtype):
    """Floats of a state dict in another element type."""
    return {k: (d, s, raw) if d == "I64" else (dtype, s, from_f32(to_f32(raw, d), dtype)) for k, (d, s, raw) in state.items()}


def perturbed(state):
    """A sibling: weights with one percent of noise, integers plus one."""
    rng = np.random.default_rng(1)
    out = {}
    for k, (d, s, raw) in state.items():
        if d == "I64":
            out[k] = (d, s, (np.frombuffer(raw, "<i8") + 1).tobytes())
        else:
            x = to_f32(raw, d)
            out[k] = (d, s, (x * (1 + 0.01 * rng.standard_normal(x.size))).astype("<f4").tobytes())
    return out


def merged(a, b, output):
    """The merge by NumPy."""
    out = {}
    for k, (d, s, raw) in a.items():
        if d == "I64":
            out[k] = (d, s, raw)
            continue
        x, y = to_f32(raw, d), to_f32(b[k][2], b[k][0])
        out[k] = (output or d, s, from_f32(fma(ALPHA, y - x, x), output or d))
    return out


def check(path, want):
    """Compares a file with the expected state dict and returns the number of elements."""
    with safe_open(str(path), framework="numpy") as f:
        meta = f.metadata()
        assert sorted(f.keys()) == sorted(want), "keys differ"
    assert meta.get("format") == "pt" and "weighted_sum" in meta.get("mecha_recipe", ""), meta
    got = read(path)
    for k, (d, s, raw) in want.items():
        assert got[k][:2] == (d, s), f"{k}: {got[k][:2]}, want {(d, s)}"
        assert got[k][2] == raw, f"{k}: {sum(x != y for x, y in zip(got[k][2], raw))} bytes differ"
    return sum(int(np.prod(s)) for _, s, _ in want.values())


def main(binary, model, folder):
    folder.mkdir(parents=True, exist_ok=True)
    a = read(model)
    b = perturbed(a)
    kinds = sorted({d for d, _, _ in a.values()})
    print(f"real-model: {model.name}: {len(a)} tensors of {', '.join(kinds)}")
    assert "I64" in kinds, "the model was chosen for its I64 tensor"
    (folder / "recipe.mecha").write_text('version 0.1.0\nmodel "a.safetensors"\nmodel "b.safetensors"\nmerge "weighted_sum" &0 &1 alpha=0.3\n')
    for stored, output in [("F32", None), ("F16", None), ("BF16", None), ("F32", "F16"), ("F32", "BF16")]:
        x, y = cast(a, stored), cast(b, stored)
        write(folder / "a.safetensors", x)
        write(folder / "b.safetensors", y)
        out = folder / "out.safetensors"
        args = [binary, "merge", str(folder / "recipe.mecha"), "-o", str(out), "--model-dir", str(folder), "--max-ram", "64MiB", "--json"]
        if output:
            args += ["--output-dtype", DTYPES[output]]
        done = subprocess.run(args, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout.splitlines()[-1])
        assert report["type"] == "report" and report["keys"]["integers_passed_through"] == 1, report["keys"]
        n = check(out, merged(x, y, output))
        print(f"real-model: {stored} to {output or stored}: {n} elements equal NumPy bit for bit")


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
