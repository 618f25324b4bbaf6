"""Recipes go from mecha-gpu to sd-mecha 1.1.5 and back, and give the same numbers.

    scripts/reference/run.sh roundtrip.py PROGRAM [NAME...]

PROGRAM is the built mecha-gpu. Every recipe below is an expression that is both Python, for
sd-mecha, and Starlark, for mecha-gpu. Of each,

  text      both write the same .mecha text;
  ours      sd-mecha reads our text, and the recipe stored in our output, and gets our numbers;
  theirs    mecha-gpu reads its text, and the recipe stored in its output, and gets its numbers.

What mecha-gpu cannot run yet is counted as skipped. The exit code is 1 if anything differs.
"""
import logging
import pathlib
import subprocess
import sys
import tempfile

import numpy
import sd_mecha
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sd_mecha.extensions import merge_methods, model_configs

# Names in recipes: models a to c are weights of an unknown architecture, d and e differences;
# x, y, z have the keys of SDXL, small has some of them, k those of its kohya form, and p, q
# those of SD1.
MODELS = {"a": None, "b": None, "c": None, "d": None, "e": None, "x": "sdxl-sgm", "y": "sdxl-sgm", "z": "sdxl-sgm",
          "small": "sdxl-sgm", "k": "sdxl-kohya", "p": "sd1-ldm", "q": "sd1-ldm"}
DELTAS = {"d", "e"}

# name: (expression, tolerance relative to the largest element). Where sd-mecha writes another text,
# the reason is the third element.
EXACT, CLOSE, LOOSE = 0.0, 1e-6, 2e-5
RECIPES = {
    "weighted_sum": ("weighted_sum(a, b)", EXACT),
    "weighted_sum_alpha": ("weighted_sum(a, b, alpha=0.3)", EXACT),
    "weighted_sum_per_key": ("weighted_sum(a, b, alpha={'bias': 0.1, 'conv': 0.25, 'linear': 1.0, 'norm': 0.0, 'one': 2})", EXACT),
    "weighted_sum_literal": ("weighted_sum(a, b, alpha=literal({'bias': 0.5, 'conv': 0.5, 'linear': 0.75, 'norm': 0.5, 'one': 1.0}, merge_space='param'))", EXACT,
                             "it drops the merge space of a literal without a config"),
    "average": ("n_average(a, b, c)", CLOSE),
    "difference": ("a - b", EXACT),
    "sum_of_difference": ("a + (b - c)", CLOSE),
    "scaled_difference": ("a + (b - c) * 0.5", CLOSE),
    "add_difference": ("add_difference(a, b, c, alpha=0.5)", CLOSE),
    "clamped_difference": ("add_difference(a, b, c, alpha=0.5, clamp_to_ab=True)", CLOSE),
    "registered_method": ("method('add_difference')(a, d, alpha=0.25)", CLOSE),
    "slerp": ("slerp(a, b, alpha=0.4)", LOOSE),
    "perpendicular": ("add_perpendicular(a, b, c, alpha=0.7)", LOOSE),
    "clamp": ("clamp(a, b, c)", CLOSE),
    "soft_clamp": ("clamp(a, b, c, stiffness=0.5)", LOOSE),
    "geometric": ("geometric_sum(a, b, alpha=0.25)", LOOSE),
    "quotient": ("multiply_quotient(a, b, c, alpha=0.5)", LOOSE),
    "mask_1": ("weighted_sum(a, b, alpha=train_difference_mask(a, b, c, alpha=0.5))", LOOSE),
    "mask_2": ("weighted_sum(a, b, alpha=add_opposite_mask(a, b, c))", LOOSE),
    "mask_3": ("weighted_sum(a, b, alpha=add_strict_opposite_mask(a, b, c))", LOOSE),
    "cosine_a": ("add_cosine_a(a, b, alpha=0.5)", LOOSE),
    "cosine_b": ("add_cosine_b(a, b, alpha=0.5)", LOOSE),
    "nested_fallback": ("(a | b) | c", EXACT),
    "half": ("weighted_sum(a, b).to(dtype='float16')", CLOSE),
    "type_per_key": ("a.to(dtype={'bias': 'float16', 'conv': 'bfloat16', 'linear': 'float32', 'norm': 'float16', 'one': 'float16'})", EXACT),
    "ties": ("a + ties_sum(d, e, k=0.5)", LOOSE),
    "ties_extended": ("a + ties_sum_extended(d, e, k=0.5, apply_stock=True)", LOOSE),
    "stock": ("a + model_stock(d, e)", LOOSE),
    "region": ("copy_region(a, b, width=0.5, offset=0.25)", EXACT),
    "top_k": ("top_k_tensor_sum(a, b, width=0.5, offset=0.1)", EXACT),
    "median": ("geometric_median(a, b, c)", 1e-3),
    "crossover": ("crossover(a, b, alpha=0.5, tilt=0.25)", 1e-4),
    "shared": ("weighted_sum(weighted_sum(a, b), weighted_sum(a, b), alpha=weighted_sum(literal(0.25), literal(0.75)))", CLOSE),
    "component": ("pick_component(weighted_sum(x, y), 'diffuser') | z", EXACT),
    "without_component": ("omit_component(weighted_sum(x, y), 'vae') | z", EXACT),
    "partial_model": ("small | x", EXACT),
    "literal_of_nodes": ("literal({'model.diffusion_model.out.0.bias': x, 'model.diffusion_model.out.0.weight': y}, 'sdxl-sgm') | z", EXACT),
    "blocks": ("weighted_sum(x, y, alpha=blocks({'BASE': 0.25, 'IN00': 0.5, 'M00': 1.0}, 'sdxl-sgm') | 0.125)", EXACT),
    "blocks_of_sd1": ("weighted_sum(p, q, alpha=blocks({'BASE': 0.25, 'IN11': 0.5, 'OUT03': 1.0}, 'sd1-ldm') | 0.0)", EXACT),
    "to_kohya": ("convert(x, 'sdxl-kohya')", EXACT),
    # not the text encoder: sd-mecha stacks the biases of its projections to matrices
    "to_sgm": ("weighted_sum(convert(pick_component(k, 'diffuser'), 'sdxl-sgm'), x)", EXACT),
}


def small_shape(shape):
    """A tiny shape that keeps what conversions need: equal axes stay equal, thirds stay thirds."""
    return [6 if d in (3840, 2304) else min(d, 2) for d in shape]


def make_models(folder):
    shapes = {"linear": (24, 16), "conv": (8, 4, 3, 3), "bias": (24,), "norm": (7,), "one": (1,)}
    for seed, (name, config) in enumerate(MODELS.items()):
        g = torch.Generator().manual_seed(seed)
        if config is None:
            state = {k: torch.randn(s, generator=g) * (0.02 if name in DELTAS else 1) for k, s in shapes.items()}
        else:
            keys = model_configs.resolve(config).keys()
            state = {k: torch.randn(small_shape(v.shape), generator=g) for k, v in keys.items() if v.shape is not None}
            if name == "small":
                state = dict(list(state.items())[100:1500])
            if name == "k":  # shapes of converted keys follow from those of the others
                numbers, _ = theirs_merge(sd_mecha.convert(sd_mecha.model("z.safetensors", "sdxl-sgm"), config))
                state = numbers
        save_file(state, folder / f"{name}.safetensors")


def arguments(name, config):
    args = [repr(f"{name}.safetensors")]
    if config is not None:
        args.append(f"config={config!r}")
    if name in DELTAS:
        args.append("merge_space='delta'")
    return ", ".join(args)


def python_recipe(expression):
    names = {k: v for k, v in vars(sd_mecha).items() if callable(v)}
    names["method"] = merge_methods.resolve
    names["blocks"] = lambda weights, config: sd_mecha.convert(sd_mecha.literal(weights), config)
    names["model"] = lambda path, config=None, merge_space="weight": sd_mecha.model(path, config, merge_space)
    for name, config in MODELS.items():
        names[name] = eval(f"model({arguments(name, config)})", names)
    return eval(expression, names)


def starlark_recipe(expression):
    lines = [f"{name} = model({arguments(name, config)})" for name, config in MODELS.items()]
    return "\n".join(lines) + f"\nout = {expression}\n"


class Unavailable(Exception):
    pass


class Ours:
    """mecha-gpu."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, *args):
        done = subprocess.run([self.program, *args], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise (Unavailable if "not available yet" in done.stderr else RuntimeError)(done.stderr.strip())
        return done.stdout

    def text(self, path):
        return self.run("recipe", "show", str(path)).rstrip("\n")

    def merge(self, recipe, out):
        self.run("merge", str(recipe), "-o", str(out), "--merge-space", "any", "--quiet")
        return load_file(out)


def theirs_merge(recipe):
    """Numbers and stored recipe. Merged in memory, because sd-mecha writes corrupt files of tensors
    that are parts of others."""
    state = dict(sd_mecha.merge(recipe, merge_dtype=torch.float32, output_dtype=None, output_device=None, threads=0, strict_merge_space=None,
                                tqdm=QuietProgress))
    text = state.pop("__metadata__")["mecha_recipe"]
    return {k: v.detach().clone().contiguous() for k, v in state.items()}, text


class QuietProgress:
    def __init__(self, *args, **kwargs):
        pass

    def update(self, *args, **kwargs):
        pass

    def set_postfix(self, *args, **kwargs):
        pass

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass


def stored_recipe(path):
    with safe_open(path, "pt") as f:
        return f.metadata()["mecha_recipe"]


def differences(got, want, tolerance):
    if got.keys() != want.keys():
        missing, extra = sorted(want.keys() - got.keys()), sorted(got.keys() - want.keys())
        return [f"keys: {len(missing)} missing {missing[:3]}, {len(extra)} more {extra[:3]}"]
    found = []
    for key in sorted(want):
        g, w = got[key], want[key]
        if g.shape != w.shape or g.dtype != w.dtype:
            found.append(f"{key}: {g.dtype} {list(g.shape)}, expected {w.dtype} {list(w.shape)}")
            continue
        g, w = g.double().numpy(), w.double().numpy()
        error = numpy.abs(g - w).max(initial=0.0)
        if not error <= tolerance * numpy.abs(w).max(initial=0.0):
            found.append(f"{key}: differs by {error:g}")
    return found[:3] + ([f"and {len(found) - 3} more"] if len(found) > 3 else [])


def check(ours, folder, expression, tolerance, other_text=None):
    recipe = python_recipe(expression)
    (folder / "ours.star").write_text(starlark_recipe(expression))
    (folder / "theirs.mecha").write_text(sd_mecha.serialize(recipe, finalize=False))
    found = []

    text = ours.text("ours.star")
    if other_text is None and text != (folder / "theirs.mecha").read_text():
        found.append(f"text: we write\n{text}\nthey write\n{(folder / 'theirs.mecha').read_text()}")

    our_numbers = ours.merge("ours.star", folder / "ours.safetensors")
    for what, source in ("our text", text), ("the recipe in our output", stored_recipe(folder / "ours.safetensors")):
        numbers, _ = theirs_merge(sd_mecha.deserialize(source))
        found += [f"ours: sd-mecha with {what}: {d}" for d in differences(our_numbers, numbers, tolerance)]

    their_numbers, stored = theirs_merge(recipe)
    save_file(their_numbers, folder / "theirs.safetensors", {"mecha_recipe": stored})
    for what, source in ("their text", "theirs.mecha"), ("the recipe in their output", "theirs.safetensors"):
        numbers = ours.merge(source, folder / "check.safetensors")
        found += [f"theirs: mecha-gpu with {what}: {d}" for d in differences(numbers, their_numbers, tolerance)]
    return found


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    logging.disable(logging.WARNING)
    program, wanted = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:] or list(RECIPES)
    passed, failed, skipped = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        sd_mecha.extensions.model_dirs.add_path(folder)
        make_models(folder)
        ours = Ours(program, folder)
        for name in wanted:
            try:
                found = check(ours, folder, *RECIPES[name])
            except Unavailable as e:
                skipped += 1
                print(f"skip  {name}: {e}")
                continue
            except Exception as e:  # one recipe does not keep the others from being tried
                found = [f"{type(e).__name__}: {e}"]
            failed, passed = failed + bool(found), passed + (not found)
            print(f"{'FAIL' if found else 'ok'}    {name}", *found, sep="\n      " if found else "")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
